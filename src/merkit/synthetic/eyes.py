"""Eyes that look aside: what lies between the lids is moved along them.

A place between the lids is given by how far it is along the eye and what share of the way from the
upper lid to the lower one; the iris moves in these coordinates, so lids and corners stay where they
are and no skin is drawn into the eye.
"""

from __future__ import annotations

import cv2
import numpy as np

from merkit.synthetic.curves import smooth_step
from merkit.synthetic.identity import Identity, sample
from merkit.types import F64, U8

#: how much of the eye is held still: at each corner, in eye widths, and at each lid, as a share
#: of the opening
_CORNER, _LID = 0.22, 0.16


def with_gaze(identity: Identity, gaze: F64) -> U8:
    """A copy of the person's canvas with both irises moved by ``gaze`` (2,): right and down, in
    eye widths."""
    canvas = identity.canvas.copy()
    for top, bottom in identity.eyes_px():
        _turn_eye(canvas, top, bottom, gaze)
    return canvas


def _turn_eye(canvas: U8, top: F64, bottom: F64, gaze: F64) -> None:
    """Move what one eye shows between its lids (4, 2), corner to corner."""
    eye = float(top[-1, 0] - top[0, 0])
    (left, above), (right, below) = top.min(axis=0).astype(int), bottom.max(axis=0).astype(int) + 1
    x = np.arange(left, right, dtype=float)[None, :]
    y = np.arange(above, below, dtype=float)[:, None]
    opening = _lid(x, bottom) - _lid(x, top)
    down = (y - _lid(x, top)) / np.maximum(opening, 1e-6)
    along = (x - top[0, 0]) / eye
    free = _bump(along, _CORNER) * _bump(down, _LID)
    from_x = x - gaze[0] * eye * free
    from_down = down - gaze[1] * eye / max(float(opening.max()), 1.0) * free
    from_y = _lid(from_x, top) + from_down * (_lid(from_x, bottom) - _lid(from_x, top))
    inside = (free > 0.0)[..., None]
    moved = sample(canvas, np.stack([from_x, from_y], axis=-1), cv2.INTER_CUBIC)
    region = canvas[above:below, left:right]
    region[:] = np.where(inside, moved, region)


def _lid(x: F64, lid: F64) -> F64:
    return np.asarray(np.interp(x, lid[:, 0], lid[:, 1]))


def _bump(share: F64, edge: float) -> F64:
    """1 in the middle of 0 to 1, 0 at both ends and beyond."""
    return smooth_step(np.minimum(share, 1.0 - share) / edge)
