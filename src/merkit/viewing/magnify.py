"""Motion made larger, so that it can be seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from merkit.flow.estimate import estimate_flow
from merkit.flow.gray import to_gray
from merkit.types import F32, U8

#: Sigma of the Gaussian over the motion, in shares of the side.
_SMOOTH_SHARE = 0.03
#: Rounds in which the place is found that a point was moved from.
_ROUNDS = 4


def magnified_apex(onset: U8, apex: U8, times: float) -> U8:
    """The apex with every point moved on along its own motion, ``times`` as far from where it was
    at the onset.

    Motion is dense optical flow (DIS) between the two, smoothed; what a shift, turn or change of
    size of the whole face explains is taken out. Nothing is drawn that the apex does not show, and
    what is wrong in the flow is magnified too.

    Args:
        onset, apex: views (S,S,3) of one face.
    """
    import cv2

    size = apex.shape[0]
    back = estimate_flow(to_gray(apex), to_gray(onset))
    own = cv2.GaussianBlur(_without_head(back), (0, 0), _SMOOTH_SHARE * size)
    columns, rows = np.meshgrid(
        np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32)
    )
    goal = np.stack([columns, rows], axis=2)
    source = goal
    for _ in range(_ROUNDS):  # the point p of the apex that comes to lie at the goal
        there = cv2.remap(
            own, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        source = goal + np.float32(times - 1) * there
    return np.asarray(
        cv2.remap(
            apex, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    )


def _without_head(flow: F32) -> F32:
    """The flow (S,S,2) less the similarity that most of the middle of the picture follows."""
    import cv2

    size, step = flow.shape[0], 8
    places = np.arange(size // 5, size - size // 5, step)
    points = np.stack(np.meshgrid(places, places), axis=2).reshape(-1, 2)
    moved = points + flow[points[:, 1], points[:, 0]]
    fit: Any  # None where no two points agree, which OpenCV's types do not say
    fit, _ = cv2.estimateAffinePartial2D(
        points.astype(np.float32), moved.astype(np.float32), ransacReprojThreshold=0.5
    )
    if fit is None:
        return flow
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    whole = np.stack([columns, rows], axis=2)
    return np.asarray(flow - (whole @ fit[:, :2].T + fit[:, 2] - whole), np.float32)
