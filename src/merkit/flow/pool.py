"""Motion of facial regions between two face crops: the mean of the pixels that move most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merkit.errors import ConfigError
from merkit.face.regions import RegionLayout, region_indices
from merkit.flow.config import FlowConfig
from merkit.flow.estimate import estimate_flow
from merkit.types import F32, F64, I64, U8


def region_motion(
    before: U8, after: U8, layout: RegionLayout, config: FlowConfig, shift: F64
) -> F32:
    """Motion of the chosen regions between two grey crops, F32 (R,2), in crop pixels.

    ``shift`` (2,): how far the crop itself moved between the two, in crop pixels. It is head
    motion, so it only shows where head motion is not subtracted.
    """
    fields = _fields(before, after, layout.patches_px, config)
    kept, all_shares = list(region_indices(config.regions)), config.shares()
    boxes, patch_of = layout.boxes_px[kept], layout.patch_of[kept]
    shares = [all_shares[i] for i in kept]
    tip, tip_patch = layout.nose_tip_px[None], layout.patch_of[18:]
    nose = _pooled(fields, layout, tip, tip_patch, (config.q_nose_tip,))[0]
    early = nose if config.nose_correction == "field" else None
    motion = _pooled(fields, layout, boxes, patch_of, shares, minus=early)
    if config.nose_correction == "pooled":
        motion -= nose
    elif config.nose_correction == "none":
        motion += shift.astype(np.float32)
    return motion


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


def _fields(before: U8, after: U8, patches: I64, config: FlowConfig) -> list[F32]:
    """Flow of each patch (left, top, right, bottom) by itself."""
    parts = [np.s_[top:bottom, left:right] for left, top, right, bottom in patches.tolist()]
    return [
        estimate_flow(before[part], after[part], config.estimator, config.dis_stride_px)
        for part in parts
    ]


def _pooled(
    fields: Sequence[F32],
    layout: RegionLayout,
    boxes: I64,
    patch_of: I64,
    q: Sequence[float],
    minus: F32 | None = None,
) -> F32:
    """Dominant motion (R,2) of boxes in crop pixels, each read from the field of its patch."""
    out = np.empty((len(boxes), 2), np.float32)
    for patch, field in enumerate(fields):
        rows = np.flatnonzero(patch_of == patch)
        if len(rows):
            corner = np.tile(layout.patches_px[patch, :2], 2)
            shares = [q[row] for row in rows.tolist()]
            out[rows] = dominant_motion(field, boxes[rows] - corner, shares, minus)
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
