"""Open a video file with PyAV, and turn what can go wrong into one clear error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from merkit.errors import MissingDataError, VideoError

#: Decoder threads; frame threading holds one picture each, so this bounds memory.
MAX_THREADS = 8

_REENCODE = (
    "copy the file again from its source, or re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"
)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open ``path`` and choose its video stream, with a strict decoder.

    Raises:
        MissingDataError: no such file.
        VideoError: no video in it, or not a video at all.
    """
    _check_file(path)
    try:
        # "file:" keeps a colon in a name from being read as a protocol, and the whitelist
        # keeps a playlist from reaching the network.
        container = av.open(f"file:{path}", container_options={"protocol_whitelist": "file"})
    except (FFmpegError, OSError) as error:
        raise VideoError(f"'{path}' {_diagnose(path, error)}", "a video file", _REENCODE) from error
    with container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
        # Without "explode" FFmpeg paints over what it cannot read and says nothing.
        stream.codec_context.options = {"err_detect": "explode"}
        yield container, stream


def damaged(path: Path, number: int, reason: str) -> VideoError:
    """The error for a file that breaks at frame ``number``."""
    return VideoError(
        f"'{path}' is truncated or damaged at frame {number}: {reason}",
        "a complete video file",
        _REENCODE,
    )


def no_frames(path: Path) -> VideoError:
    """The error for a video stream in which there is no frame."""
    return VideoError(f"'{path}' has a video stream with 0 frames", "at least 1 frame", _REENCODE)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise MissingDataError(
            f"'{path}' does not exist", "a video file or a folder of images", "check the path"
        )
    if not path.is_file():
        raise VideoError(f"'{path}' is not a regular file", "a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"'{path}' is empty (0 bytes)", "a video file", "copy the file again")


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
