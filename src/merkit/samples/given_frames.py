"""Frames in memory as a clip, for recipes outside of any database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, VideoError
from merkit.types import U8, Clip


def given_clip(
    n_frames: int, fps_hz: float, onset: int | None, apex: int | None, offset: int | None
) -> Clip:
    """The part from onset to offset of so many frames, numbered from 0.

    Raises:
        ConfigError: no frame rate, or an event that does not lie within the frames in order.
    """
    if not (np.isfinite(fps_hz) and fps_hz > 0):
        raise ConfigError(f"fps_hz is {fps_hz}", "frames a second, above 0")
    first, last = onset or 0, n_frames - 1 if offset is None else offset
    named = {"onset": first, "apex": first if apex is None else apex, "offset": last}
    if not 0 <= named["onset"] <= named["apex"] <= named["offset"] < n_frames:
        told = ", ".join(f"{name} {number}" for name, number in named.items())
        raise ConfigError(
            f"{told} of {n_frames} frames",
            f"onset <= apex <= offset, each a position from 0 to {n_frames - 1}",
        )
    return Clip(
        "the frames",
        dataset="",
        subject="",
        media=Path(),
        fps_hz=fps_hz,
        emotion="",
        first_frame=first,
        last_frame=last,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
    )


def given_pictures(rgb: npt.ArrayLike) -> U8:
    """The pictures u8 (T,H,W,3) of whatever was handed over.

    Raises:
        VideoError: other than such pictures, or none.
    """
    pictures = np.asarray(rgb)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise VideoError(
            f"frames of type {pictures.dtype} and shape {pictures.shape}",
            "uint8 (T,H,W,3), red first",
            "of floats from 0 to 1 make (255 * frames).round().astype('uint8'); OpenCV has blue "
            "first: frames[..., ::-1]",
        )
    if not len(pictures):
        raise VideoError("0 frames", "at least 1")
    return pictures
