"""Onset-apex maps of one view: of the exact flow, or of what an estimator sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from merkit.flow.config import Estimator, FlowConfig
from merkit.flow.estimate import flow_map, map_of_flow
from merkit.simulate.actions import Actions, Drawn
from merkit.simulate.dials import Dials
from merkit.simulate.estimator_noise import imitated
from merkit.simulate.movement import Movement, draw_movement
from merkit.simulate.moving import photographed, relit, upsampled, warp
from merkit.simulate.picture import paint
from merkit.simulate.picture_dials import Estimators
from merkit.simulate.simulated import Simulated
from merkit.simulate.view import View, draw_view
from merkit.types import F32, I64, U8

Kind = Literal["estimated", "geometric"]
#: side of a map in pixels, and of the grid on which flow is exact
MAP_PX, GRID = 28, 56
GEOMETRIC = "geometric"


@dataclass(frozen=True, eq=False)
class FlowMaps(Simulated):
    """Maps with their labels, and the setting that made each, so that settings can be held out.

    ``maps``: (N,3,28,28) strain, v, u as ``merkit.flow.estimate.flow_map`` gives them.
    ``estimators``: (N,) names, or ``geometric``; ``sides_px``: (N,) side of the pictures that it
    was given, or of the grid. The others are those of :class:`Simulated`.
    """

    shapes: ClassVar = {**Simulated.shapes, "maps": (3, MAP_PX, MAP_PX)}

    maps: U8
    classes: I64
    units: np.ndarray
    estimators: np.ndarray
    sides_px: I64
    views: I64

    @property
    def settings(self) -> np.ndarray:
        """(N,) such as ``tvl1-56``: estimator and side."""
        pairs = zip(self.estimators.tolist(), self.sides_px.tolist(), strict=True)
        return np.array([f"{estimator}-{side}" for estimator, side in pairs], dtype=str)


def maps_of_view(
    actions: Actions, dials: Dials, kind: Kind, view: int, n: int, rng: np.random.Generator
) -> FlowMaps:
    """N maps of one person from one side.

    Args:
        view: its number, which the maps carry.
    """
    seen = draw_view(actions.model, dials, rng, side=GRID)
    drawn = actions.draw(n, dials, rng)
    movement = draw_movement(seen, drawn, dials, rng)
    if kind == "geometric":
        return _labelled(geometric_maps(seen, movement, dials, rng), drawn, view)
    picture = paint(seen.face, seen.crop, dials.picture, rng)
    maps = [estimated_map(picture, flow, dials, rng) for flow in movement.flow]
    return _labelled(maps, drawn, view)


#: a map, its estimator, and the side of the pictures
Made = tuple[U8, str, int]


def geometric_maps(
    view: View, movement: Movement, dials: Dials, rng: np.random.Generator
) -> list[Made]:
    """Maps of the exact flow, with what an estimator does imitated."""
    amplitude = movement.amplitude_eyes / view.eyes_per_share.mean() * view.side
    flow = movement.flow * np.float32(view.side)
    seen = imitated(flow, amplitude, view.mask, dials.geometric, rng)
    return [(map_of_flow(one, MAP_PX), GEOMETRIC, view.side) for one in seen]


def estimated_map(picture: F32, flow: F32, dials: Dials, rng: np.random.Generator) -> Made:
    """The map that an estimator makes of a picture and of the same after ``flow``, which is
    (G,G,2) in shares of the sides."""
    flow_px = upsampled(flow, len(picture))
    second = relit(warp(picture, flow_px), flow_px, dials.illumination, rng)
    estimator, side = _draw_estimator(dials.estimators, rng)
    onset, apex = photographed((picture, second), side, dials.noise, rng)
    config = FlowConfig(estimator=estimator, map_size_px=MAP_PX)
    return flow_map(onset, apex, config), estimator, side


def _draw_estimator(dials: Estimators, rng: np.random.Generator) -> tuple[Estimator, int]:
    names: tuple[Estimator, ...] = ("tvl1", "dis", "farneback")
    shares = np.array([getattr(dials, f"{name}_share") for name in names])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    return name, int(rng.choice(getattr(dials, f"{name}_sides_px")))


def _labelled(made: Sequence[Made], drawn: Drawn, view: int) -> FlowMaps:
    maps, estimators, sides = zip(*made, strict=True)
    return FlowMaps(
        maps=np.stack(maps),
        classes=drawn.classes.astype(np.int64),
        units=drawn.units,
        estimators=np.array(estimators, dtype="<U9"),
        sides_px=np.array(sides, np.int64),
        views=np.full(len(made), view, np.int64),
    )
