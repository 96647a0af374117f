"""Where on a picture of a face things lie: the view that pictures are cut to, the regions that are
moved, and the lines of a drawn face that is nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from merkit.face.pose import generic_head
from merkit.spotting.look import EYE_HEIGHT_PX, SIDE_PX, levelled
from merkit.spotting.regions import REGIONS
from merkit.types import F64, RegionMotion

#: The normalised face is shown a little smaller, so that chin and forehead are in the picture.
_ZOOM, _EYES_AT_PX = 0.78, 98.0
# fmt: off
#: Lines of the mesh: outline, lids, lips, brows, ridge and wings of the nose.
_LINES = (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
     148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7, 33),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249, 263),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61),
    (61, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 291),
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 70),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276, 300),
    (168, 6, 197, 195, 5, 4), (129, 98, 97, 2, 326, 327, 358),
)
# fmt: on


@dataclass(frozen=True)
class Arrow:
    """How a region moved, on a picture: from ``x``, ``y`` by ``right`` and ``down``, in pixels of
    the picture, as many times as long as the motion was as was asked for."""

    region: str
    x: float
    y: float
    right: float
    down: float


def view_of(mesh_px: np.ndarray, size_px: int) -> F64:
    """The transform (2,3) from the picture of a mesh to the view: a square of ``size_px`` in which
    the face is upright, level, and of one size."""
    matrix, _ = levelled(mesh_px)
    share = size_px / SIDE_PX
    shown = _ZOOM * share * matrix
    shown[:, 2] += share * np.array(
        [(1 - _ZOOM) * SIDE_PX / 2, _EYES_AT_PX - _ZOOM * EYE_HEIGHT_PX]
    )
    return np.asarray(shown)


def region_centres(mesh_px: np.ndarray, view: F64) -> F64:
    """Where the middle of each of ``REGIONS`` lies in a view (R,2)."""
    points = mesh_px[:, :2] @ view[:, :2].T + view[:, 2]
    return np.stack([points[list(region.vertices)].mean(axis=0) for region in REGIONS])


def arrows(
    moved: Sequence[RegionMotion], centres: F64, size_px: int, times: float
) -> tuple[Arrow, ...]:
    """The motion of regions on a view of ``size_px``, drawn ``times`` as long; those that are not
    known are left out.

    Args:
        centres: (R,2) of ``region_centres``.
    """
    at = {(r.name, r.side): place for r, place in zip(REGIONS, centres.tolist(), strict=True)}
    scale = times * _ZOOM * size_px / SIDE_PX
    found = []
    for region in moved:
        if not np.isfinite(region.motion_px):
            continue
        x, y = at[region.region, region.side]
        title = f"{region.side} {region.region}".strip()
        found.append(Arrow(title, x, y, scale * region.right_px, scale * region.down_px))
    return tuple(found)


@lru_cache(maxsize=4)
def drawn_face(size_px: int) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Lines of MediaPipe's generic head in a view: a face that is nobody's."""
    head = generic_head()[0]
    view = view_of(head, size_px)
    points = head[:, :2] @ view[:, :2].T + view[:, 2]
    return tuple(tuple((float(x), float(y)) for x, y in points[list(line)]) for line in _LINES)


@lru_cache(maxsize=4)
def drawn_centres(size_px: int) -> F64:
    """``region_centres`` of the face that is drawn."""
    head = generic_head()[0]
    return region_centres(head, view_of(head, size_px))
