"""How each action unit (AU) changes the look of skin: wrinkles, furrows and folds.

A fold is a dark valley along a short line with a lighter ridge on either side. The table is
written for the subject's right side with axes (out, down) in face widths, as in ``fields``;
places follow the appearance changes that the FACS manual describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merkit.synthetic.fields import Pair, Side, face_width
from merkit.synthetic.landmarks import MIRROR
from merkit.types import F32, F64


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


def shading_field(au: int, side: Side, points: F64, size_px: tuple[int, int]) -> F32:
    """(H, W) relative change of brightness of an AU; its darkest fold has depth about 1.

    Args:
        au: a key of ``FOLDS``; an AU without folds gives zeros.
        side: "" shades both sides.
        points: (68, 2) landmarks in pixels of the field.
        size_px: width and height of the field.
    """
    field = np.zeros((size_px[1], size_px[0]), np.float32)
    for one in ("R", "L") if side == "" else (side,):
        for fold in FOLDS.get(au, ()):
            _add_fold(field, fold, one, points)
    return field


def _add_fold(field: F32, fold: Fold, side: str, points: F64) -> None:
    width = face_width(points)
    axes = np.array([-1.0 if side == "R" else 1.0, 1.0]) * width
    first, last = (i if side == "R" else int(MIRROR[i]) for i in (fold.start, fold.end))
    start = points[first] + axes * fold.start_offset
    end = points[last] + axes * fold.end_offset
    sigma = fold.width * width
    reach = 4.0 * sigma
    low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach), np.array(field.shape[::-1]) - 1)
    x = np.arange(low[0], high[0] + 1)[None, :]
    y = np.arange(low[1], high[1] + 1)[:, None]
    if x.size == 0 or y.size == 0:
        return
    along = (end - start) / (np.linalg.norm(end - start) + 1e-9)
    t = (x - start[0]) * along[0] + (y - start[1]) * along[1]
    across = ((y - start[1]) * along[0] - (x - start[0]) * along[1]) / sigma
    middle = np.linalg.norm(end - start) / 2
    taper = np.exp(-(((t - middle) / (middle + sigma)) ** 4))
    valley = -np.exp(-0.5 * across**2) + 0.55 * np.exp(-0.5 * ((np.abs(across) - 2.2) / 0.9) ** 2)
    shade = fold.depth * valley * taper
    field[low[1] : int(high[1]) + 1, low[0] : int(high[0]) + 1] += shade.astype(np.float32)
