"""The curves under the video: what the face did in every frame, thinned out to what a screen
shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from merkit.errors import StoreError
from merkit.files import atomic_file
from merkit.types import F32, F64

if TYPE_CHECKING:
    from merkit.spotting import TrackedVideo

#: measure of ``FaceActions`` -> how the page calls it, and its factor
_MEASURES = {
    "lid_left": ("left eye open", 1.0),
    "lid_right": ("right eye open", 1.0),
    "jaw_open": ("jaw open", 1.0),
    "lip_gap": ("lips apart", 1.0),
    "pitch": ("head nods, degrees", 180 / np.pi),
    "yaw": ("head turns, degrees", 180 / np.pi),
}


def curves_of(seen: TrackedVideo) -> dict[str, F64 | F32]:
    """``frame`` and the curves, each (N,) with NaN where there is no face."""
    curves: dict[str, F64 | F32] = {"frame": np.asarray(seen.numbers, np.float64)}
    for name, (title, factor) in _MEASURES.items():
        curves[title] = (getattr(seen.actions, name) * factor).astype(np.float32)
    return curves


def save_curves(path: Path, curves: Mapping[str, F64 | F32]) -> None:
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **curves)


def load_curves(path: Path) -> dict[str, Any]:
    """What was saved; nothing where nothing was.

    Raises:
        StoreError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise StoreError(
            f"{path} cannot be read: {error}", "curves of an analysed video", "analyse it again"
        ) from None


def thinned(curves: Mapping[str, Any], first: float, last: float, most: int) -> dict[str, Any]:
    """Frames and values between two frames, at most about ``most`` points a curve: of each small
    span the least and the greatest value, so that no short peak is lost."""
    if not curves:
        return {"frame": [], "curves": {}}
    frames = curves["frame"]
    low, high = np.searchsorted(frames, [first, last + 1])
    low, high = max(int(low) - 1, 0), min(int(high) + 1, len(frames))
    span = max(1, -(-2 * (high - low) // max(most, 2)))
    starts = np.arange(low, high, span)
    shown = frames[starts] if span == 1 else np.repeat(frames[starts], 2)
    if span > 1:
        shown[1::2] = np.minimum(frames[starts] + span / 2, frames[high - 1])
    values = {n: _thin(v[low:high], span) for n, v in curves.items() if n != "frame"}
    return {"frame": shown.tolist(), "curves": {n: _plain(v) for n, v in values.items()}}


def _thin(values: F32, span: int) -> F32:
    if span == 1:
        return values
    starts = np.arange(0, len(values), span)
    least, most = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return np.stack([least, most], axis=1).ravel()


def _plain(values: F32) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 4) for v in values]
