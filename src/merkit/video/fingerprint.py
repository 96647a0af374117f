"""Content identity of a clip: the bytes of its media and the frames that are used of it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import inf
from pathlib import Path

from merkit.errors import MissingDataError
from merkit.types import Clip
from merkit.video import list_images


def clip_key(clip: Clip) -> str:
    """Hash of the clip's media content and frame range; labels do not enter it.

    Raises:
        MissingDataError: the media does not exist.
    """
    if not clip.media.exists():
        raise MissingDataError(
            f"clip '{clip.clip_id}' has no media at {clip.media}", "a video or image folder"
        )
    digest = hashlib.sha256(_media_digest(clip).encode())
    marks = (clip.first_frame, clip.last_frame, clip.onset_frame, clip.apex_frame)
    digest.update(repr((*marks, clip.offset_frame, clip.fps_hz)).encode())
    return digest.hexdigest()[:24]


def content_key(clip: Clip) -> str:
    """Hash of the frames alone: equal for one recording kept under two names."""
    return hashlib.sha256(_media_digest(clip).encode()).hexdigest()[:24]


def _media_digest(clip: Clip) -> str:
    if clip.media.is_file():
        return f"{file_digest(clip.media)}{clip.first_frame}-{clip.last_frame}"
    low = -inf if clip.first_frame is None else clip.first_frame
    high = inf if clip.last_frame is None else clip.last_frame
    images = list_images(clip.media)
    return "".join(file_digest(path) for n, path in images.items() if low <= n <= high)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read again when the file changes."""
    stat = path.stat()
    return _digest_of_version(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _digest_of_version(path: Path, size: int, modified_ns: int) -> str:
    """Digest of a file's bytes; size and time only make the cache notice a change."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
