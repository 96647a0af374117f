"""Decode a video file frame by frame, upright and with its own timestamps."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Stream
from av.video.frame import VideoFrame

from merkit.errors import VideoError
from merkit.types import U8, Frame, VideoInfo
from merkit.video.container import Clock, OpenVideo, open_video, outside
from merkit.video.packets import (
    Entry,
    Keys,
    check_last_frame,
    count_packets,
    entry_before,
    iter_packets,
)

Pictures = Generator[tuple[int, float, VideoFrame]]


@dataclass(frozen=True, slots=True)
class _Orientation:
    """Swap rows and columns first, then mirror left-right (x), then top-bottom (y)."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False
    rotation_deg: int = 0  # clockwise: 0, 90, 180 or 270


def iter_video(
    path: Path,
    first: int | None,
    last: int | None,
    keep: Callable[[int], bool],
    keys: Keys | None = None,
) -> Iterator[Frame]:
    """Frames ``first`` to ``last`` of a file, in order of presentation, that ``keep`` holds for.

    One frame is held at a time. ``number`` is the 0-based decoding position, ``time_s`` the
    frame's own timestamp less that of frame 0. Rotation metadata is obeyed.

    Args:
        keys: of the file, where they are known; else its packets are read before a jump.

    Raises:
        MissingDataError: no such file.
        VideoError: no video, a damaged frame, an early end, a change of size, or a range
            that reaches beyond the file.
    """
    number = -1
    size: tuple[int, int] | None = None
    orientation = _Orientation()
    with closing(_pictures(path, first or 0, keys)) as pictures:
        for number, time_s, picture in pictures:
            if size is None:
                # Once a file: asking a picture for its side data ties it into a reference
                # cycle, and pictures would then pile up until the garbage collector runs.
                size, orientation = (picture.width, picture.height), _orientation(path, picture)
            if size != (picture.width, picture.height):
                raise VideoError(
                    f"'{path}' changes size at frame {number}: from {size[0]}x{size[1]} to "
                    f"{picture.width}x{picture.height}",
                    "one size throughout",
                )
            if number >= (first or 0) and keep(number):
                yield Frame(number, time_s, _upright(picture, orientation))
            if last is not None and number >= last:
                return
    if number < max(first or 0, last or 0):
        raise outside(path, first, last, 0, number)


def count_video(path: Path) -> int:
    """Number of frames, by reading packets where the codec allows it, else by decoding.

    Raises:
        As ``iter_video``.
    """
    count = count_packets(path)
    return sum(1 for _ in _pictures(path)) if count is None else count


def probe_video(path: Path) -> VideoInfo:
    """What the container says, after decoding one frame to prove that it can be done.

    Raises:
        As ``iter_video``.
    """
    with closing(_pictures(path)) as pictures:
        _, _, picture = next(pictures)
        orientation = _orientation(path, picture)
    width, height = picture.width, picture.height
    if orientation.swap:
        width, height = height, width
    with open_video(path) as video:
        frames, degrees = video.stream.frames or None, orientation.rotation_deg
        has_audio = bool(video.container.streams.audio)
        return VideoInfo(
            path, width, height, video.fps_hz, frames, video.duration_s, degrees, has_audio
        )


def _pictures(path: Path, first: int = 0, keys: Keys | None = None) -> Pictures:
    """(number, time_s, picture) of every frame, from ``first`` or somewhat before it.

    A jump to a key frame can fail in ways only the decoder knows (streams without true key
    frames); then, or when the file is damaged, decoding from frame 0 has the last word.
    """
    following = 0
    entry = entry_before(path, first) if keys is None else keys.entry_before(first)
    if entry is not None:
        try:
            for item in _pictures_from(path, entry):
                yield item
                following = item[0] + 1
        except (VideoError, FFmpegError):
            pass
        else:
            if following:
                return
    for item in _pictures_from(path, None):
        if item[0] >= following:
            yield item


def _pictures_from(path: Path, entry: Entry | None) -> Pictures:
    """Decode from a key frame (None: frame 0) to the end; nothing when the jump misses it."""
    with open_video(path) as video:
        clock = Clock(video)
        if entry is not None:
            video.container.seek(entry.pts, stream=video.stream)
            video.frames, video.partial = entry.number, True
            clock = Clock(video, entry.first_pts)
        for packet in iter_packets(video):
            if entry is not None and packet.pts is not None and packet.pts < entry.pts:
                continue  # the jump landed early
            for picture in _decode(video, packet):
                if entry is not None and video.frames == entry.number and picture.pts != entry.pts:
                    return
                if picture.is_corrupt:
                    raise video.damaged(video.frames, "the decoder marks it as broken")
                yield video.frames, clock.time_s(picture.pts), picture
                video.frames += 1
                video.last_frame_pts = picture.pts
        if video.frames == 0:
            raise video.no_frames()
        check_last_frame(video)


def _decode(video: OpenVideo, packet: Packet[Stream]) -> list[VideoFrame]:
    try:
        return [f for f in packet.decode() if isinstance(f, VideoFrame)]
    except FFmpegError as error:
        raise video.damaged(video.frames, str(error.strerror)) from error


def _orientation(path: Path, picture: VideoFrame) -> _Orientation:
    """Read a picture's display matrix: nine native 32-bit integers (a b u / c d v / x y w).

    Phones store the picture as the sensor saw it and say how to show it: a point (p, q), q
    pointing down, goes to (a p + c q, b p + d q) (ISO/IEC 14496-12, track header).

    Raises:
        VideoError: it is not a whole number of quarter turns, which does not occur in practice.
    """
    data = picture.side_data.get("DISPLAYMATRIX")
    matrix = bytes(data) if isinstance(data, SideData) else b""
    if len(matrix) < 36:
        return _Orientation()
    values = np.frombuffer(matrix[:36], np.int32).astype(np.float64)
    a, b, c, d = (float(values[i]) for i in (0, 1, 3, 4))
    largest = max(abs(a), abs(b), abs(c), abs(d))
    if largest == 0:
        return _Orientation()
    a, b, c, d = (0.0 if abs(x) < 0.01 * largest else x for x in (a, b, c, d))
    angle = math.degrees(math.atan2(b, a)) % 360
    if a != 0 and d != 0 and b == 0 and c == 0:
        return _Orientation(False, a < 0, d < 0, round(angle))
    if b != 0 and c != 0 and a == 0 and d == 0:
        return _Orientation(True, c < 0, b < 0, round(angle))
    raise VideoError(
        f"'{path}': its rotation metadata asks for a turn of {angle:.1f} degrees",
        "a whole number of quarter turns",
    )


def _upright(picture: VideoFrame, orientation: _Orientation) -> U8:
    """The picture as RGB (H, W, 3), turned as it is to be shown; contiguous."""
    rgb = picture.to_ndarray(format="rgb24").view(np.uint8)
    if orientation.swap:
        rgb = rgb.transpose(1, 0, 2)
    if orientation.mirror_x:
        rgb = rgb[:, ::-1]
    if orientation.mirror_y:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
