"""Packets of a video file: read them with every check, count them, find where to begin."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from merkit.errors import VideoError
from merkit.video.clock import has_own_times
from merkit.video.container import damaged, no_frames, open_video
from merkit.video.truncation import Progress, check_packets, note_packet

#: Codecs in which every packet is one shown frame, so that packets may be counted instead of
#: decoded. Not VP8 (hidden packets) nor MPEG-4 part 2 (two frames may share a packet).
ONE_FRAME_PER_PACKET = frozenset(
    {"h264", "hevc", "vp9", "av1", "libdav1d", "mjpeg", "png", "rawvideo", "dvvideo"}
    | {"ffv1", "huffyuv", "ffvhuff", "utvideo", "prores", "dnxhd"}
)

#: From this frame on it is quicker to read the packets and jump than to decode up to it.
JUMP_FROM = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A key frame that decoding can begin at; timestamps in units of the stream."""

    number: int
    pts: int
    first_pts: int  # of frame 0


def iter_packets(
    path: Path, container: InputContainer, stream: VideoStream, seen: Progress
) -> Iterator[Packet[Stream]]:
    """Packets of the video stream; the empty one at the end flushes the decoder.

    Raises:
        VideoError: the file is damaged, or ends before its header says.
    """
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            raise damaged(path, seen.packets, str(error.strerror)) from error
        if packet is None:
            return
        note_packet(path, packet, stream, seen)
        if packet.stream.index == stream.index:
            if packet.size == 0:
                check_packets(path, container, stream, seen)
            yield packet


def count_packets(path: Path) -> int | None:
    """Number of frames that the packets make, None for a codec where they do not tell.

    Raises:
        MissingDataError: no such file.
        VideoError: no video, an early end, or no frames.
    """
    with open_video(path) as (container, stream):
        if stream.codec_context.name not in ONE_FRAME_PER_PACKET:
            return None
        count = sum(1 for _ in _shown(path, container, stream))
    if count == 0:
        raise no_frames(path)
    return count


def entry_before(path: Path, first: int) -> Entry | None:
    """The last clean key frame at or before frame ``first``; None where to begin is frame 0.

    Clean: nothing decoded after it is shown before it, which could need earlier pictures.
    Frames are numbered by the order of their packets' timestamps. A file whose packets do
    not tell, or are damaged anywhere, is decoded from its beginning instead.
    """
    if first < JUMP_FROM:
        return None
    try:
        with open_video(path) as (container, stream):
            if stream.codec_context.name not in ONE_FRAME_PER_PACKET:
                return None
            if not has_own_times(container, stream):
                return None
            shown = [(p.pts, p.is_keyframe) for p in _shown(path, container, stream)]
    except VideoError:
        return None
    times = sorted(pts for pts, _ in shown if pts is not None)
    if first >= len(times) or len(set(times)) < len(shown):
        return None
    key = _last_clean_key(shown, times[first])
    return None if key is None else Entry(bisect_left(times, key), key, times[0])


def _last_clean_key(packets: list[tuple[int | None, bool]], latest: int) -> int | None:
    """Timestamp of it, from (timestamp, is key) in order of decoding."""
    earliest_after: float = inf
    for pts, is_key in reversed(packets):
        if pts is None:
            return None
        if is_key and pts <= latest and pts < earliest_after:
            return pts
        earliest_after = min(earliest_after, pts)
    return None


def _shown(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[Packet[Stream]]:
    """Leave out what no decoder shows: before the first key frame, or cut by an edit list."""
    begun = False
    for packet in iter_packets(path, container, stream, Progress()):
        begun = begun or packet.is_keyframe
        if begun and packet.size and not packet.is_discard:
            yield packet
