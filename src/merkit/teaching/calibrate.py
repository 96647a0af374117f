"""Probabilities that mean what they say on simulated people that no training saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.scoring.unit_counts import unit_cells, unit_f1
from merkit.teaching.lessons import Lessons
from merkit.training.network import Network, Output

#: temperatures are looked for between these, on a scale of logarithms
_LOG_BOUNDS = (-2.0, 2.0)
#: thresholds of action units that are tried
_THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)
_BINS = 10
_CLIPS_AT_ONCE = 512


@dataclass(frozen=True)
class Temperatures:
    """What the logits of each answer were divided by (Guo et al. 2017)."""

    classes: float
    units: float
    nothing: float


@torch.no_grad()
def answers(network: Network, lessons: Lessons) -> Output:
    """What a network says of all clips."""
    chunks = torch.split(torch.arange(len(lessons)), _CLIPS_AT_ONCE)
    said = [network.eval()(lessons[chunk].inputs) for chunk in chunks]
    aux = {name: torch.cat([one.aux[name] for one in said]) for name in ("units", "nothing")}
    features = torch.cat([one.features for one in said])
    return Output(torch.cat([one.logits for one in said]), features, aux)


def calibrate(network: Network, held_out: Lessons) -> Temperatures:
    """Divide each answer of a network by the temperature that is likeliest on held-out clips, and
    put that into its last layers."""
    said, moved = answers(network, held_out), held_out.moved
    classes = _temperature(
        lambda t: F.cross_entropy(said.logits[moved] / t, held_out.classes[moved])
    )
    units = _temperature(
        lambda t: F.binary_cross_entropy_with_logits(said.aux["units"] / t, held_out.units)
    )
    still = (~moved).float()
    nothing = _temperature(
        lambda t: F.binary_cross_entropy_with_logits(said.aux["nothing"] / t, still)
    )
    for name, value in (("class_head", classes), ("unit_head", units), ("nothing_head", nothing)):
        _divide(network.get_submodule(name), value)
    return Temperatures(classes, units, nothing)


def unit_thresholds(said: Output, held_out: Lessons) -> tuple[float, ...]:
    """Of each action unit, on either side, the probability from which F1 on held-out clips is
    highest. Never chosen on real clips."""
    shares = said.aux["units"].sigmoid().amax(-1).numpy()
    truth = held_out.units.amax(-1).numpy() > 0
    scores = [f1_of_units(shares, truth, threshold) for threshold in _THRESHOLDS]
    return tuple(map(float, _THRESHOLDS[np.argmax(scores, axis=0)]))


def calibration_error(shares: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over ten equal bins of
    the confidence, weighed by their clips (Naeini et al. 2015; Guo et al. 2017).

    Args:
        shares: (N,C) probabilities. labels: (N,) true classes.
    """
    confidence, right = shares.max(1), shares.argmax(1) == labels
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        (bins == b).mean() * abs(confidence[bins == b].mean() - right[bins == b].mean())
        for b in np.unique(bins)
    ]
    return float(np.sum(gaps))


def f1_of_units(shares: np.ndarray, truth: np.ndarray, thresholds: npt.ArrayLike) -> np.ndarray:
    """F1 (U,) of the units called from these probabilities on; 0 where none is called or true.

    Args:
        shares: (N,U) probabilities. truth: bool (N,U).
        thresholds: one for all or one a unit.
    """
    called = (shares >= np.asarray(thresholds)).astype(int)
    return unit_f1(unit_cells(truth.astype(int), called).sum(axis=0), "zero")


def _temperature(loss: Callable[[float], Tensor]) -> float:
    def at(log_t: float) -> float:
        return float(loss(float(np.exp(log_t))))

    found = minimize_scalar(at, bounds=_LOG_BOUNDS, method="bounded")
    return float(np.exp(found.x))


@torch.no_grad()
def _divide(head: nn.Module, temperature: float) -> None:
    for parameter in head.parameters():
        parameter.div_(temperature)
