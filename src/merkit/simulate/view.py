"""One person from one side, as a linear basis of motion on a grid over the crop.

Vertices are a linear function of the weights of expression shapes, and orthographic projection is
linear, so the flow of a small movement is the weights times one matrix: making it once for a view
turns every further map into a product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.ndimage import distance_transform_edt, maximum_filter

from merkit.simulate.dials import Dials
from merkit.simulate.face_model import FaceModel
from merkit.simulate.pose import Crop, CropRule, PosedFace, draw_face, jittered, tight_crop
from merkit.types import F32, I64

#: rigid motions of the head, in this order, and their units
RIGID = ("right_eyes", "down_eyes", "pitch_rad", "yaw_rad", "roll_rad", "zoom")
#: skin so far (eye distances) behind the foremost of its cell and those around is hidden, as a
#: cheek behind a nose
_HIDDEN_EYES = 0.09
#: skin that is turned away more than this (cosine) is not seen
_TURNED_AWAY = 0.05
#: cells farther from any skin than this share of the side are background
_BACKGROUND_SHARE = 4 / 56


@dataclass(frozen=True, eq=False)
class View:
    """The flow of every movement of one face in one crop, on a grid of ``side`` x ``side`` cells.

    ``basis``: (E, side*side*2) flow of each expression shape at full height; ``rigid``: (6,
    side*side*2) of the head's motions ``RIGID``. Flow is (u, v) in shares of the crop's width and
    height, u to the right and v down; 0 beside the face. ``mask``: (side, side), where the face is.
    """

    face: PosedFace
    crop: Crop
    basis: F32
    rigid: F32
    mask: np.ndarray

    @property
    def side(self) -> int:
        return len(self.mask)

    @property
    def eyes_per_share(self) -> F32:
        """(2,) sides of the crop in eye distances."""
        return self.crop.size / np.float32(self.face.eye_distance)

    def flow(self, weights: F32) -> F32:
        """(N, side, side, 2) of expression shapes with weights (N,E)."""
        return self._grid(weights, self.basis)

    def rigid_flow(self, motions: F32) -> F32:
        """(N, side, side, 2) of small motions of the head (N,6), order and units as ``RIGID``."""
        return self._grid(motions, self.rigid)

    def _grid(self, weights: F32, basis: F32) -> F32:
        product: F32 = weights.astype(np.float32) @ basis
        return product.reshape(len(weights), self.side, self.side, 2)


def make_view(face: PosedFace, crop: Crop, side: int = 56) -> View:
    """The basis of a face in a crop, each cell the mean over the skin that is seen in it; cells
    between skin have that of the nearest."""
    seen, cells = visible(face, crop, side)
    weights = face.model.point_weights[seen] * face.normals[seen, 2]
    mean = sparse.csr_matrix((weights, (cells, seen)), shape=(side * side, len(face.points)))
    total = np.asarray(mean.sum(axis=1)).ravel()
    nearest, distance = fill(total.reshape(side, side) > 0)
    share = np.maximum(total, 1e-9)[:, None].astype(np.float32)
    shapes = ((mean @ face.model.point_shapes) / share)[nearest]
    places = ((mean @ face.points) / share)[nearest]
    mask = (distance < _BACKGROUND_SHARE * side).ravel()
    flow = shapes.reshape(side * side, -1, 3) @ face.rotation.T[:, :2]
    flow *= mask[:, None, None] / crop.size
    basis = np.ascontiguousarray(flow.transpose(1, 0, 2)).reshape(flow.shape[1], -1)
    rigid = _rigid(face, places) * mask[:, None] / crop.size
    return View(face, crop, basis, rigid.reshape(len(RIGID), -1), mask.reshape(side, side))


def draw_view(
    model: FaceModel,
    dials: Dials,
    rng: np.random.Generator,
    rule: CropRule = tight_crop,
    side: int = 56,
) -> View:
    """A person, a pose and a crop, and their basis."""
    face = draw_face(model, dials, rng)
    return make_view(face, jittered(rule(face.landmarks), face, dials.crop, rng), side)


def visible(face: PosedFace, crop: Crop, side: int) -> tuple[I64, I64]:
    """Numbers of the dense points that are seen in the crop, and the cell of each on a grid of
    ``side`` x ``side``, row by row."""
    u, v = (crop.shares(face.points) * side).T
    points = np.flatnonzero((u >= 0) & (u < side) & (v >= 0) & (v < side))
    cells = v[points].astype(np.int64) * side + u[points].astype(np.int64)
    depth = face.points[points, 2]
    foremost = np.full(side * side, -np.inf, np.float32)
    np.maximum.at(foremost, cells, depth)
    around = maximum_filter(foremost.reshape(side, side), size=3, mode="nearest").ravel()
    seen = depth > around[cells] - _HIDDEN_EYES * face.eye_distance
    seen &= face.normals[points, 2] > _TURNED_AWAY
    return points[seen], cells[seen]


def fill(filled: np.ndarray) -> tuple[I64, F32]:
    """For every cell of a grid (side, side) the number of the nearest filled one (side*side,), and
    how far that is in cells (side, side)."""
    distance, (rows, columns) = distance_transform_edt(~filled, return_indices=True)
    return (rows * filled.shape[1] + columns).ravel(), distance.astype(np.float32)


def _rigid(face: PosedFace, places: F32) -> F32:
    """(6, cells, 2) first-order motion of skin at ``places`` (cells,3), about the head's centre."""
    x, y, z = (places - face.vertices.mean(0)).T
    none, eyes = np.zeros_like(x), np.full_like(x, face.eye_distance)
    motions = [(eyes, none), (none, eyes), (none, z), (z, none), (y, -x), (x, y)]
    return np.stack([np.stack(motion, axis=-1) for motion in motions]).astype(np.float32)
