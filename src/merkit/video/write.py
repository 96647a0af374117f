"""Write frames: an H.264 file or a folder of images. Either whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from platform import machine

import av
import cv2
import numpy as np
from av.error import FFmpegError

from merkit.errors import VideoError
from merkit.files import atomic_file, atomic_folder
from merkit.types import U8
from merkit.video.container import PathInput


def write_video(
    path: PathInput,
    frames: Iterable[U8],
    fps_hz: float,
    crf: int = 18,
    preset: str = "medium",
) -> int:
    """Write (H, W, 3) RGB frames as H.264 (yuv420p) at a constant rate; return their count.

    Frames are taken one at a time. An odd width or height is made even by repeating the last
    column or row. The container follows the suffix (.mp4, .mkv, .mov, .avi).

    Args:
        crf: quality, 0 (lossless) to 51; 18 is visually near lossless.
        preset: x264 speed preset, "ultrafast" to "veryslow".

    Raises:
        VideoError: no frames, frames of mixed or wrong shape, or an encoder setting refused.
        ConfigError: nothing can be written there.
    """
    target = Path(path)
    if not (np.isfinite(fps_hz) and fps_hz > 0):
        raise VideoError(f"frame rate {fps_hz} Hz for '{target}'", "a rate above 0")
    with atomic_file(target) as temporary:
        try:
            return _encode(temporary, _same_shape(target, frames), fps_hz, crf, preset)
        except (FFmpegError, ValueError) as error:
            raise VideoError(f"'{target}' cannot be encoded: {error}") from error


def write_frames(
    folder: PathInput,
    frames: Iterable[U8],
    start: int = 1,
    pattern: str = "img{n}.jpg",
    quality: int = 95,
) -> int:
    """Write (H, W, 3) RGB frames as images numbered from ``start``; return their count.

    The folder appears when every image is in it.

    Args:
        pattern: file name with ``{n}`` (or ``{n:05d}``); its suffix chooses the format.
        quality: JPEG quality, 0 to 100. Colour is kept at full resolution, as motion is also
            read from colour.

    Raises:
        VideoError: no frames, mixed shapes, a bad pattern, or a folder that is not empty.
        ConfigError: nothing can be written there.
    """
    target = Path(folder)
    if pattern.format(n=start) == pattern.format(n=start + 1):
        raise VideoError(f"file name pattern '{pattern}'", "one with {n}, such as 'img{n}.jpg'")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise VideoError(f"'{target}' exists already", "a new or empty folder")
    with atomic_folder(target) as temporary:
        for number, rgb in enumerate(_same_shape(target, frames), start):
            _write_image(temporary / pattern.format(n=number), rgb, quality)
        if target.exists():
            target.rmdir()  # it is empty; Windows does not replace folders
    return number - start + 1


#: With AVX-512 x264 writes other bytes from run to run; its SSE2 code writes those of plain C.
_SAME_BYTES = {"x264-params": "asm=sse2"} if machine() in ("x86_64", "AMD64") else {}


def _encode(path: Path, frames: Iterator[U8], fps_hz: float, crf: int, preset: str) -> int:
    with av.open(f"file:{path}", "w") as container:
        rate = Fraction(float(fps_hz)).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, **_SAME_BYTES}
        stream.thread_count = 1  # the bytes depend on it, and shall not on the machine
        for count, rgb in enumerate(frames, 1):
            even = np.pad(rgb, [*((0, side % 2) for side in rgb.shape[:2]), (0, 0)], "edge")
            if count == 1:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode())
    return count


def _write_image(path: Path, rgb: U8, quality: int) -> None:
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else []
    if path.suffix in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    try:
        done, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    except cv2.error as error:
        raise VideoError(f"image suffix '{path.suffix}'", "one such as .jpg or .png") from error
    if not done:
        raise VideoError(f"'{path.name}' cannot be encoded as {path.suffix}")
    path.write_bytes(data.tobytes())


def _same_shape(target: Path, frames: Iterable[U8]) -> Iterator[U8]:
    shape: tuple[int, ...] | None = None
    for i, rgb in enumerate(frames):
        shape = shape or rgb.shape
        right = rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.size > 0
        if not right or rgb.shape != shape:
            raise VideoError(
                f"frame {i} for '{target}' is {rgb.dtype} of shape {rgb.shape}",
                f"uint8 (H, W, 3), all like frame 0, which is {shape}",
            )
        yield rgb
    if shape is None:
        raise VideoError(f"0 frames to write to '{target}'", "at least 1")
