"""The curves under the video, one at a time, thinned out to what a screen shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from merkit.errors import StoreError
from merkit.files import atomic_file
from merkit.types import F32, F64

if TYPE_CHECKING:
    from merkit.spotting import TrackedVideo

#: measure of ``FaceActions`` -> what the page calls it, and its factor
_MEASURES = {
    "lid_left": ("left eye open", 1.0),
    "lid_right": ("right eye open", 1.0),
    "lip_gap": ("lips apart", 1.0),
    "pitch": ("head nods, degrees", 180 / np.pi),
    "yaw": ("head turns, degrees", 180 / np.pi),
}
_FRAME = "frame"
STRONGEST = "strongest region, px"


def curves_of(seen: TrackedVideo) -> dict[str, F64 | F32]:
    """``frame`` and the curves by title, each (N,) with NaN where there is no face: motion of the
    region that moves most and of each one, action units, lids, lips and head."""
    from merkit.viewing.curves import region_curves, unit_curves

    curves: dict[str, F64 | F32] = {_FRAME: np.asarray(seen.numbers, np.float64)}
    curves[STRONGEST] = np.fmax.reduce(seen.motion_px, axis=1).astype(np.float32)
    for curve in (*region_curves(seen), *unit_curves(seen)):
        title = f"{curve.title}, {curve.unit}" if curve.unit else curve.title
        curves[title] = curve.value.astype(np.float32)
    for name, (title, factor) in _MEASURES.items():
        curves[title] = (getattr(seen.actions, name) * factor).astype(np.float32)
    return curves


def save_curves(path: Path, curves: Mapping[str, F64 | F32]) -> None:
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        arrays = {f"c{n}": values for n, values in enumerate(curves.values())}
        np.savez_compressed(file, allow_pickle=False, titles=np.array(list(curves)), **arrays)


def curve_between(path: Path, title: str, first: float, last: float, points: int) -> dict[str, Any]:
    """``titles`` of all curves of a file (none where there is no file), and of one of them (by
    default the first) ``frame`` and ``value`` between two frames, in about so many points.

    Raises:
        StoreError: the file is damaged.
    """
    if not path.is_file():
        return {"titles": [], "title": "", "frame": [], "value": []}
    version = path.stat().st_mtime_ns
    titles = _titles(path, version)
    title = title if title in titles else titles[0]
    frames, values = _curve(path, version, _FRAME), _curve(path, version, title)
    shown, thin = between(frames, values, first, last, points)
    value = [None if np.isnan(v) else round(float(v), 4) for v in thin]
    return {"titles": titles, "title": title, "frame": shown.tolist(), "value": value}


def between(frames: F64, values: F32, first: float, last: float, points: int) -> tuple[F64, F64]:
    """The part from one frame to another, and one point beyond either, in about so many points;
    see :func:`merkit.viewing.curves.thinned`."""
    from merkit.viewing.curves import thinned

    low, high = np.searchsorted(frames, [first, last + 1])
    low, high = max(int(low) - 1, 0), min(int(high) + 1, len(frames))
    return thinned(frames[low:high], values[low:high].astype(np.float64), max(points // 2, 1))


@lru_cache(maxsize=32)
def _titles(path: Path, version: int) -> list[str]:
    del version  # only tells versions of the file apart
    return [str(t) for t in _read(path, "titles") if str(t) != _FRAME]


@lru_cache(maxsize=24)
def _curve(path: Path, version: int, title: str) -> Any:
    del version
    titles = [str(t) for t in _read(path, "titles")]
    return _read(path, f"c{titles.index(title)}")


def _read(path: Path, name: str) -> Any:
    try:
        with np.load(path, allow_pickle=False) as file:
            return file[name]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise StoreError(
            f"{path} cannot be read: {error}", "curves of an analysed video", "analyse it again"
        ) from None
