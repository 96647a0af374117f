"""What each action unit (AU) does to a face: displacement fields, and wrinkles and folds.

A displacement is a sum of Gaussian windows, each anchored at landmarks and carrying one direction.
A fold is a dark valley along a short line with a lighter ridge on either side. The tables are
written for the subject's right side (left in the picture) with axes ``out`` (away from the
midline) and ``down``, in face widths, and are mirrored for the left. Directions follow the muscle
actions, and places of folds the appearance changes, of the FACS manual (Ekman, Friesen & Hager
2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
    offset: Pair = (0.0, 0.0)


PUSHES: Mapping[int, tuple[Push, ...]] = {
    1: (
        Push((20, 21), (0.05, -1.0), (0.075, 0.075), (0.0, -0.02)),
        Push((20, 21), (0.0, -0.4), (0.09, 0.06), (0.0, -0.12)),
    ),
    2: (
        Push((17, 18), (0.15, -1.0), (0.085, 0.07), (0.02, -0.02)),
        Push((18, 19), (0.0, -0.4), (0.09, 0.06), (0.0, -0.12)),
    ),
    4: (
        Push((20, 21), (-0.55, 0.85), (0.08, 0.065)),
        Push((18, 19), (-0.2, 0.45), (0.08, 0.06)),
    ),
    5: (Push((37, 38), (0.0, -1.0), (0.065, 0.026), (0.0, -0.012)),),
    6: (
        Push((40, 41), (-0.1, -1.0), (0.1, 0.06), (0.03, 0.12)),
        Push((36,), (-0.55, -0.1), (0.055, 0.06), (0.07, 0.03)),
    ),
    7: (
        Push((40, 41), (-0.25, -1.0), (0.07, 0.026), (0.0, 0.012)),
        Push((37, 38), (0.0, 0.35), (0.065, 0.024), (0.0, -0.01)),
    ),
    9: (
        Push((31, 39), (-0.15, -1.0), (0.06, 0.085), (0.02, 0.0)),
        Push((31,), (0.05, -0.6), (0.05, 0.05)),
        Push((21,), (-0.3, 0.5), (0.06, 0.05)),
        Push((50,), (0.0, -0.35), (0.06, 0.04), (0.0, -0.03)),
    ),
    10: (
        Push((50,), (0.1, -1.0), (0.065, 0.045)),
        Push((31, 48), (0.05, -0.7), (0.06, 0.07), (0.03, 0.0)),
    ),
    12: (
        Push((48,), (0.75, -0.7), (0.085, 0.075)),
        Push((48,), (0.3, -0.55), (0.09, 0.09), (0.06, -0.15)),
        Push((59,), (0.35, -0.2), (0.07, 0.05)),
    ),
    14: (
        Push((48,), (0.9, 0.0), (0.05, 0.04)),
        Push((48,), (-0.1, 0.45), (0.05, 0.04), (0.03, -0.08)),
        Push((48,), (-0.1, -0.45), (0.05, 0.04), (0.03, 0.08)),
    ),
    15: (
        Push((48,), (0.15, 1.0), (0.065, 0.065)),
        Push((48, 6), (0.1, 0.5), (0.07, 0.07)),
    ),
    16: (Push((57, 58), (0.1, 1.0), (0.07, 0.05)),),
    17: (
        Push((57, 8), (0.0, -1.0), (0.075, 0.06), (0.03, 0.0)),
        Push((57,), (0.0, -0.65), (0.08, 0.04), (0.02, 0.0)),
    ),
    18: (
        Push((48,), (-1.0, 0.05), (0.075, 0.065)),
        Push((50,), (-0.35, -0.15), (0.06, 0.04)),
        Push((58,), (-0.35, 0.2), (0.06, 0.04)),
    ),
    20: (
        Push((48,), (1.0, 0.2), (0.08, 0.07)),
        Push((59, 6), (0.55, 0.25), (0.08, 0.07)),
    ),
    23: (
        Push((48,), (-0.6, 0.0), (0.05, 0.045)),
        Push((50, 51), (-0.15, 0.7), (0.07, 0.03)),
        Push((57, 58), (-0.15, -0.7), (0.07, 0.035)),
    ),
    24: (
        Push((50, 51, 61), (0.0, 0.9), (0.08, 0.032)),
        Push((57, 58, 67), (0.0, -0.9), (0.08, 0.038)),
        Push((57, 8), (0.0, -0.35), (0.07, 0.05)),
    ),
}


@dataclass(frozen=True, slots=True)
class Fold:
    """A line from ``start`` to ``end``, each a landmark with an offset (out, down)."""

    start: int
    start_offset: Pair
    end: int
    end_offset: Pair
    width: float = 0.012
    depth: float = 1.0


FOLDS: Mapping[int, tuple[Fold, ...]] = {
    1: (
        Fold(21, (-0.1, -0.06), 20, (0.03, -0.07), depth=0.8),
        Fold(21, (-0.1, -0.09), 20, (0.02, -0.1), depth=0.6),
    ),
    2: (
        Fold(19, (0.0, -0.06), 17, (0.0, -0.07), depth=0.8),
        Fold(19, (0.0, -0.09), 17, (-0.02, -0.1), depth=0.5),
    ),
    4: (
        Fold(21, (-0.05, -0.06), 21, (-0.055, 0.04), depth=1.2),
        Fold(21, (-0.02, 0.03), 39, (-0.05, -0.03), depth=0.6),
    ),
    5: (Fold(37, (0.02, -0.025), 38, (-0.02, -0.025), width=0.008, depth=0.6),),
    6: (
        Fold(36, (0.05, -0.01), 36, (0.1, -0.035), width=0.009),
        Fold(36, (0.05, 0.015), 36, (0.11, 0.02), width=0.009),
        Fold(41, (0.05, 0.06), 40, (-0.02, 0.065), width=0.014, depth=0.9),
    ),
    7: (Fold(41, (0.02, 0.03), 40, (-0.02, 0.032), width=0.009, depth=0.9),),
    9: (
        Fold(28, (0.01, -0.03), 28, (0.07, 0.0), width=0.01, depth=1.2),
        Fold(28, (0.01, 0.01), 28, (0.075, 0.05), width=0.01),
        Fold(31, (0.02, -0.04), 31, (0.06, 0.04), width=0.014),
    ),
    10: (Fold(31, (0.03, -0.02), 31, (0.11, 0.07), width=0.015, depth=1.1),),
    12: (Fold(31, (0.05, 0.0), 48, (0.04, -0.02), width=0.016, depth=1.1),),
    14: (Fold(48, (0.035, -0.03), 48, (0.04, 0.03), width=0.011, depth=1.3),),
    15: (Fold(48, (0.005, 0.02), 48, (0.02, 0.07), width=0.013, depth=1.1),),
    16: (Fold(57, (0.0, 0.05), 58, (0.04, 0.045), width=0.012, depth=0.7),),
    17: (
        Fold(57, (0.0, 0.055), 58, (0.03, 0.05), width=0.012),
        Fold(57, (0.02, 0.1), 57, (0.05, 0.12), width=0.012, depth=0.7),
    ),
    18: (Fold(51, (0.02, -0.05), 50, (0.0, -0.005), width=0.008, depth=0.6),),
    20: (Fold(48, (0.04, -0.03), 48, (0.05, 0.06), width=0.015, depth=0.8),),
    23: (Fold(51, (0.0, -0.03), 50, (0.02, -0.025), width=0.009, depth=0.7),),
    24: (
        Fold(51, (0.0, -0.035), 50, (0.02, -0.03), width=0.01, depth=0.8),
        Fold(57, (0.0, 0.04), 58, (0.03, 0.035), width=0.01, depth=0.8),
    ),
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
