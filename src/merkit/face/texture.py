"""A face unwrapped: its picture drawn into the frontal outline of the generic head, so that neither
the pose nor the expression moves anything in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from merkit.face.pose import generic_head
from merkit.types import F32, F64, I64, U8, Bool

#: Side of an unwrapped face.
SIDE_PX = 32
#: What it shows, in eye distances from the point between the eyes: left, right, top, bottom.
_EXTENT = (-1.0, 1.0, -0.75, 1.45)
#: Between upper and lower half of the face: the tip of the nose.
_MIDDLE_Y = 0.42
#: Eye distance of the picture that is read: little more than the unwrapped face has.
_READ_EYE_PX = 20.0
_EYES = (33, 133, 362, 263)
# fmt: off
#: Openings, inside of which expression changes the picture: both eyes and the mouth.
_OPENINGS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
# fmt: on


@dataclass(frozen=True)
class Layout:
    """Where each pixel of the unwrapped face lies on the mesh. ``on_face`` (S,S): outside of it
    there is no face; ``vertices`` and ``weights`` (M,3) of the M pixels on it; ``skin`` (S,S): on
    the face, and in none of its openings; ``quarters`` (4,S,S): upper left and right, lower left
    and right of the person."""

    on_face: Bool
    vertices: I64
    weights: F32
    skin: Bool
    quarters: Bool


@lru_cache(maxsize=1)
def layout() -> Layout:
    """The layout of the generic head, the same for every face."""
    import cv2
    from scipy.spatial import Delaunay

    head = generic_head()[0]
    flat = head[:, :2] - head[list(_EYES), :2].mean(axis=0)
    left, right, top, bottom = _EXTENT
    across = np.linspace(left, right, SIDE_PX)
    x, y = np.meshgrid(across, np.linspace(top, bottom, SIDE_PX))
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    triangles = Delaunay(flat)
    found = triangles.find_simplex(places)
    inside = found >= 0
    weights = _barycentric(triangles.transform[found[inside]], places[inside])
    scale = (SIDE_PX - 1) / np.array([right - left, bottom - top])
    holes = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for outline in _OPENINGS:
        corners = (flat[list(outline)] - (left, top)) * scale
        cv2.fillPoly(holes, [corners.round().astype(np.int32)], 1)
    on_face = inside.reshape(SIDE_PX, SIDE_PX)
    upper, persons_left = y < _MIDDLE_Y, x > 0
    quarters = [upper & persons_left, upper & ~persons_left]
    quarters += [~upper & persons_left, ~upper & ~persons_left]
    return Layout(
        on_face,
        triangles.simplices[found[inside]].astype(np.int64),
        weights.astype(np.float32),
        on_face & (holes == 0),
        np.stack(quarters),
    )


def unwrap(rgb: U8, mesh_px: F32, eye_distance_px: float) -> U8:
    """The face of a mesh (478,3), grey u8 (S,S); what lies outside the picture repeats its
    border."""
    import cv2

    height, width = rgb.shape[:2]
    points = mesh_px[:, :2]
    low = np.clip(np.floor(points.min(axis=0)) - 2, 0, (width - 2, height - 2)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 3, low + 2, (width, height)).astype(int)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    share = min(1.0, _READ_EYE_PX / max(eye_distance_px, 1.0))
    size = np.maximum(np.round(share * (high - low)), 2).astype(int)
    small = cv2.resize(part, tuple(size.tolist()), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    where = layout()
    places = np.einsum("mk,mkd->md", where.weights, points[where.vertices])
    maps = np.zeros((2, SIDE_PX, SIDE_PX), np.float32)
    maps[:, where.on_face] = ((places - low + 0.5) * (size / (high - low)) - 0.5).T
    x, y = maps
    seen = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def _barycentric(transforms: F64, places: F64) -> F64:
    """Weights (M,3) of the corners of each place's triangle, from SciPy's transforms (M,3,2)."""
    two = np.einsum("mij,mj->mi", transforms[:, :2], places - transforms[:, 2])
    return np.concatenate([two, 1 - two.sum(axis=1, keepdims=True)], axis=1)
