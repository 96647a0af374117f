"""The flow of what was drawn: expression at its amplitude, head motion, a crop that moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.simulate.actions import Drawn
from merkit.simulate.dials import Dials, HeadMotion
from merkit.simulate.tables import NOTHING
from merkit.simulate.view import View
from merkit.types import F32

#: the amplitude is this quantile of the skin's displacement over the crop
_PEAK = 0.99
#: a movement whose peak is smaller at full height is not blown up any further
_LEAST_PEAK_EYES = 0.0006


@dataclass(frozen=True, eq=False)
class Movement:
    """``flow``: (N, side, side, 2) in shares of the crop's width and height. ``amplitude_eyes``:
    (N,) that the expression has in eye distances, or would have where there is nothing."""

    flow: F32
    amplitude_eyes: F32


def draw_movement(view: View, drawn: Drawn, dials: Dials, rng: np.random.Generator) -> Movement:
    """The exact flow of N drawn maps of one view."""
    n = len(drawn)
    low, high = np.log(dials.amplitude.range_eyes)
    amplitude = np.exp(rng.uniform(low, high, n)).astype(np.float32) * drawn.whole
    flow = view.flow(drawn.weights)
    factor = _shown(drawn, dials, rng) * amplitude / peak_eyes(view, flow)
    flow *= factor[:, None, None, None]
    flow += view.rigid_flow(_head(n, dials.head, rng)) + _crop_moved(view, n, dials, rng)
    return Movement(flow, amplitude)


def peak_eyes(view: View, flow: F32) -> F32:
    """(N,) amplitude of flows (N, side, side, 2), in eye distances."""
    right, down = view.eyes_per_share
    squared = np.square(right * flow[..., 0]) + np.square(down * flow[..., 1])
    squared = squared.reshape(len(flow), -1)
    rank = round(_PEAK * (squared.shape[1] - 1))
    peak: F32 = np.sqrt(np.partition(squared, rank, axis=1)[:, rank])
    return np.maximum(peak, _LEAST_PEAK_EYES)


def _shown(drawn: Drawn, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,) 1, or what is left of the amplitude on maps of nothing."""
    left = (rng.random(len(drawn)) < dials.nothing.residue_chance) * dials.nothing.residue
    return np.where(drawn.classes == NOTHING, left, 1).astype(np.float32)


def _head(n: int, head: HeadMotion, rng: np.random.Generator) -> F32:
    """(N,6) motions of the head, in the order of ``view.RIGID``."""
    sd = [head.shift_sd_eyes] * 2 + [head.turn_sd_rad] * 2 + [head.roll_sd_rad, head.zoom_sd]
    size = rng.exponential(1.0, (n, 1))
    return (rng.standard_normal((n, 6)) * sd * size).astype(np.float32)


def _crop_moved(view: View, n: int, dials: Dials, rng: np.random.Generator) -> F32:
    """(N, side, side, 2) of a second crop that lies otherwise than the first."""
    jitter = dials.landmarks
    on = (rng.random((n, 1)) < jitter.chance).astype(np.float32)
    shift = on * rng.standard_normal((n, 2)) * jitter.shift_sd_eyes / view.eyes_per_share
    zoom = on * rng.standard_normal((n, 1)) * jitter.zoom_sd
    centred = (np.arange(view.side, dtype=np.float32) + 0.5) / view.side - 0.5
    u, v = np.meshgrid(centred, centred)
    moved = shift[:, None, None] + zoom[:, None, None] * np.stack([u, v], axis=-1)
    return moved.astype(np.float32)
