"""Dense optical flow between two grey images, and what is read off it: the dominant motion within
a box, optical strain, the flow image of STSTNet-like networks."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from merkit.errors import ConfigError
from merkit.flow.config import Estimator, FlowConfig
from merkit.types import F32, I64, U8

#: pyramid scale, levels, window, iterations, polynomial size, its sigma, flags: as published
#: for STAG and in the public MEGC2024 extractor (docs/methods/stag.md eq 8).
FARNEBACK = (0.5, 3, 15, 5, 7, 1.5, 0)
#: DIS needs images of at least this side; smaller ones are extended by their border pixels.
_DIS_MIN_PX = 16


def estimate_flow(
    first: U8, second: U8, estimator: Estimator = "dis", dis_stride_px: int = 4
) -> F32:
    """Motion (u, v) of every pixel in pixels: ``first(p)`` is found at ``second(p + (u, v))``.

    ``farneback``: Farneback 2003 in OpenCV with the published parameters. ``dis``: Kroeger et
    al. 2016 in OpenCV, preset medium but for patches 4 px apart in place of 3, which takes a
    fifth less time at the same error (0.04 px on a textured face, at three sub-pixel
    translations); ``dis_stride_px=3`` is the preset itself. ``tvl1``: Zach et al. 2007 as in
    scikit-image with its default parameters (OpenCV's own stands only in its contrib build).

    ``dis`` is the least noisy and the fastest, and flattens movements of a few pixels' extent
    the most: a bump of 14 px sigma comes out at about 0.7 of its height, 0.85 for ``farneback``.

    Args:
        first, second: grey u8 (H,W) of equal shape.

    Returns:
        F32 (H,W,2), u to the right and v downwards.

    Raises:
        ConfigError: images of another form or unequal shapes, or an unknown estimator.
    """
    import cv2

    _check(first, second)
    a, b = np.ascontiguousarray(first), np.ascontiguousarray(second)
    if estimator == "farneback":
        start = np.zeros((*first.shape, 2), np.float32)
        return cast(F32, cv2.calcOpticalFlowFarneback(a, b, start, *FARNEBACK))
    if estimator == "dis":
        return _dis(a, b, dis_stride_px)
    if estimator == "tvl1":
        return _tvl1(a, b)
    raise ConfigError(f"flow estimator '{estimator}'", "farneback, dis or tvl1")


def dominant_motion(flow: F32, box: I64, q: float, minus: F32 | None = None) -> F32:
    """Mean flow over the pixels of a box at or above its (1-q) percentile of magnitude.

    Eqs 9-11 of STAG (arXiv 2606.28083): m = sqrt(u² + v²), S = {p: m(p) >= τ_q}, f = mean over
    S. The percentile is the nearest pixel that leaves at least a share q in S, as the public
    MEGC2024 extractor counts; pixels equal to it are all in S, so order never matters.

    Args:
        flow: (H,W,2) in pixels.
        box: (4,) left, top, right, bottom, the last two exclusive, inside the flow field.
        q: share of the pixels, above 0 and at most 1.
        minus: (2,) motion of the head, taken off every pixel before magnitudes are compared.

    Returns:
        F32 (2,), x then y, in pixels.

    Raises:
        ConfigError: a box that is empty or leaves the field, or a bad ``q``.
    """
    left, top, right, bottom = box.tolist()
    height, width = flow.shape[:2]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ConfigError(
            f"region box {[left, top, right, bottom]}", f"a box inside the {width}x{height} field"
        )
    if not 0 < q <= 1:
        raise ConfigError(f"pooling share {q}", "above 0 and at most 1")
    vectors = flow[top:bottom, left:right].reshape(-1, 2)
    if minus is not None:
        vectors = vectors - minus
    n = len(vectors)
    first = min(n - 1, int(round(n * (1 - q), 6)))  # rounding: 10 * (1 - 0.9) is 1, not 0.99…
    squared = vectors[:, 0] ** 2 + vectors[:, 1] ** 2
    chosen = vectors[squared >= np.partition(squared, first)[first]]
    mean: F32 = (chosen.sum(axis=0, dtype=np.float64) / len(chosen)).astype(np.float32)
    return mean


def optical_strain(flow: F32) -> F32:
    """Magnitude of the infinitesimal strain tensor of a flow field: how much the skin is
    stretched or sheared, whatever the head does.

    ε_xx = ∂u/∂x, ε_yy = ∂v/∂y, ε_xy = ε_yx = (∂u/∂y + ∂v/∂x)/2 and
    |ε| = sqrt(ε_xx² + ε_yy² + ε_xy² + ε_yx²) (Shreve et al. 2011; Liong et al. 2019, STSTNet),
    by central differences, one-sided at the border. Zero for any translation and, to first
    order, any rotation.

    Args:
        flow: (H,W,2) in pixels, H and W at least 2.

    Returns:
        F32 (H,W), without unit.

    Raises:
        ConfigError: a field of another shape.
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise ConfigError(f"flow field of shape {flow.shape}", "(H, W, 2), H and W at least 2")
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    shear = (du_dy + dv_dx) / 2
    strain: F32 = np.sqrt(du_dx**2 + dv_dy**2 + 2 * shear**2).astype(np.float32)
    return strain


def flow_map(onset: U8, apex: U8, config: FlowConfig) -> U8:
    """Flow image of two grey face crops (S,S): U8 (3,M,M), M = ``config.map_size_px``; see
    :func:`map_of_flow`."""
    flow = estimate_flow(onset, apex, config.estimator, config.dis_stride_px)
    return map_of_flow(flow, config.map_size_px)


def map_of_flow(flow: F32, size_px: int) -> U8:
    """Flow image U8 (3,M,M), M = ``size_px``, of a flow field (H,W,2).

    Channels in B,G,R order, as OpenCV loads the public STSTNet images: optical strain,
    vertical v, horizontal u (docs/datasets.md). Flow and strain are taken at full size and
    averaged down; then each channel of each image is scaled so that its smallest value is 0 and
    its largest 255. The size of the motion is thereby lost, and so is any head translation.
    """
    import cv2

    channels = (optical_strain(flow), flow[..., 1], flow[..., 0])
    small = [cv2.resize(c, (size_px, size_px), interpolation=cv2.INTER_AREA) for c in channels]
    return np.stack([_to_bytes(cast(F32, channel)) for channel in small])


def _dis(first: U8, second: U8, stride_px: int) -> F32:
    import cv2

    height, width = first.shape
    right, bottom = max(0, _DIS_MIN_PX - width), max(0, _DIS_MIN_PX - height)
    if right or bottom:
        more = ((0, bottom), (0, right))
        first, second = np.pad(first, more, mode="edge"), np.pad(second, more, mode="edge")
    # A new object each time: OpenCV's lowers its own finest scale for good after a small image.
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setPatchStride(stride_px)
    flow: F32 = dis.calc(first, second, None)  # None: an array here would be a first guess
    return flow[:height, :width]


def _tvl1(first: U8, second: U8) -> F32:
    from merkit.flow.tvl1 import tvl1

    scale = np.float32(1 / 255)
    rows, columns = tvl1(first * scale, second * scale)
    return np.stack([columns, rows], axis=-1)


def _check(first: U8, second: U8) -> None:
    for image in (first, second):
        if image.ndim != 2 or image.dtype != np.uint8 or image.size == 0:
            raise ConfigError(
                f"flow of an image of shape {image.shape}, {image.dtype}",
                "grey images u8 (H, W)",
            )
    if first.shape != second.shape:
        raise ConfigError(f"flow of images {first.shape} and {second.shape}", "equal shapes")


def _to_bytes(channel: F32) -> U8:
    """Smallest value to 0, largest to 255; zeros where there is but one value."""
    low, high = float(channel.min()), float(channel.max())
    if high <= low:
        return np.zeros(channel.shape, np.uint8)
    scaled: U8 = np.rint((channel - low) * (255 / (high - low))).astype(np.uint8)
    return scaled
