"""How far the times of the events that were found lie from the annotated ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from merkit.scoring.spotting import Edge, Hit
from merkit.types import F64, Number, nan_equal


@nan_equal
@dataclass(frozen=True, slots=True)
class EdgeError:
    """How far the onset, apex or offset of ``n`` true positives lies from the annotated one: median
    and mean distance, and mean with the sign (``bias``; above 0 is late). NaN where n is 0.

    Frames are those of each video, whatever its rate; seconds are frames over that rate.
    """

    edge: Edge
    n: int
    median_frames: Number
    mean_frames: Number
    bias_frames: Number
    median_s: Number
    mean_s: Number
    bias_s: Number

    def cells(self) -> dict[str, float]:
        """The numbers by name, such as ``onset_median_frames``."""
        return {f"{self.edge}_{n}": value for n, value in asdict(self).items() if n != "edge"}


def edge_error(edge: Edge, hits: Iterable[tuple[Hit, float]]) -> EdgeError:
    """Errors of true positives, each with the frame rate of its video in Hz. Those of which an edge
    is not known are left out."""
    known = [(late, fps) for hit, fps in hits if (late := hit.late_frames(edge)) is not None]
    if not known:
        return EdgeError(edge, 0, *[float("nan")] * 6)
    frames, rates = np.array(known).T
    return EdgeError(edge, len(known), *_summary(frames), *_summary(frames / rates))


def _summary(late: F64) -> tuple[float, float, float]:
    far = np.abs(late)
    return float(np.median(far)), float(far.mean()), float(late.mean())
