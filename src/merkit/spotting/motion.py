"""How the regions of a face moved between two frames, the head's own motion removed.

The vertices of the mesh are followed from one small picture to the other (pyramidal Lucas-Kanade,
Bouguet 2001, in OpenCV): a hundred points cost a fifth of a dense field, and a point is not drawn
to its still neighbours as a smooth field is, which keeps most of a movement that is few pixels
wide. The mesh says where each of them begins to be looked for. Where teeth show, lids close or a
hand comes, the picture is not the same any more and points get lost: there the mesh, which is less
exact and never lost, has the word.

A head that shifts, turns, tilts or comes nearer moves a point at (x, y, z) by six numbers (weak
perspective): those of the points on bone are fitted, and taken from all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from merkit.spotting.look import EYE_DISTANCE_PX, SIDE_PX, Look
from merkit.spotting.medians import median_of_known
from merkit.spotting.regions import IN_REGION, REGIONS, REGIONS_AT, RIGID_AT
from merkit.types import F64, Bool
from merkit.workers import threads

Head: TypeAlias = Literal["rigid", "nose", "none"]
#: Side of the window of a point, levels of the pyramid above the picture, end of the iterations.
_WINDOW_PX, _LEVELS, _STOP = 21, 1, (3, 20, 0.01)
#: A point that was followed is lost where the mesh has it this much elsewhere, in pixels and in
#: shares of how far the mesh has it move; the jitter of the mesh is below half a pixel.
_LOST_PX, _LOST_SHARE = 2.5, 0.3
#: Rounds of reweighting of the fit, and the least scale of its residuals in pixels.
_ROUNDS, _LEAST_PX = 5, 0.05
#: Keeps the fit solvable where the points that are left lie in one line.
_RIDGE = 1e-6 * np.eye(6)
#: Bridge and tip of the nose among the rigid points.
_NOSE_AT = RIGID_AT[:8]


@dataclass(frozen=True, eq=False)
class Motion:
    """``regions`` (R,2): to the right and down, in pixels of the small picture, NaN where unknown.
    ``turn_px``: how far a nod or a shake of the head moved a point that lies one eye distance
    before the others. ``misfit_px``: median distance of the points on bone from the rigid motion.
    """

    regions: F64
    turn_px: float
    misfit_px: float


#: Where one of the two frames shows no face.
UNKNOWN = Motion(np.full((len(REGIONS), 2), np.nan), np.nan, np.nan)


def motions(
    before: Look | None, after: Iterable[Look | None], head: Head = "rigid"
) -> list[Motion]:
    """``motion_between`` one look and several, side by side."""
    return list(threads().map(lambda look: motion_between(before, look, head), after))


def motion_between(before: Look | None, after: Look | None, head: Head = "rigid") -> Motion:
    """Motion of every region from one look to another.

    Args:
        head: how the head's motion is found: a ``rigid`` fit; the mean of the ``nose``; ``none``.
    """
    if before is None or after is None:
        return UNKNOWN
    shown = before.inside & after.inside
    followed, kept = _followed(before, after)
    meshed = (after.points - before.points)[:, :2].astype(np.float64)
    bone = RIGID_AT[(shown & kept)[RIGID_AT]]
    if len(bone) < len(RIGID_AT) / 2:
        return UNKNOWN
    design = _design(before)
    numbers, misfit = _fit(design[bone], followed[bone])
    # each by its own fit: a mesh that jumps takes the picture that is cut by it along
    by_mesh = meshed - design @ _fit(design[RIGID_AT], meshed[RIGID_AT])[0]
    moved = followed - design @ numbers
    lost = np.hypot(*(moved - by_mesh).T) > _LOST_PX + _LOST_SHARE * np.hypot(*by_mesh.T)
    moved[lost | ~kept] = by_mesh[lost | ~kept]
    if head != "rigid":
        moved = moved + design @ numbers
        moved -= np.median(moved[_NOSE_AT], axis=0) if head == "nose" else 0.0
    moved[~shown] = np.nan
    turn_px = float(np.hypot(*numbers[4:]))
    return Motion(_pooled(moved), turn_px, misfit)


def _followed(before: Look, after: Look) -> tuple[F64, Bool]:
    """Displacement of every vertex (V,2), and which were followed to the end."""
    import cv2

    start, guess = before.points[:, :2].copy(), after.points[:, :2].copy()
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        before.picture,
        after.picture,
        start,
        guess,
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(end - start, np.float64), status.ravel() == 1


def _design(look: Look) -> F64:
    """(V,2,6): what the six numbers of the head's motion do to each point: shift right and down,
    scale, roll, yaw and pitch."""
    x, y = ((look.points[:, :2] - SIDE_PX / 2) / EYE_DISTANCE_PX).T.astype(np.float64)
    z = look.points[:, 2].astype(np.float64) / EYE_DISTANCE_PX
    one, none = np.ones_like(x), np.zeros_like(x)
    right = np.stack([one, none, x, -y, z, none], axis=1)
    down = np.stack([none, one, y, x, none, z], axis=1)
    return np.stack([right, down], axis=1)


def _fit(design: F64, moved: F64) -> tuple[F64, float]:
    """Reweighted least squares (Cauchy weights): the six numbers and the median distance."""
    flat, wanted = design.reshape(-1, 6), moved.ravel()
    weights = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        weighted = flat.T * weights
        numbers = np.linalg.solve(weighted @ flat + _RIDGE, weighted @ wanted)
        squares = ((wanted - flat @ numbers) ** 2).reshape(-1, 2).sum(axis=1)
        middle = float(np.partition(squares, len(squares) // 2)[len(squares) // 2])
        weights = np.repeat(1 / (1 + squares / max(_LEAST_PX**2, 2.2 * middle)), 2)
    return np.asarray(numbers), middle**0.5


def _pooled(moved: F64) -> F64:
    """(R,2): median over the vertices of each region; NaN where half of them are unknown."""
    values = moved[REGIONS_AT].transpose(0, 2, 1)
    values[np.broadcast_to(~IN_REGION[:, None, :], values.shape)] = np.nan
    unknown = np.isnan(values[:, 0]) & IN_REGION
    pooled = median_of_known(values)
    pooled[2 * unknown.sum(axis=1) >= IN_REGION.sum(axis=1)] = np.nan
    return pooled
