"""Small videos with known content, written with PyAV."""

from __future__ import annotations

import struct
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from merkit.types import U8


def noisy_frames(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[U8]:
    """Frames that do not compress away, so that cutting a file cuts frames."""
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def grey_frames(levels: Sequence[int], height: int = 48, width: int = 64) -> list[U8]:
    """Flat frames whose level tells which frame it is, after any codec."""
    return [np.full((height, width, 3), level, np.uint8) for level in levels]


def encode(
    path: Path,
    frames: Sequence[U8],
    times_ms: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write frames at 25 Hz, or at the given times."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000 if times_ms else 25)
        for i, rgb in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts = times_ms[i] if times_ms else i
            picture.time_base = stream.codec_context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def cut(path: Path, share: float, name: str) -> Path:
    """A copy that ends after ``share`` of the bytes."""
    data = path.read_bytes()
    target = path.with_name(name)
    target.write_bytes(data[: int(len(data) * share)])
    return target


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Overwrite (a, b, c, d) in the first track header (tkhd, version 0) of an MP4 file.

    ISO/IEC 14496-12, 8.3.2: after the box type come 4 bytes of version and flags, 20 bytes
    of times, id and duration, 8 reserved, 8 of layer, group and volume, then the matrix.
    """
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    a, b, c, d = (value * 65536 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def write_sound(path: Path) -> Path:
    """One tenth of a second of silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return path
