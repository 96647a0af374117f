"""Onset-apex flow images as STSTNet-like networks read them."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from merkit.errors import FaceError
from merkit.face.regions import region_layout
from merkit.flow.config import FlowConfig
from merkit.flow.crop import cut, face_crop
from merkit.flow.estimate import estimate_flow
from merkit.flow.roi import follow
from merkit.flow.strain import optical_strain
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
    crop = face_crop(landmarks_px, config)
    layout = region_layout(crop.points(landmarks_px), config.windows, config.crop_size_px)
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
    flow = estimate_flow(onset, apex, config.estimator, config.dis_stride_px)
    channels = (optical_strain(flow), flow[..., 1], flow[..., 0])
    size = (config.map_size_px, config.map_size_px)
    small = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in channels]
    return np.stack([_to_bytes(cast(F32, channel)) for channel in small])


def _to_bytes(channel: F32) -> U8:
    """Smallest value to 0, largest to 255; zeros where there is but one value."""
    low, high = float(channel.min()), float(channel.max())
    if high <= low:
        return np.zeros(channel.shape, np.uint8)
    scaled: U8 = np.rint((channel - low) * (255 / (high - low))).astype(np.uint8)
    return scaled
