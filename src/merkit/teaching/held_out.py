"""How a recogniser does on simulated people that no training saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.methods.bundled import UNITS
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.teaching.calibrate import answers, calibration_error, f1_of_units, unit_thresholds
from merkit.teaching.lessons import Lessons
from merkit.training.network import Network

#: of the clips where something moved, so many are to be answered
_PASSED = 0.95


@dataclass(frozen=True)
class Marks:
    """``uf1`` of the classes where something moved; ``calibration_error`` of their probabilities;
    ``unit_f1`` of each action unit on either side, from ``unit_thresholds`` on. ``nothing_max``:
    the probability of nothing moving that all but one in twenty clips where something moved stay
    below; ``nothing_found``: share of the clips where nothing did that lie above."""

    clips: int
    uf1: float
    calibration_error: float
    unit_f1: dict[str, float]
    unit_thresholds: tuple[float, ...]
    nothing_max: float
    nothing_found: float

    @property
    def mean_unit_f1(self) -> float:
        return float(np.mean(list(self.unit_f1.values())))


def mark(network: Network, held_out: Lessons) -> Marks:
    """Ask a network about clips, and compare with what is known of them."""
    said, moved = answers(network, held_out), held_out.moved
    shares = said.logits[moved].softmax(-1).numpy()
    labels = held_out.classes[moved].numpy()
    matrix = confusion_matrix(labels, shares.argmax(1), shares.shape[1])
    units, truth = said.aux["units"].sigmoid().amax(-1).numpy(), held_out.units.amax(-1).numpy() > 0
    thresholds = unit_thresholds(said, held_out)
    f1 = f1_of_units(units, truth, thresholds)
    each = {str(unit): round(float(value), 4) for unit, value in zip(UNITS, f1, strict=True)}
    still, some = said.aux["nothing"].sigmoid().numpy(), moved.numpy()
    nothing_max = round(float(np.quantile(still[some], _PASSED)), 4)
    return Marks(
        clips=len(held_out),
        uf1=round(float(uf1(matrix)), 4),
        calibration_error=round(calibration_error(shares, labels), 4),
        unit_f1=each,
        unit_thresholds=thresholds,
        nothing_max=nothing_max,
        nothing_found=round(float((still[~some] > nothing_max).mean()), 4),
    )
