"""Content identity of a clip: the bytes of its media and the frames that are used of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from merkit.errors import MissingDataError
from merkit.files import file_hash, once_a_version
from merkit.types import Clip
from merkit.video.container import existing
from merkit.video.images import images_within, list_images


def clip_key(clip: Clip) -> str:
    """Hash of the clip's media content and frame range; labels do not enter it.

    Raises:
        MissingDataError: the media does not exist.
    """
    if not clip.media.exists():
        raise MissingDataError(
            f"clip '{clip.clip_id}' has no media at {clip.media}", "a video or image folder"
        )
    digest = hashlib.sha256(_of_clip(clip).encode())
    marks = (clip.first_frame, clip.last_frame, clip.onset_frame, clip.apex_frame)
    digest.update(repr((*marks, clip.offset_frame, clip.fps_hz)).encode())
    return digest.hexdigest()[:24]


def content_key(clip: Clip) -> str:
    """Hash of the frames alone: equal for one recording kept under two names."""
    return hashlib.sha256(_of_clip(clip).encode()).hexdigest()[:24]


def frame_key(media: Path, number: int) -> str:
    """Identity of one frame: its picture's content, or that of the video and its place in it."""
    if media.is_file():
        return f"{file_digest(media)}:{number}"
    return file_digest(list_images(media)[number])


def recording_key(media: Path) -> str:
    """Hash of a whole video or folder: its frames and, in a folder, their numbers.

    Raises:
        MissingDataError, VideoError: it does not exist, or holds no images.
    """
    source = existing(media)
    if source.is_file():
        return file_digest(source)[:24]
    told = "".join(f"{n}:{file_digest(path)}" for n, path in list_images(source).items())
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _of_clip(clip: Clip) -> str:
    if clip.media.is_file():
        return f"{file_digest(clip.media)}{clip.first_frame}-{clip.last_frame}"
    images = images_within(clip.media, clip.first_frame, clip.last_frame)
    return "".join(map(file_digest, images.values()))


#: SHA-256 of a file's bytes, read again when the file changes.
file_digest = once_a_version(file_hash)
