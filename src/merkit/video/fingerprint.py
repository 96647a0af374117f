"""Content identity of a clip: the bytes of its media and the frames that are used of it."""

from __future__ import annotations

import hashlib

from merkit.errors import MissingDataError
from merkit.files import file_hash, once_a_version
from merkit.types import Clip
from merkit.video.images import images_within


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
    images = images_within(clip.media, clip.first_frame, clip.last_frame)
    return "".join(map(file_digest, images.values()))


#: SHA-256 of a file's bytes, read again when the file changes.
file_digest = once_a_version(file_hash)
