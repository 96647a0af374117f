"""Dominant motion of a region: the mean of those of its pixels that move most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merkit.errors import ConfigError
from merkit.types import F32, I64


def dominant_motion(
    flow: F32, boxes: I64, q: float | Sequence[float], minus: F32 | None = None
) -> F32:
    """Mean flow over the pixels of each box at or above its (1-q) percentile of magnitude.

    Eqs 9-11 of STAG (arXiv 2606.28083): m = sqrt(u² + v²), S = {p: m(p) >= τ_q}, f = mean over
    S. The percentile is the nearest pixel that leaves at least a share q in S, as the public
    MEGC2024 extractor counts; pixels equal to it are all in S, so order never matters.

    Args:
        flow: (H,W,2) in pixels.
        boxes: (R,4) left, top, right, bottom, the last two exclusive, inside the flow field.
        q: share of the pixels, above 0 and at most 1; one, or one a region.
        minus: (2,) motion of the head, taken off every pixel before magnitudes are compared.

    Returns:
        F32 (R,2), x then y, in pixels.

    Raises:
        ConfigError: a box that is empty or leaves the field, or a bad ``q``.
    """
    shares = [float(q)] * len(boxes) if isinstance(q, (int, float)) else [float(s) for s in q]
    if len(shares) != len(boxes) or not all(0 < share <= 1 for share in shares):
        raise ConfigError(
            f"pooling shares {shares} for {len(boxes)} regions", "one a region, in (0, 1]"
        )
    out = np.empty((len(boxes), 2), np.float32)
    for row, (box, share) in enumerate(zip(boxes, shares, strict=True)):
        vectors = _cut(flow, box)
        out[row] = _pool(vectors if minus is None else vectors - minus, share)
    return out


def _cut(flow: F32, box: I64) -> F32:
    left, top, right, bottom = box.tolist()
    height, width = flow.shape[:2]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ConfigError(
            f"region box {[left, top, right, bottom]}", f"a box inside the {width}x{height} field"
        )
    return flow[top:bottom, left:right].reshape(-1, 2)


def _pool(vectors: F32, share: float) -> F32:
    """Mean of the share of vectors (N,2) that are longest."""
    n = len(vectors)
    first = min(n - 1, int(round(n * (1 - share), 6)))  # rounding: 10 * (1 - 0.9) is 1, not 0.99…
    squared = vectors[:, 0] ** 2 + vectors[:, 1] ** 2
    chosen = vectors[squared >= np.partition(squared, first)[first]]
    mean: F32 = chosen.sum(axis=0, dtype=np.float64) / len(chosen)
    return mean
