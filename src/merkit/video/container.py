"""A video file opened with PyAV: its stream, rate and times, and what went wrong in one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from merkit.errors import MissingDataError, VideoError
from merkit.workers import cores

PathInput: TypeAlias = str | PathLike[str]

#: Decoder threads; frame threading holds one picture each, so this bounds memory.
MAX_THREADS = 8
#: Used where a container says nothing of its rate.
FALLBACK_FPS_HZ = 25.0

_REENCODE = (
    "copy the file again from its source, or re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"
)


@dataclass(slots=True)
class OpenVideo:
    """A file that is open, its video stream, and what of it has passed in one reading.

    Counts are of the video stream, ``end_s`` of any stream. ``partial``: reading began inside the
    file, so that packets cannot be compared with the header (they have been, to find where to
    begin).
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    packets: int = 0
    frames: int = 0
    end_s: float = 0.0
    last_packet_pts: int | None = None
    last_frame_pts: int | None = None
    partial: bool = False

    @property
    def fps_hz(self) -> float:
        """Mean frame rate; for a variable rate that is frames over duration."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(rate) if rate else FALLBACK_FPS_HZ

    @property
    def duration_s(self) -> float | None:
        """Duration as the header has it, or None."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        return self.container.duration / 1e6 if self.container.duration else None

    @property
    def has_own_times(self) -> bool:
        """Whether frames carry times of presentation.

        AVI stores none; with B-frames its packet times are those of decoding, in another order.
        """
        return not (self.container.format.name == "avi" and self.stream.codec_context.has_b_frames)

    def damaged(self, number: int, reason: str) -> VideoError:
        """The error for a file that breaks at frame ``number``."""
        return VideoError(
            f"'{self.path}' is truncated or damaged at frame {number}: {reason}",
            "a complete video file",
            _REENCODE,
        )

    def no_frames(self) -> VideoError:
        """The error for a video stream in which there is no frame."""
        return VideoError(
            f"'{self.path}' has a video stream with 0 frames", "at least 1 frame", _REENCODE
        )


class Clock:
    """Turns presentation timestamps into seconds from the first frame.

    Without times of its own a file has a constant rate. A timestamp that is missing or does
    not advance is replaced by one frame after the previous.
    """

    def __init__(self, video: OpenVideo, first_pts: int | None = None) -> None:
        self._unit_s = video.stream.time_base if video.has_own_times else None
        self._step_s = 1.0 / video.fps_hz
        self._first = first_pts  # else that of the first frame seen
        self._previous_s = -self._step_s

    def time_s(self, pts: int | None) -> float:
        """Seconds from the first frame; strictly increasing from call to call."""
        now_s = self._previous_s + self._step_s
        if pts is not None and self._unit_s is not None:
            if self._first is None:
                self._first = pts
            own_s = float((pts - self._first) * self._unit_s)
            if own_s > self._previous_s:
                now_s = own_s
        self._previous_s = now_s
        return now_s


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """Open ``path`` and choose its video stream, with a strict decoder.

    Raises:
        MissingDataError: no such file.
        VideoError: no video in it, or not a video at all.
    """
    if not existing(path).is_file():
        raise VideoError(f"'{path}' is not a regular file", "a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"'{path}' is empty (0 bytes)", "a video file", "copy the file again")
    try:
        # "file:" keeps a colon in a name from being read as a protocol, and the whitelist
        # keeps a playlist from reaching the network.
        # Titles in another encoding are no reason to refuse a video.
        container = av.open(
            f"file:{path}",
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError) as error:
        raise VideoError(f"'{path}' {_diagnose(path, error)}", "a video file", _REENCODE) from error
    with container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(MAX_THREADS, cores())
        # Without "explode" FFmpeg paints over what it cannot read and says nothing.
        stream.codec_context.options = {"err_detect": "explode"}
        yield OpenVideo(path, container, stream)


def existing(path: PathInput) -> Path:
    """The path of a file or folder that is there.

    Raises:
        MissingDataError: nothing there.
    """
    source = Path(path)
    wanted = "a video file or a folder of images"
    try:
        source.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise MissingDataError(f"'{source}' does not exist", wanted, "check the path") from None
    except OSError as error:  # such as too long a name
        raise MissingDataError(
            f"{str(source)[:200]!r}: {error}", wanted, "check the path"
        ) from None
    if not (source.is_file() or source.is_dir()):
        raise VideoError(f"'{source}' is a pipe or a device", wanted, "save it as a file")
    return source


def outside(
    source: Path, first: int | None, last: int | None, lowest: int, highest: int
) -> VideoError:
    """The error for a range of frames that the source does not have."""
    asked = f"{'start' if first is None else first} to {'end' if last is None else last}"
    return VideoError(
        f"frames {asked} asked of '{source}', which has frames {lowest} to {highest}",
        "a range inside the source that holds at least one frame",
    )


def _diagnose(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    with path.open("rb") as file:
        head = file.read(4096)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free"):
        return (
            "is truncated or damaged at frame 0: it starts as an MP4/MOV file, but its index "
            "(the 'moov' part) is missing, as when a recording was cut off"
        )
    if head[:4] in (b"\x1aE\xdf\xa3", b"RIFF"):
        return "is truncated or damaged at frame 0: its header is not complete"
    if _is_text(head):
        return "holds text, not a video, whatever its name says"
    return "is not in any video format that FFmpeg knows"


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", errors="ignore")
    printable = sum(character.isprintable() or character in "\t\n\r\f" for character in text)
    return printable >= 0.99 * len(text) and len(text) >= 0.5 * len(head)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    name = container.format.name
    if name == "tty":  # FFmpeg plays .txt files as terminal art
        raise VideoError(f"'{path}' holds text, not a video", "a video file")
    if name.startswith("image2") or name.endswith("_pipe"):
        raise VideoError(
            f"'{path}' is a single image", "a video file, or a folder of images", "give its folder"
        )
    # Cover art of a sound file is a "video" stream of one picture.
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if streams:
        return streams[0]
    kinds = sorted({str(s.type) for s in container.streams}) or ["no stream at all"]
    raise VideoError(f"'{path}' holds only {', '.join(kinds)}", "a file with a video stream")
