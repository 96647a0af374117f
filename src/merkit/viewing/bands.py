"""The curves of a page, a band for each kind and row of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merkit.inference.analysis import Analysis
from merkit.spotting import SpottedVideo
from merkit.types import EXPRESSIONS
from merkit.viewing.curves import Curve, region_curves, unit_curves
from merkit.viewing.drawing import Band, CurveLane, curve_lane, nice_top

#: The least that the height of a lane of curves stands for.
_LEAST_TOP_PX, _LEAST_STRENGTHS = 2.0, 0.2
_SHAPES = "Blendshapes that stand for action units"
_SHAPES_ABOUT = (
    "Strength of the blendshapes of the face mesh, mean of left and right, each between the two "
    "numbers at its right, the lowest and the highest of the video. They stand for action units "
    "(AU) and are no FACS intensities: nobody coded them, and their zero is not this person's face "
    "at rest. Look at changes."
)


@dataclass(frozen=True)
class CurveBand:
    """The curves of one kind in one row of time."""

    title: str
    about: str
    lanes: list[CurveLane]

    @property
    def in_words(self) -> str:
        """For who cannot see it: what was highest, and when."""
        peaks = [(*lane.curve.peak[::-1], lane.curve.title) for lane in self.lanes]
        known = sorted((p for p in peaks if np.isfinite(p[0])), reverse=True)[:3]
        if not known:
            return "nothing is known here"
        told = (f"{title} {value:.2f} at {time_s:.2f} s" for value, time_s, title in known)
        return f"highest: {'; '.join(told)}"


def curve_bands(
    bands: Sequence[Band], analysis: Analysis, spotted: SpottedVideo | None
) -> list[list[CurveBand]]:
    """The curves of every band: regions, then action units."""
    if spotted is None or spotted.problem:
        return [[] for _ in bands]
    moved = [e.motion_px for e in analysis.events if e.kind in EXPRESSIONS]
    top = nice_top(float(np.nanmax([0.0, *moved])), _LEAST_TOP_PX)
    regions = [(curve, 0.0, top) for curve in region_curves(spotted.seen)]
    units = [(curve, *_range(curve)) for curve in unit_curves(spotted.seen)]
    about = (
        f"How far each region moved within the last quarter of a second, 0 to {top:g} px of a face "
        "scaled to 256 px; what goes further is cut off at the top. The motion of the head is "
        "taken out. A movement shows twice: on its way there, and on its way back."
    )
    return [
        [
            CurveBand("Motion of regions", about, [curve_lane(c, band, *r) for c, *r in regions]),
            CurveBand(_SHAPES, _SHAPES_ABOUT, [curve_lane(c, band, *r) for c, *r in units]),
        ]
        for band in bands
    ]


def _range(curve: Curve) -> tuple[float, float]:
    """From the lowest to the highest value of a strength, and at least so much, in twentieths."""
    known = curve.value[np.isfinite(curve.value)]
    if not len(known):
        return 0.0, 1.0
    low = np.floor(20 * known.min()) / 20
    return float(low), float(max(np.ceil(20 * known.max()) / 20, low + _LEAST_STRENGTHS))
