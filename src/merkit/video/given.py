"""Frames that a program hands over, such as those of a camera: what of them is taken, and when each
was."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, VideoError
from merkit.types import F32, U8, Frame

#: A picture as it is handed over: u8 (H,W,3) RGB or (H,W) grey, or a frame with its own clock.
Given: TypeAlias = Frame | npt.ArrayLike
#: The smallest side of a picture in pixels.
_LEAST_PX = 16
#: A face so many times as blue as it is red has its colours the wrong way round, or a blue lamp.
_BLUE = 1.25


def checked_rate(fps_hz: float | None) -> float:
    """A frame rate that was given.

    Raises:
        ConfigError: none was, or it is no number above 0.
    """
    if fps_hz is None:
        raise ConfigError(
            "frames without a rate", "how many come in a second", "give it, such as fps_hz=30"
        )
    if not (_is_number(fps_hz) and fps_hz > 0):
        raise ConfigError(f"frame rate {fps_hz!r} Hz", "frames a second, above 0")
    return float(fps_hz)


class Intake:
    """Makes frames of pictures, one after another, all of the size of the first.

    A picture without a number has that after the one before, from 0 on. Times are in seconds by the
    clock of whoever gives them, and need not be steady. As in a file, a time that is missing or
    does not advance is taken for one frame after the one before.

    Args:
        rate_hz: frames a second, about.

    Raises:
        ConfigError: see ``checked_rate``.
    """

    def __init__(self, rate_hz: float | None) -> None:
        self.rate_hz = checked_rate(rate_hz)
        self._shape: tuple[int, ...] | None = None
        self._number = -1
        self._known_s, self._since = 0.0, -1  # the last time that holds, and frames since then

    def frame(self, given: Given, time_s: float | None = None) -> Frame:
        """The next frame. A refused one leaves everything as it was, and others may follow.

        Raises:
            VideoError: no picture of this kind or size, a number that does not increase, or a time
                that is none.
        """
        number = self._number + 1
        if isinstance(given, Frame):
            number, time_s = given.number, given.time_s if time_s is None else time_s
            given = given.rgb
        rgb = _picture(given, number)
        if self._shape not in (None, rgb.shape):
            raise VideoError(
                f"frame {number} is {_size(rgb.shape)}, those before are {_size(self._shape)}",
                "frames of one size",
                "scale them, or begin a new stream",
            )
        if number <= self._number:
            raise VideoError(f"frame {number} follows frame {self._number}", "higher numbers")
        if time_s is not None and not _is_number(time_s):
            raise VideoError(f"frame {number} has the time {time_s!r}", "seconds")
        if time_s is not None and (self._shape is None or time_s > self._time_s):
            self._known_s, self._since = float(time_s), 0
        else:
            self._since += 1
        self._shape, self._number = rgb.shape, number
        return Frame(number, self._time_s, rgb)

    @property
    def _time_s(self) -> float:
        """Of the last frame."""
        return self._known_s + self._since / self.rate_hz


def looks_bgr(rgb: U8, box_px: F32) -> bool:
    """Whether red and blue seem to have changed places, by the face in a box (left, top, right,
    bottom): skin of every tone is redder than blue."""
    left, top = np.maximum(box_px[:2], 0).astype(int)
    right, bottom = np.maximum(box_px[2:], 0).astype(int)
    face = rgb[top:bottom, left:right]
    return face.size > 0 and bool(face[..., 2].mean() > _BLUE * face[..., 0].mean())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def _picture(given: Any, number: int) -> U8:
    """A picture as u8 (H,W,3), contiguous; grey stands in all three.

    Raises:
        VideoError: it is none.
    """
    pixels = np.asarray(given)
    if pixels.dtype != np.uint8:
        raise VideoError(
            f"frame {number} has {pixels.dtype} pixels, shape {pixels.shape}",
            "uint8 pixels, 0 to 255, of shape (H,W,3)",
            _TO_UINT8.get(pixels.dtype.kind, "give pictures as numpy arrays"),
        )
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 1):
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < _LEAST_PX:
        raise VideoError(
            f"frame {number} has the shape {pixels.shape}",
            f"(H,W,3), red first, or grey (H,W), {_LEAST_PX} pixels or more each way",
            _to_rgb(pixels.shape),
        )
    return cast(U8, np.ascontiguousarray(pixels))


#: kind of number -> what makes pixels of it
_TO_UINT8 = {
    "f": "of 0 to 1: (frame * 255).round().astype(numpy.uint8)",
    "u": "of 16 bits: (frame // 257).astype(numpy.uint8); of 12 bits: (frame >> 4)",
    "i": "of 0 to 255: frame.astype(numpy.uint8)",
    "b": "give the picture, no mask",
    "O": "None is what a camera gives when it has no more; else give numpy arrays",
}


def _to_rgb(shape: tuple[int, ...]) -> str:
    """What makes a picture of an array of another shape."""
    if len(shape) == 3 and shape[2] == 4:
        return "without the alpha: frame[..., :3]"
    if len(shape) == 3 and shape[0] in (1, 3):
        return "colours last: frame.transpose(1, 2, 0)"
    if len(shape) == 4:
        return "one picture at a time"
    return "look at what the source gives"


def _size(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else f"{shape[1]}x{shape[0]}"
