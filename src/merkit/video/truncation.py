"""Notice a file that ends before its header says it should."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from merkit.video.clock import fps_of, has_own_times
from merkit.video.container import damaged

#: Headers round, and the last frame's duration is often left out.
END_TOLERANCE_S = 0.25
END_TOLERANCE_SHARE = 0.01


@dataclass(slots=True)
class Progress:
    """What has passed so far. Counts are of the video stream, ``end_s`` of any stream.

    ``partial``: reading began inside the file, so that packets cannot be compared with the
    header (they have been, to find where to begin).
    """

    packets: int = 0
    frames: int = 0
    end_s: float = 0.0
    last_packet_pts: int | None = None
    last_frame_pts: int | None = None
    partial: bool = False


def note_packet(path: Path, packet: Packet[Stream], video: VideoStream, seen: Progress) -> None:
    """Count one packet.

    Raises:
        VideoError: the file ends inside it.
    """
    if packet.pts is not None and packet.time_base:
        seen.end_s = max(
            seen.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base)
        )
    if packet.stream.index != video.index or packet.size == 0:
        return
    if packet.is_corrupt:
        raise damaged(path, seen.packets, "the file ends, or data is missing, inside this frame")
    seen.packets += 1
    if packet.pts is not None and not packet.is_discard:
        seen.last_packet_pts = max(packet.pts, seen.last_packet_pts or packet.pts)


def check_packets(
    path: Path, container: InputContainer, video: VideoStream, seen: Progress
) -> None:
    """Compare the packets that came with the header, once all have come.

    MP4 and MOV have an exact table of frames, AVI a count (capture programs round it),
    Matroska a size in bytes and a duration. Other formats say nothing that could be trusted.

    Raises:
        VideoError: clearly fewer came than the header promises.
    """
    if seen.partial:
        return
    formats = container.format.name.split(",")
    if "mov" in formats:
        _check_count(path, seen.packets, len(video.index_entries), 0.0)
    elif "avi" in formats:
        slack = max(END_TOLERANCE_S * fps_of(video), END_TOLERANCE_SHARE * video.frames)
        _check_count(path, seen.packets, video.frames, slack)
    elif "matroska" in formats:
        _check_matroska(path, (container.duration or 0) / 1e6, seen)


def check_last_frame(
    path: Path, container: InputContainer, video: VideoStream, seen: Progress
) -> None:
    """The last packet must have come out as a frame: a broken tail is dropped silently.

    Raises:
        VideoError: frames at the end were lost.
    """
    if not has_own_times(container, video) or video.time_base is None:
        return
    if seen.last_packet_pts is None or seen.last_frame_pts is None:
        return
    # A field of an interlaced frame may have its own packet, hence not "any gap".
    gap_s = (seen.last_packet_pts - seen.last_frame_pts) * video.time_base
    if gap_s > Fraction(3, 4) / Fraction(fps_of(video)):
        raise damaged(path, seen.frames, "the frames from here to the end cannot be decoded")


def _check_count(path: Path, came: int, promised: int, slack: float) -> None:
    if came < promised - slack:
        raise damaged(path, came, f"it ends here, its header says {promised} frames")


def _check_matroska(path: Path, promised_s: float, seen: Progress) -> None:
    n_bytes, promised_bytes = path.stat().st_size, matroska_bytes(path)
    if promised_bytes is not None and n_bytes < promised_bytes:
        reason = f"it is {n_bytes} bytes long, its header says {promised_bytes}"
        raise damaged(path, seen.packets, reason)
    if seen.end_s < promised_s - max(END_TOLERANCE_S, END_TOLERANCE_SHARE * promised_s):
        reason = f"it ends at {seen.end_s:.2f} s, its header says {promised_s:.2f} s"
        raise damaged(path, seen.packets, reason)


def matroska_bytes(path: Path) -> int | None:
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
