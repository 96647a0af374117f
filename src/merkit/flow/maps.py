"""Onset-apex flow images as STSTNet-like networks read them, and optical strain."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, FaceError
from merkit.flow.config import FlowConfig
from merkit.flow.crop import crop_layout, cut, follow
from merkit.flow.estimate import estimate_flow
from merkit.types import F32, U8


def clip_flow_map(
    onset_rgb: U8, apex_rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig
) -> U8:
    """Flow image straight from two source frames.

    Args:
        onset_rgb, apex_rgb: u8 (H,W,3).
        landmarks_px: (68,2) of the onset frame, in source pixels.

    Returns:
        U8 (3,M,M) as :func:`flow_map`.

    Raises:
        FaceError: landmarks of the wrong form, a crop outside the image, unequal frames.
    """
    if onset_rgb.shape != apex_rgb.shape:
        raise FaceError(
            f"onset frame of shape {onset_rgb.shape}, apex frame {apex_rgb.shape}", "equal shapes"
        )
    crop, layout = crop_layout(landmarks_px, config)
    onset = cut(onset_rgb, crop)
    _, apex = follow(apex_rgb, crop, onset, layout, config)
    return flow_map(onset, apex, config)


def flow_map(onset: U8, apex: U8, config: FlowConfig) -> U8:
    """Flow image of two grey face crops (S,S): U8 (3,M,M), M = ``config.map_size_px``.

    Channels in B,G,R order, as OpenCV loads the public STSTNet images: optical strain,
    vertical v, horizontal u (docs/datasets.md). Flow and strain are taken at full size and
    averaged down; then each channel of each image is scaled so that its smallest value is 0 and
    its largest 255. The size of the motion is thereby lost, and so is any head translation.
    """
    import cv2

    flow = estimate_flow(onset, apex, config.estimator, config.dis_stride_px)
    channels = (optical_strain(flow), flow[..., 1], flow[..., 0])
    size = (config.map_size_px, config.map_size_px)
    small = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in channels]
    return np.stack([_to_bytes(cast(F32, channel)) for channel in small])


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


def _to_bytes(channel: F32) -> U8:
    """Smallest value to 0, largest to 255; zeros where there is but one value."""
    low, high = float(channel.min()), float(channel.max())
    if high <= low:
        return np.zeros(channel.shape, np.uint8)
    scaled: U8 = np.rint((channel - low) * (255 / (high - low))).astype(np.uint8)
    return scaled
