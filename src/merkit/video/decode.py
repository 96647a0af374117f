"""Decode a video file frame by frame, with its own timestamps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Stream
from av.video.frame import VideoFrame

from merkit.errors import VideoError
from merkit.types import U8, Frame, VideoInfo
from merkit.video.clock import Clock, duration_of, fps_of
from merkit.video.container import damaged, no_frames, open_video
from merkit.video.orient import Orientation, orientation_of, upright
from merkit.video.packets import Entry, count_packets, entry_before, iter_packets
from merkit.video.ranges import outside
from merkit.video.truncation import Progress, check_last_frame


def iter_video(
    path: Path, first: int | None, last: int | None, keep: Callable[[int], bool]
) -> Iterator[Frame]:
    """Frames ``first`` to ``last`` of a file, in order of presentation, that ``keep`` holds for.

    One frame is held at a time. ``number`` is the 0-based decoding position, ``time_s`` the
    frame's own timestamp less that of frame 0. Rotation metadata is obeyed.

    Raises:
        MissingDataError: no such file.
        VideoError: no video, a damaged frame, an early end, a change of size, or a range
            that reaches beyond the file.
    """
    number = -1
    size: tuple[int, int] | None = None
    orientation = Orientation()
    with closing(_pictures(path, first or 0)) as pictures:
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
                yield Frame(number, time_s, _rgb(picture, orientation))
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
    if count is not None:
        return count
    return sum(1 for _ in _pictures(path))


def probe_video(path: Path) -> VideoInfo:
    """What the container says, after decoding one frame to prove that it can be done.

    Width and height are those of the upright picture, ``rotation_deg`` the clockwise turn
    that makes it so.

    Raises:
        As ``iter_video``.
    """
    with closing(_pictures(path)) as pictures:
        _, _, picture = next(pictures)
        orientation = _orientation(path, picture)
    width, height = picture.width, picture.height
    if orientation.swap:
        width, height = height, width
    with open_video(path) as (container, stream):
        return VideoInfo(
            path,
            width,
            height,
            fps_of(stream),
            stream.frames or None,
            duration_of(container, stream),
            orientation.rotation_deg,
        )


def _pictures(path: Path, first: int = 0) -> Generator[tuple[int, float, VideoFrame]]:
    """(number, time_s, picture) of every frame, from ``first`` or somewhat before it.

    A jump to a key frame can fail in ways only the decoder knows (streams without true key
    frames); then, or when the file is damaged, decoding from frame 0 has the last word.
    """
    following = 0
    entry = entry_before(path, first)
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


def _pictures_from(path: Path, entry: Entry | None) -> Generator[tuple[int, float, VideoFrame]]:
    """Decode from a key frame (None: frame 0) to the end; nothing when the jump misses it."""
    with open_video(path) as (container, stream):
        seen = Progress()
        clock = Clock(container, stream)
        if entry is not None:
            container.seek(entry.pts, stream=stream)
            seen = Progress(frames=entry.number, partial=True)
            clock = Clock(container, stream, entry.first_pts)
        for packet in iter_packets(path, container, stream, seen):
            if entry is not None and packet.pts is not None and packet.pts < entry.pts:
                continue  # the jump landed early
            for picture in _decode(path, packet, seen):
                if entry is not None and seen.frames == entry.number and picture.pts != entry.pts:
                    return
                if picture.is_corrupt:
                    raise damaged(path, seen.frames, "the decoder marks it as broken")
                yield seen.frames, clock.time_s(picture.pts), picture
                seen.frames += 1
                seen.last_frame_pts = picture.pts
        if seen.frames == 0:
            raise no_frames(path)
        check_last_frame(path, container, stream, seen)


def _decode(path: Path, packet: Packet[Stream], seen: Progress) -> list[VideoFrame]:
    try:
        return [f for f in packet.decode() if isinstance(f, VideoFrame)]
    except FFmpegError as error:
        raise damaged(path, seen.frames, str(error.strerror)) from error


def _orientation(path: Path, picture: VideoFrame) -> Orientation:
    matrix = picture.side_data.get("DISPLAYMATRIX")
    try:
        return orientation_of(bytes(matrix) if isinstance(matrix, SideData) else None)
    except VideoError as error:
        raise VideoError(f"'{path}': {error.found}", error.wanted, error.fix) from error


def _rgb(picture: VideoFrame, orientation: Orientation) -> U8:
    rgb = picture.to_ndarray(format="rgb24")
    return upright(rgb.view(np.uint8), orientation)
