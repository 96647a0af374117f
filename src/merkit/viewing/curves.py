"""Curves over the time of a video, with no more points than can be drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from merkit.face.unit_shapes import SHAPED_UNITS, SHAPES_OF_UNITS
from merkit.labels import ACTION_UNITS
from merkit.spotting.regions import REGIONS
from merkit.spotting.tracked import TrackedVideo
from merkit.types import F64


@dataclass(frozen=True, eq=False)
class Curve:
    """One number over time: ``time_s`` and ``value`` (M,), in ``unit``; NaN where it is not known.
    ``about``: what a title has no room for."""

    title: str
    unit: str
    time_s: F64
    value: F64
    about: str = ""

    def between(self, first_s: float, last_s: float) -> Curve:
        """The part from one time to another, both inclusive."""
        first = np.searchsorted(self.time_s, first_s)
        stop = np.searchsorted(self.time_s, last_s, side="right")
        return replace(self, time_s=self.time_s[first:stop], value=self.value[first:stop])

    def thinned(self, bins: int) -> Curve:
        """See :func:`thinned`."""
        time_s, value = thinned(self.time_s, self.value, bins)
        return replace(self, time_s=time_s, value=value)

    @property
    def peak(self) -> tuple[float, float]:
        """When it is highest, and how high; NaN where nothing is known."""
        if not np.isfinite(self.value).any():
            return np.nan, np.nan
        at = int(np.nanargmax(self.value))
        return float(self.time_s[at]), float(self.value[at])


def region_curves(seen: TrackedVideo) -> tuple[Curve, ...]:
    """How far each region of the face moved within the last quarter of a second
    (``SpotConfig.lag_s``), in pixels of the normalised face, the head's motion removed. A movement
    that comes and goes shows twice: on its way there, and on its way back."""
    columns = seen.motion_px.T.astype(np.float64)
    return tuple(
        Curve(region.title, "px", seen.time_s, column)
        for region, column in zip(REGIONS, columns, strict=True)
    )


def unit_curves(seen: TrackedVideo) -> tuple[Curve, ...]:
    """Strength of the blendshapes that stand for action units, 0 to 1; no intensity of FACS (see
    :mod:`merkit.face.unit_shapes`)."""
    columns = seen.unit_strength.T.astype(np.float64)
    return tuple(
        Curve(f"AU {unit} {ACTION_UNITS[unit]}", "", seen.time_s, column, _shapes(unit))
        for unit, column in zip(SHAPED_UNITS, columns, strict=True)
    )


def _shapes(unit: int) -> str:
    names = SHAPES_OF_UNITS[unit]
    return names[0] if len(names) == 1 else names[0].removesuffix("Left")


def thinned(time_s: F64, value: F64, bins: int) -> tuple[F64, F64]:
    """At most two points for each of ``bins`` equal parts of the time: the least and the greatest
    value there, in order of time, so that no peak is lost. A part in which nothing is known is one
    NaN.

    Args:
        time_s, value: (M,), in order of time; ``value`` may be NaN.
    """
    if len(value) <= 2 * bins:
        return time_s, value
    edges = np.linspace(time_s[0], time_s[-1], bins + 1)[:-1]
    starts = np.unique(np.searchsorted(time_s, edges)).tolist()
    lows = np.where(np.isnan(value), np.inf, value)
    highs = np.where(np.isnan(value), -np.inf, value)
    kept: list[int] = []
    for start, stop in zip(starts, [*starts[1:], len(value)], strict=True):
        low = start + int(lows[start:stop].argmin())
        high = start + int(highs[start:stop].argmax())
        kept += sorted({low, high})
    return time_s[kept], value[kept]
