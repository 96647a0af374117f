"""File names of pictures and videos: which suffixes are read, and which frame a name means."""

from __future__ import annotations

import re
from pathlib import PurePath

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm")
)
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".wmv", ".mpg", ".mpeg", ".mts", ".flv")
)
_DIGITS = re.compile(r"[0-9]+")


def is_image(name: str | PurePath) -> bool:
    """Whether a file's name is that of a picture."""
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def is_video(name: str | PurePath) -> bool:
    """Whether a file's name is that of a video."""
    return PurePath(name).suffix.lower() in VIDEO_SUFFIXES


def frame_number(name: str | PurePath) -> int | None:
    """The integer in the last group of digits of a file's stem, None when it has none.

    >>> frame_number("006_05562.jpg"), frame_number("reg_img46.jpg")
    (5562, 46)
    """
    groups = _DIGITS.findall(PurePath(name).stem)
    return int(groups[-1]) if groups else None
