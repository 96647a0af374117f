"""What each action unit (AU) does to a face: displacement fields, and wrinkles and folds.

A displacement is a sum of Gaussian windows, each anchored at landmarks and carrying one direction.
A fold is a dark valley along a short line with a lighter ridge on either side. The tables,
``data/pushes.csv`` and ``data/folds.csv``, are written for the subject's right side (left in the
picture) with axes ``out`` (away from the midline) and ``down``, in face widths, and are mirrored
for the left. Directions follow the muscle
actions, and places of folds the appearance changes, of the FACS manual (Ekman, Friesen & Hager
2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

import numpy as np

from merkit.datasets.sheets import shipped_table
from merkit.types import F32, F64, I64

Side = Literal["", "L", "R"]
Pair = tuple[float, float]

#: landmark that each landmark becomes when the face is mirrored left to right
MIRROR: I64 = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *[27, 28, 29, 30, 35, 34, 33, 32, 31],
        *[45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],
        *[54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],
        *[64, 63, 62, 61, 60, 67, 66, 65],
    ]
)


@dataclass(frozen=True, slots=True)
class Push:
    """One Gaussian window: anchored at the mean of ``points`` plus ``offset``, moving skin
    along ``direction`` (its length is the weight), ``sigma`` wide. All as (out, down)."""

    points: tuple[int, ...]
    direction: Pair
    sigma: Pair
    offset: Pair


@dataclass(frozen=True, slots=True)
class Fold:
    """A line from ``start`` to ``end``, each a landmark with an offset (out, down)."""

    start: int
    start_offset: Pair
    end: int
    end_offset: Pair
    width: float
    depth: float


def _pair(row: Mapping[str, str], name: str) -> Pair:
    return float(row[f"{name}_out"]), float(row[f"{name}_down"])


def _push(row: Mapping[str, str]) -> Push:
    points = tuple(map(int, row["landmarks"].split()))
    return Push(points, _pair(row, "direction"), _pair(row, "sigma"), _pair(row, "offset"))


def _fold(row: Mapping[str, str]) -> Fold:
    start, end = int(row["start"]), int(row["end"])
    width, depth = float(row["width"]), float(row["depth"])
    return Fold(start, _pair(row, "start"), end, _pair(row, "end"), width, depth)


#: Action unit -> its rows.
PUSHES: Mapping[int, tuple[Push, ...]] = {
    int(au): tuple(map(_push, rows))
    for au, rows in groupby(shipped_table("pushes", "merkit.synthetic"), itemgetter("au"))
}
FOLDS: Mapping[int, tuple[Fold, ...]] = {
    int(au): tuple(map(_fold, rows))
    for au, rows in groupby(shipped_table("folds", "merkit.synthetic"), itemgetter("au"))
}


def displacement_field(au: int, side: Side, points: F64, size_px: tuple[int, int]) -> F32:
    """(H, W, 2) displacement of an AU whose largest vector has length 1.

    Args:
        au: a key of ``PUSHES``.
        side: "" moves both sides.
        points: (68, 2) landmarks in pixels of the field.
        size_px: width and height of the field.
    """
    width, height = size_px
    field = np.zeros((height, width, 2))
    for out in _sides(side):
        for push in PUSHES[au]:
            centre = _place(points, push.points, push.offset, out)
            sigma = np.array(push.sigma) * face_width(points)
            x = np.exp(-0.5 * ((np.arange(width) - centre[0]) / sigma[0]) ** 2)
            y = np.exp(-0.5 * ((np.arange(height) - centre[1]) / sigma[1]) ** 2)
            field += (y[:, None] * x[None, :])[..., None] * np.multiply(push.direction, (out, 1.0))
    field /= np.linalg.norm(field, axis=-1).max()
    return field.astype(np.float32)


def shading_field(au: int, side: Side, points: F64, size_px: tuple[int, int]) -> F32:
    """(H, W) relative change of brightness of an AU; its darkest fold has depth about 1.

    ``side`` "" shades both sides; otherwise as ``displacement_field``.
    """
    field = np.zeros((size_px[1], size_px[0]), np.float32)
    for out in _sides(side):
        for fold in FOLDS[au]:
            start = _place(points, (fold.start,), fold.start_offset, out)
            end = _place(points, (fold.end,), fold.end_offset, out)
            _add_fold(field, start, end, fold.width * face_width(points), fold.depth)
    return field


def face_width(points: F64) -> float:
    """Distance between the jaw edges (landmarks 0 and 16)."""
    return float(np.linalg.norm(points[16] - points[0]))


def _sides(side: Side) -> tuple[float, ...]:
    """The direction of ``out`` along the picture's x axis, for each side that acts."""
    return {"R": (-1.0,), "L": (1.0,), "": (-1.0, 1.0)}[side]


def _place(points: F64, landmarks: Sequence[int], offset: Pair, out: float) -> F64:
    """(2,) pixels: the mean of landmarks (of their mirror twins on the left) plus an offset."""
    index = np.array(landmarks) if out < 0 else MIRROR[list(landmarks)]
    moved = np.array([out, 1.0]) * offset * face_width(points)
    return np.asarray(points[index].mean(axis=0) + moved)


def _add_fold(field: F32, start: F64, end: F64, sigma: float, depth: float) -> None:
    reach, size = 4.0 * sigma, np.array(field.shape[::-1])
    low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach) + 1, size).astype(int)
    x = np.arange(low[0], high[0])[None, :]
    y = np.arange(low[1], high[1])[:, None]
    if x.size == 0 or y.size == 0:
        return
    length = np.linalg.norm(end - start)
    along = (end - start) / (length + 1e-9)
    t = (x - start[0]) * along[0] + (y - start[1]) * along[1]
    across = ((y - start[1]) * along[0] - (x - start[0]) * along[1]) / sigma
    taper = np.exp(-(((t - length / 2) / (length / 2 + sigma)) ** 4))
    valley = -np.exp(-0.5 * across**2) + 0.55 * np.exp(-0.5 * ((np.abs(across) - 2.2) / 0.9) ** 2)
    shade = depth * valley * taper
    field[low[1] : high[1], low[0] : high[0]] += shade.astype(np.float32)
