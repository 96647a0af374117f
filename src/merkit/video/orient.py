"""Display matrices: bring a decoded picture upright.

Phones store the picture as the sensor saw it and a 3x3 matrix that says how to show it
(ISO/IEC 14496-12, track header). Only whole quarter turns and mirrorings occur in practice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merkit.errors import VideoError
from merkit.types import U8


@dataclass(frozen=True, slots=True)
class Orientation:
    """Swap rows and columns first, then mirror left-right (x), then top-bottom (y)."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False
    rotation_deg: int = 0  # clockwise: 0, 90, 180 or 270


def orientation_of(matrix: bytes | None) -> Orientation:
    """Read a display matrix.

    Args:
        matrix: nine native 32-bit integers (a b u / c d v / x y w), or None.
            A point (p, q) goes to (a p + c q, b p + d q), q pointing down.

    Raises:
        VideoError: when it is not a whole number of quarter turns.
    """
    if matrix is None or len(matrix) < 36:
        return Orientation()
    values = np.frombuffer(matrix[:36], np.int32).astype(np.float64)
    a, b, c, d = (float(values[i]) for i in (0, 1, 3, 4))
    largest = max(abs(a), abs(b), abs(c), abs(d))
    if largest == 0:
        return Orientation()
    a, b, c, d = (0.0 if abs(x) < 0.01 * largest else x for x in (a, b, c, d))
    straight = a != 0 and d != 0 and b == 0 and c == 0
    swapped = b != 0 and c != 0 and a == 0 and d == 0
    angle = math.degrees(math.atan2(b, a)) % 360
    if straight:
        return Orientation(False, a < 0, d < 0, round(angle))
    if swapped:
        return Orientation(True, c < 0, b < 0, round(angle))
    raise VideoError(
        f"its rotation metadata asks for a turn of {angle:.1f} degrees",
        "a whole number of quarter turns",
    )


def upright(rgb: U8, orientation: Orientation) -> U8:
    """Apply ``orientation`` to a picture (H, W, 3); contiguous result."""
    if orientation.swap:
        rgb = rgb.transpose(1, 0, 2)
    if orientation.mirror_x:
        rgb = rgb[:, ::-1]
    if orientation.mirror_y:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
