"""Packets of a video file: read them, count them, find where to begin, and notice a file that
ends before its header says it should."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from merkit.errors import VideoError
from merkit.video.container import OpenVideo, open_video

#: Codecs in which every packet is one shown frame, so that packets may be counted instead of
#: decoded. Not VP8 (hidden packets) nor MPEG-4 part 2 (two frames may share a packet).
ONE_FRAME_PER_PACKET = frozenset(
    {"h264", "hevc", "vp9", "av1", "libdav1d", "mjpeg", "png", "rawvideo", "dvvideo"}
    | {"ffv1", "huffyuv", "ffvhuff", "utvideo", "prores", "dnxhd"}
)

#: From this frame on it is quicker to read the packets and jump than to decode up to it.
JUMP_FROM = 100
#: Headers round, and the last frame's duration is often left out.
END_TOLERANCE_S = 0.25
END_TOLERANCE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Entry:
    """A key frame that decoding can begin at; timestamps in units of the stream."""

    number: int
    pts: int
    first_pts: int  # of frame 0


def iter_packets(video: OpenVideo) -> Iterator[Packet[Stream]]:
    """Packets of the video stream; the empty one at the end flushes the decoder.

    Raises:
        VideoError: the file is damaged, or ends before its header says.
    """
    packets = video.container.demux()
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            raise video.damaged(video.packets, str(error.strerror)) from error
        if packet is None:
            return
        _note(video, packet)
        if packet.stream.index == video.stream.index:
            if packet.size == 0:
                _check_end(video)
            yield packet


def count_packets(path: Path) -> int | None:
    """Number of frames that the packets make, None for a codec where they do not tell.

    Raises:
        MissingDataError: no such file.
        VideoError: no video, an early end, or no frames.
    """
    with open_video(path) as video:
        if video.stream.codec_context.name not in ONE_FRAME_PER_PACKET:
            return None
        count = sum(1 for _ in _shown(video))
        if count == 0:
            raise video.no_frames()
    return count


@dataclass(frozen=True)
class Keys:
    """Where decoding of a file may begin, read once for many jumps.

    ``shown``: (timestamp, is key frame) of its packets in order of decoding; ``times``: the
    timestamps in order of presentation, whose places are the frames' numbers.
    """

    shown: tuple[tuple[int | None, bool], ...]
    times: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> Keys | None:
        """None of a file whose packets do not tell, or are damaged anywhere: it is decoded from its
        beginning instead."""
        try:
            with open_video(path) as video:
                told = video.stream.codec_context.name in ONE_FRAME_PER_PACKET
                if not (told and video.has_own_times):
                    return None
                shown = tuple((p.pts, p.is_keyframe) for p in _shown(video))
        except VideoError:
            return None
        times = tuple(sorted(pts for pts, _ in shown if pts is not None))
        return cls(shown, times) if len(set(times)) == len(shown) else None

    def entry_before(self, first: int) -> Entry | None:
        """The last clean key frame at or before frame ``first``; None where to begin is frame 0.

        Clean: nothing decoded after it is shown before it, which could need earlier pictures.
        """
        if first >= len(self.times):
            return None
        key = _last_clean_key(self.shown, self.times[first])
        if key is None:
            return None
        return Entry(bisect_left(self.times, key), key, self.times[0])


def entry_before(path: Path, first: int) -> Entry | None:
    """See :meth:`Keys.entry_before`; None too where reading the packets would not pay."""
    keys = Keys.of(path) if first >= JUMP_FROM else None
    return None if keys is None else keys.entry_before(first)


def check_last_frame(video: OpenVideo) -> None:
    """The last packet must have come out as a frame: a broken tail is dropped silently.

    Raises:
        VideoError: frames at the end were lost.
    """
    if not video.has_own_times or video.stream.time_base is None:
        return
    if video.last_packet_pts is None or video.last_frame_pts is None:
        return
    # A field of an interlaced frame may have its own packet, hence not "any gap".
    gap_s = (video.last_packet_pts - video.last_frame_pts) * video.stream.time_base
    if gap_s > Fraction(3, 4) / Fraction(video.fps_hz):
        raise video.damaged(video.frames, "the frames from here to the end cannot be decoded")


def _last_clean_key(packets: Sequence[tuple[int | None, bool]], latest: int) -> int | None:
    """Timestamp of it, from (timestamp, is key) in order of decoding."""
    earliest_after: float = inf
    for pts, is_key in reversed(packets):
        if pts is None:
            return None
        if is_key and pts <= latest and pts < earliest_after:
            return pts
        earliest_after = min(earliest_after, pts)
    return None


def _shown(video: OpenVideo) -> Iterator[Packet[Stream]]:
    """Leave out what no decoder shows: before the first key frame, or cut by an edit list."""
    begun = False
    for packet in iter_packets(video):
        begun = begun or packet.is_keyframe
        if begun and packet.size and not packet.is_discard:
            yield packet


def _note(video: OpenVideo, packet: Packet[Stream]) -> None:
    """Count one packet.

    Raises:
        VideoError: the file ends inside it.
    """
    if packet.pts is not None and packet.time_base:
        end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        video.end_s = max(video.end_s, end_s)
    if packet.stream.index != video.stream.index or packet.size == 0:
        return
    if packet.is_corrupt:
        raise video.damaged(video.packets, "the file ends, or data is missing, inside this frame")
    video.packets += 1
    if packet.pts is not None and not packet.is_discard:
        video.last_packet_pts = max(packet.pts, video.last_packet_pts or packet.pts)


def _check_end(video: OpenVideo) -> None:
    """Compare the packets that came with the header, once all have come.

    MP4 and MOV have an exact table of frames, AVI a count (capture programs round it),
    Matroska a size in bytes and a duration. Other formats say nothing that could be trusted.

    Raises:
        VideoError: clearly fewer came than the header promises.
    """
    if video.partial:
        return
    formats = video.container.format.name.split(",")
    promised, slack = 0, 0.0
    if "mov" in formats:
        promised = len(video.stream.index_entries)
    elif "avi" in formats:
        promised = video.stream.frames
        slack = max(END_TOLERANCE_S * video.fps_hz, END_TOLERANCE_SHARE * promised)
    elif "matroska" in formats:
        _check_matroska(video)
    if video.packets < promised - slack:
        reason = f"it ends here, its header says {promised} frames"
        raise video.damaged(video.packets, reason)


def _check_matroska(video: OpenVideo) -> None:
    n_bytes, promised_bytes = video.path.stat().st_size, _matroska_bytes(video.path)
    promised_s = (video.container.duration or 0) / 1e6
    if promised_bytes is not None and n_bytes < promised_bytes:
        reason = f"it is {n_bytes} bytes long, its header says {promised_bytes}"
        raise video.damaged(video.packets, reason)
    if video.end_s < promised_s - max(END_TOLERANCE_S, END_TOLERANCE_SHARE * promised_s):
        reason = f"it ends at {video.end_s:.2f} s, its header says {promised_s:.2f} s"
        raise video.damaged(video.packets, reason)


def _matroska_bytes(path: Path) -> int | None:
    """File length that a Matroska header promises, None when it was written as a live stream.

    Two EBML elements, the header and the segment, each an id of 4 bytes, then a size
    (RFC 8794, section 4; RFC 9559, section 4.5).
    """
    with path.open("rb") as file:
        for _ in range(2):
            file.read(4)
            first = file.read(1)
            if not first or first[0] == 0:
                return None
            extra = 8 - first[0].bit_length()
            size = int.from_bytes(first + file.read(extra)) - (1 << (7 * (extra + 1)))
            if size == (1 << (7 * (extra + 1))) - 1:  # all ones: unknown
                return None
            end = file.seek(size, 1)
    return end
