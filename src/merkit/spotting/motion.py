"""How the regions of a face moved between two frames, the head's own motion removed.

The vertices of the mesh are followed from one small picture to the other (pyramidal Lucas-Kanade,
Bouguet 2001, in OpenCV): a hundred points cost a fifth of a dense field, and a point is not drawn
to its still neighbours as a smooth field is, which keeps most of a movement that is few pixels
wide. The mesh says where each of them begins to be looked for. Where teeth show, lids close or a
hand comes, the picture is not the same any more and points get lost: there the mesh, which is less
exact and never lost, has the word. A head that shifts, turns, tilts or comes nearer moves a point at (x, y, z) by six
numbers (weak perspective): those of the points on bone are fitted, and taken from all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from merkit.spotting.look import EYE_DISTANCE_PX, SIDE_PX, Look
from merkit.spotting.regions import REGIONS, REGIONS_AT, RIGID_AT
from merkit.types import F64, Bool

Head: TypeAlias = Literal["rigid", "nose", "none"]
#: Side of the window of a point, levels of the pyramid above the picture, end of the iterations.
_WINDOW_PX, _LEVELS, _STOP = 21, 1, (3, 20, 0.01)
#: A point that was followed is lost where the mesh has it this much elsewhere, in pixels and in
#: shares of how far the mesh has it move; the jitter of the mesh is below half a pixel.
_LOST_PX, _LOST_SHARE = 2.5, 0.3
#: Rounds of reweighting of the fit, and the least scale of its residuals in pixels.
_ROUNDS, _LEAST_PX = 6, 0.05
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


def motion_between(before: Look | None, after: Look | None, head: Head = "rigid") -> Motion:
    """Motion of every region from one look to another.

    Args:
        head: how the head's motion is found: a ``rigid`` fit; the mean of the ``nose``; ``none``.
    """
    if before is None or after is None:
        return UNKNOWN
    moved, known = _followed(before, after)
    on_bone = RIGID_AT[known[RIGID_AT]]
    if len(on_bone) < len(RIGID_AT) / 2:
        return UNKNOWN
    design = _design(before)
    numbers, misfit = _fit(design[on_bone], moved[on_bone])
    if head == "rigid":
        moved = moved - design @ numbers
    elif head == "nose":
        moved = moved - np.median(moved[_NOSE_AT], axis=0)
    moved[~known] = np.nan
    turn_px = float(np.hypot(*numbers[4:]))
    return Motion(np.stack([_pooled(moved[at]) for at in REGIONS_AT]), turn_px, misfit)


def _followed(before: Look, after: Look) -> tuple[F64, Bool]:
    """Displacement of every vertex (V,2), and which are known."""
    import cv2

    meshed = (after.points - before.points)[:, :2].astype(np.float64)
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        before.picture,
        after.picture,
        before.points[:, :2].copy(),
        after.points[:, :2].copy(),
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    moved = np.asarray(end - before.points[:, :2], np.float64)
    allowed = _LOST_PX + _LOST_SHARE * np.hypot(*meshed.T)
    lost = (status.ravel() == 0) | (np.hypot(*(moved - meshed).T) > allowed)
    moved[lost] = meshed[lost]
    return moved, before.inside & after.inside


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
    weights = np.ones(len(moved))
    numbers, distance = np.zeros(6), np.zeros(len(moved))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)[:, None]
        left = (design * root[:, :, None]).reshape(-1, 6)
        numbers = np.linalg.lstsq(left, (moved * root).ravel(), rcond=None)[0]
        distance = np.hypot(*(moved - design @ numbers).T)
        scale = max(_LEAST_PX, 1.4826 * float(np.median(distance)))
        weights = 1 / (1 + (distance / scale) ** 2)
    return numbers, float(np.median(distance))


def _pooled(moved: F64) -> F64:
    """Median over the vertices of a region; NaN where half of them are unknown."""
    known = ~np.isnan(moved[:, 0])
    if 2 * known.sum() <= len(moved):
        return np.full(2, np.nan)
    return np.asarray(np.median(moved[known], axis=0))
