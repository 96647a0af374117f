"""How each action unit (AU) moves the skin: smooth displacement fields on a face.

A field is a sum of Gaussian windows, each anchored at landmarks and carrying one direction.
The table is written for the subject's right side (left in the picture) with axes ``out``
(away from the midline) and ``down``, in face widths, and is mirrored for the left. Directions
follow the muscle actions described in the FACS manual (Ekman, Friesen & Hager 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merkit.synthetic.landmarks import MIRROR
from merkit.types import F32, F64

Side = Literal["", "L", "R"]
Pair = tuple[float, float]


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


def side_pushes(au: int, side: Literal["L", "R"], points: F64) -> list[tuple[F64, F64, F64]]:
    """Centre, direction and sigma of an AU's windows on one side.

    Args:
        points: (68, 2) landmarks in pixels.

    Returns:
        (2,) arrays in picture axes: centre and sigma in pixels, direction unscaled.
    """
    width, out = face_width(points), -1.0 if side == "R" else 1.0
    axes = np.array([out, 1.0])
    windows = []
    for push in PUSHES[au]:
        index = np.array(push.points) if side == "R" else MIRROR[list(push.points)]
        centre = points[index].mean(axis=0) + axes * push.offset * width
        windows.append((centre, axes * push.direction, np.array(push.sigma) * width))
    return windows


def face_width(points: F64) -> float:
    """Distance between the jaw edges (landmarks 0 and 16)."""
    return float(np.linalg.norm(points[16] - points[0]))


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
    for one in ("R", "L") if side == "" else (side,):
        for centre, direction, sigma in side_pushes(au, one, points):
            x = np.exp(-0.5 * ((np.arange(width) - centre[0]) / sigma[0]) ** 2)
            y = np.exp(-0.5 * ((np.arange(height) - centre[1]) / sigma[1]) ** 2)
            field += (y[:, None] * x[None, :])[..., None] * direction
    field /= np.linalg.norm(field, axis=-1).max()
    return field.astype(np.float32)
