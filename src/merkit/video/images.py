"""Folders of numbered images: what databases distribute their clips as."""

from __future__ import annotations

import io
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import cast

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL import Image

from merkit.errors import VideoError
from merkit.media import IMAGE_SUFFIXES, frame_number, is_image, is_video
from merkit.types import U8, Frame

#: of one picture; 8192 x 8192
MAX_PIXELS = 2**26
#: file systems count time in steps, and a folder may change twice within one
_SETTLED_NS = 100_000_000
_LARGEST = 2**63 - 1  # frame numbers are kept as 64-bit integers


def list_images(folder: Path) -> Mapping[int, Path]:
    """Images of a folder by frame number, in its order; nothing is decoded. A folder is listed
    again only where its time says that it changed.

    Hidden files, sub-folders and files of other kinds (Thumbs.db, .txt) are left out.

    Raises:
        VideoError: no images, an image without a number, or two with the same one.
    """
    try:
        modified_ns = folder.stat().st_mtime_ns
        if time.time_ns() - modified_ns < _SETTLED_NS:
            return _list(folder)
        return _listed(folder, modified_ns)
    except OSError as error:
        raise VideoError(f"'{folder}' cannot be listed ({error.strerror})") from error


@lru_cache(maxsize=256)
def _listed(folder: Path, modified_ns: int) -> Mapping[int, Path]:
    return _list(folder)


def _list(folder: Path) -> Mapping[int, Path]:
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    paths = sorted(folder / e.name for e in shown if is_image(e.name) and _is_file(e))
    if not paths:
        raise _no_images(folder, [folder / entry.name for entry in shown])
    images = sorted((_number(p), p) for p in paths)
    for (number, path), (following, other) in pairwise(images):
        if number == following:
            raise VideoError(
                f"'{folder}' has two images with frame number {number}: "
                f"'{path.name}' and '{other.name}'",
                "one image a number",
                "move one of them out of the folder",
            )
    return MappingProxyType(dict(images))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False


def images_within(folder: Path, first: int | None, last: int | None) -> dict[int, Path]:
    """Those of ``list_images`` numbered ``first`` to ``last`` (inclusive; None: to the end)."""
    low = -inf if first is None else first
    high = inf if last is None else last
    return {n: path for n, path in list_images(folder).items() if low <= n <= high}


def iter_images(
    images: Mapping[int, Path], numbers: Iterable[int], fps_hz: float
) -> Iterator[Frame]:
    """Decode some images of a folder one at a time; the folder's first is at 0 s.

    Raises:
        VideoError: an image cannot be read, or its size is not that of the folder's first.
    """
    first = next(iter(images))
    wanted: tuple[int, ...] | None = None
    for number in numbers:
        rgb = read_image(images[number])
        if wanted is None:
            same = number == first or _header_size(images[first]) == rgb.shape[1::-1]
            wanted = rgb.shape if same else read_image(images[first]).shape
        if rgb.shape != wanted:
            raise VideoError(
                f"'{images[number]}' is {rgb.shape[1]}x{rgb.shape[0]}, while the folder's first "
                f"image '{images[first].name}' is {wanted[1]}x{wanted[0]}",
                "images of one size",
                "move foreign images out of the folder",
            )
        yield Frame(number, (number - first) / fps_hz, rgb)


def read_image(path: Path) -> U8:
    """Read one image as (H, W, 3) RGB.

    8 or 16 bits (the full 16-bit range is scaled to 8), grey or colour, alpha dropped, EXIF
    rotation obeyed.

    Raises:
        VideoError: not an image, truncated, or of another pixel type.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VideoError(f"image '{path}' cannot be opened ({error.strerror})") from error
    _refuse_huge(path, data)
    pixels = None if _cut_off(data) else _decode(data)
    if pixels is None:
        raise VideoError(
            f"image '{path}' cannot be read ({len(data)} bytes)",
            "a complete image of 8 or 16 bits a channel",
            "copy this image again from its source, or take it out of the folder",
        )
    if pixels.dtype not in (np.uint8, np.uint16):
        raise VideoError(f"image '{path}' has {pixels.dtype} pixels", "8 or 16 bits a channel")
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257  # 65535 = 257 * 255
    return cast(U8, cv2.cvtColor(pixels.astype(np.uint8, copy=False), cv2.COLOR_BGR2RGB))


def _header_size(path: Path) -> tuple[int, int] | None:
    """Width and height as the file says, whichever way up it is shown; None where it cannot be
    told without decoding."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return image.size
    except Exception:  # whatever Pillow does not read, OpenCV may
        return None


def _refuse_huge(path: Path, data: bytes) -> None:
    """See by the header that decoding will not fill the memory: 1 kB can hold a gigapixel."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            pixels = image.width * image.height
    except Image.DecompressionBombError as error:
        pixels = int(re.findall(r"\d+", str(error))[0])
    except Exception:  # not an image, or of a kind that only OpenCV reads, which has its own limit
        return
    if pixels > MAX_PIXELS:
        raise VideoError(
            f"image '{path}' has {pixels} pixels",
            f"{MAX_PIXELS} or fewer",
            "scale it down, or take it out of the folder",
        )


def _decode(data: bytes) -> MatLike | None:
    """Three channels, blue first, at the file's own depth; None when that cannot be done."""
    level = cv2.utils.logging.setLogLevel(0)  # our error says it, once
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # such as more pixels than OpenCV accepts
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)


def _cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; some decoders fill the rest with grey instead."""
    if data[:2] == b"\xff\xd8":
        # Within the scan 0xFF is always stuffed, so markers are found by plain search.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    if data[:4] == b"\x89PNG":
        return b"IEND" not in data
    return len(data) == 0


def _number(path: Path) -> int:
    number = frame_number(path)
    if number is None or number > _LARGEST:
        what = "no number" if number is None else "too long a number"
        raise VideoError(
            f"image '{path}' has {what} in its name",
            "names that end in the frame number, such as img46.jpg",
            "rename it, or move it out of the folder",
        )
    return number


def _no_images(folder: Path, files: Sequence[Path]) -> VideoError:
    videos = sorted(p.name for p in files if is_video(p))
    folders = sorted(p.name for p in files if p.is_dir())
    if videos:
        return VideoError(
            f"'{folder}' is a folder that holds {len(videos)} video(s), no images",
            "a video file, or a folder of images",
            f"give the video itself: '{folder / videos[0]}'",
        )
    if folders:
        return VideoError(
            f"'{folder}' holds {len(folders)} folder(s), no images",
            "a folder of images",
            f"give the folder that has them, perhaps '{folder / folders[0]}'",
        )
    if not files:
        return VideoError(f"'{folder}' is an empty folder", "a folder of images")
    return VideoError(
        f"'{folder}' holds {len(files)} file(s), none of them an image",
        f"images ({', '.join(sorted(IMAGE_SUFFIXES))})",
    )
