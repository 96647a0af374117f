"""Sequences of region motion over whole courses, from onset over apex to offset, of one view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from merkit.face.regions import REGION_NAMES
from merkit.flow.config import FlowConfig
from merkit.simulate.actions import Actions, Parts
from merkit.simulate.courses import (
    Times,
    blink_courses,
    draw_times,
    gaze_courses,
    head_courses,
    talk_courses,
    unit_courses,
)
from merkit.simulate.dials import Dials, HeadMotion
from merkit.simulate.movement import peak_eyes
from merkit.simulate.pooling import Pooling, square_crop
from merkit.simulate.region_noise import as_estimated
from merkit.simulate.simulated import Simulated
from merkit.simulate.tables import EYES_CLOSED, NOTHING
from merkit.simulate.view import RIGID, View, draw_view
from merkit.types import F32, F64, I64

#: side of the grid: a cell is 4 px of the normalised face, and a region about 5 cells across
GRID = 64
#: frames of a sequence, and how the recipe of sim-seq measures motion
FRAMES = 16
FLOW = FlowConfig(reference="first")
#: flow of so many frames at a time, so that it stays in the processor's cache
_ROWS = 256


@dataclass(frozen=True, eq=False)
class Sequences(Simulated):
    """Sequences with their labels.

    ``flow``: f32 (N,T,18,2) motion of each region against the first frame, right and down, in
    pixels of the normalised face, as ``merkit.flow.roi.clip_flow`` measures it. ``fps_hz``: (N,).
    The others are those of :class:`Simulated`.
    """

    shapes: ClassVar = {**Simulated.shapes, "flow": (FRAMES, len(REGION_NAMES), 2)}

    flow: F32
    classes: I64
    units: np.ndarray
    fps_hz: F64
    views: I64


@dataclass(frozen=True, eq=False)
class Moving:
    """What moves in N clips of T frames. ``weights``: (N,T,E) of expression shapes; ``head``:
    (N,T,6) in the order of ``view.RIGID``; both against the first frame."""

    weights: F32
    head: F32

    def regions(self, view: View, pooling: Pooling) -> F32:
        """(N,T,18,2) exact motion of regions in shares of the crop."""
        moved = np.concatenate([self.weights, self.head], axis=-1)
        n, frames, kinds = moved.shape
        cells = [
            np.concatenate(
                [b.reshape(len(b), -1, 2)[:, pooling.cells, axis] for b in (view.basis, view.rigid)]
            )
            for axis in (0, 1)
        ]
        rows = np.array_split(moved.reshape(-1, kinds), max(1, n * frames // _ROWS))
        pooled = [pooling(*(some @ basis for basis in cells)) for some in rows]
        return np.concatenate(pooled).reshape(n, frames, -1, 2)


def draw_moving(
    actions: Actions, view: View, parts: Parts, times: Times, dials: Dials, rng: np.random.Generator
) -> Moving:
    """Courses of what was drawn, at its amplitude."""
    units = actions.unit_weights(parts)
    lids = actions.tables.units.index(EYES_CLOSED)
    units *= _left(parts, units.shape[1], lids, dials, rng)[..., None]
    courses = unit_courses(times, units.shape[1], dials, rng)
    courses[:, lids] = blink_courses(times, dials, rng)
    weights = courses.transpose(0, 2, 1) @ units
    weights += gaze_courses(times, dials, rng)[..., None] * parts.gaze[:, None]
    weights += talk_courses(times, dials, rng)[..., None] * parts.speech[:, None]
    weights *= _heights(view, parts, units, lids, dials, rng)[:, None, None]
    head = _head(times, dials.head, dials, rng)
    return Moving(weights - weights[:, :1], head - head[:, :1])


def _left(
    parts: Parts, units: int, lids: int, dials: Dials, rng: np.random.Generator
) -> np.ndarray:
    """(N,A) 1, or what is left of units other than lids in clips of nothing."""
    residue = (
        rng.random(len(parts.classes)) < dials.nothing.residue_chance
    ) * dials.nothing.residue
    left = np.ones((len(parts.classes), units), np.float32)
    left[parts.classes == NOTHING] = residue[parts.classes == NOTHING, None]
    left[:, lids] = 1
    return left


def _heights(
    view: View, parts: Parts, units: F32, lids: int, dials: Dials, rng: np.random.Generator
) -> F32:
    """(N,) factors that give the expression its amplitude; where there is none, what is usual, so
    that all else has the size that it has in clips of an expression."""
    low, high = np.log(dials.amplitude.range_eyes)
    amplitude = np.exp(rng.uniform(low, high, len(units)))
    shown = units.sum(1) - units[:, lids]
    peak = peak_eyes(view, view.flow(shown))
    is_nothing = parts.classes == NOTHING
    if not is_nothing.all():
        peak[is_nothing] = np.median(peak[~is_nothing])
    return (amplitude / peak).astype(np.float32)


def _head(times: Times, head: HeadMotion, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,T,6)"""
    sd = [head.shift_sd_eyes] * 2 + [head.turn_sd_rad] * 2 + [head.roll_sd_rad, head.zoom_sd]
    size = rng.exponential(1.0, (len(times.time_s), 1, 1)) * sd
    return (head_courses(times, len(RIGID), dials, rng) * size).astype(np.float32)


def sequences_of_view(
    actions: Actions, dials: Dials, view: int, n: int, rng: np.random.Generator
) -> Sequences:
    """N sequences of one person from one side.

    Args:
        view: its number, which the sequences carry.
    """
    dials = dials.without("wrong_apex")  # whole courses are seen
    seen = draw_view(actions.model, dials, rng, lambda points: square_crop(points, FLOW), GRID)
    pooling = Pooling.of_view(seen, FLOW)
    parts = actions.draw_parts(n, dials, rng)
    times = draw_times(n, FRAMES, dials, rng)
    moving = draw_moving(actions, seen, parts, times, dials, rng)
    exact = moving.regions(seen, pooling) * np.float32(FLOW.crop_size_px)
    return Sequences(
        flow=as_estimated(exact, times, dials.regions, rng),
        classes=parts.classes.astype(np.int64),
        units=parts.units,
        fps_hz=times.fps_hz,
        views=np.full(n, view, np.int64),
    )
