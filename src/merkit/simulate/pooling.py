"""Motion of the eighteen regions on the grid of a view, read as the recipe of regions reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from merkit.face.regions import region_layout
from merkit.flow.config import FlowConfig
from merkit.simulate.pose import Crop
from merkit.simulate.view import View
from merkit.types import F32, I64

#: the nose tip stands behind the regions
_NOSE = 18
_INNER_EYES = (39, 42)


def square_crop(landmarks: F32, config: FlowConfig) -> Crop:
    """The crop in which regions are read: see :func:`merkit.flow.crop.face_crop`."""
    right, left = landmarks[list(_INNER_EYES)]
    g, (x, y) = float(np.linalg.norm(left - right)) / 2, (right + left) / 2
    half = config.crop_half_width_g * g
    return Crop(float(x) - half, float(y) - config.crop_above_g * g, 2 * half, 2 * half)


@dataclass(frozen=True, eq=False)
class Pooling:
    """``boxes``: (19,4) left, top, right, bottom in cells of a grid of ``side``, right and bottom
    exclusive; the last one is the nose tip's. ``shares``: (19,) of the cells that count, those
    that move most."""

    boxes: I64
    shares: tuple[float, ...]
    side: int

    @classmethod
    def of_view(cls, view: View, config: FlowConfig) -> Pooling:
        """Regions about the landmarks of a view whose crop is square."""
        size = config.crop_size_px
        points = view.crop.shares(view.face.landmarks) * size - 0.5
        layout = region_layout(points, config.windows, size)
        pixels = np.vstack([layout.boxes_px, layout.nose_tip_px])
        cells = np.rint(pixels * (view.side / size)).astype(np.int64)
        low = np.clip(cells[:, :2], 0, view.side - 1)
        boxes = np.hstack([low, np.maximum(cells[:, 2:], low + 1)])
        return cls(boxes, (*config.shares(), config.q_nose_tip), view.side)

    @property
    def cells(self) -> I64:
        """Numbers of the cells of all boxes, row by row and box by box, (C,)."""
        grid = np.arange(self.side**2).reshape(self.side, self.side)
        boxes = self.boxes.tolist()
        return np.concatenate(
            [grid[top:end, left:right].ravel() for left, top, right, end in boxes]
        )

    def __call__(self, u: F32, v: F32) -> F32:
        """(M,18,2) of flows whose two components are (M,C) on ``cells``: of each region the mean of
        the cells that move most, after the motion of the nose tip was taken off
        (``nose_correction=field``)."""
        sizes = np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=1)
        ends = np.cumsum(sizes)
        parts = [(u[:, a:b], v[:, a:b]) for a, b in zip(ends - sizes, ends, strict=True)]
        nose = _dominant(*parts[_NOSE], self.shares[_NOSE])
        pooled = [
            _dominant(right - nose[:, :1], down - nose[:, 1:], share)
            for (right, down), share in zip(parts[:_NOSE], self.shares[:_NOSE], strict=True)
        ]
        return np.stack(pooled, axis=1)


def _dominant(u: F32, v: F32, q: float) -> F32:
    """(M,2) of vectors (M,C): see :func:`merkit.flow.estimate.dominant_motion`."""
    n = u.shape[1]
    rank = min(n - 1, int(round(n * (1 - q), 6)))
    squared = u * u + v * v
    chosen = (squared >= np.partition(squared, rank, axis=1)[:, rank, None]).astype(np.float32)
    total = [np.einsum("mc,mc->m", chosen, component) for component in (u, v)]
    return cast(F32, np.stack(total, axis=1) / chosen.sum(1)[:, None])
