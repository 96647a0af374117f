"""From the source frames of a clip to motion: of facial regions, and as a flow image from onset to
apex."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merkit.errors import FaceError
from merkit.face.regions import RegionLayout, region_indices
from merkit.flow.config import FlowConfig
from merkit.flow.crop import crop_layout, cut, follow
from merkit.flow.estimate import dominant_motion, estimate_flow, map_of_flow
from merkit.flow.gray import weighed
from merkit.types import F32, F64, I64, U8
from merkit.workers import threads


def clip_flow(rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> F32:
    """Region motion of a clip straight from its source frames, two frames side by side.

    The crop is set by the first frame's landmarks and kept, so that landmark jitter adds no
    motion (docs/architecture.md); it may follow the nose (``config.follow_nose``).

    Args:
        rgb: u8 (T,H,W,3).
        landmarks_px: (68,2) of the first frame, in source pixels.

    Returns:
        F32 (T,R,2), x then y, in pixels of the normalised face; the first row is zero.

    Raises:
        FaceError: no frames, landmarks of the wrong form, or a crop outside the image.
    """
    if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8 or len(rgb) == 0:
        raise FaceError(
            f"frames of shape {rgb.shape}, {rgb.dtype}", "u8 (T, H, W, 3), T at least 1"
        )
    rgb = weighed(rgb, config)
    first, layout = crop_layout(landmarks_px, config)
    crops, grays = [first], [cut(rgb[0], first)]
    for image in rgb[1:]:
        crop, gray = follow(image, crops[-1], grays[0], layout, config)
        crops.append(crop)
        grays.append(gray)
    places = [crop.place_px for crop in crops]

    def motion(t: int) -> F32:
        r = 0 if config.reference == "first" else t - 1
        return region_motion(grays[r], grays[t], layout, config, places[t] - places[r])

    still = np.zeros((config.regions, 2), np.float32)
    return np.stack([still, *threads().map(motion, range(1, len(grays)))])


def clip_flow_map(
    onset_rgb: U8, apex_rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig
) -> U8:
    """Flow image straight from two source frames.

    Args:
        onset_rgb, apex_rgb: u8 (H,W,3).
        landmarks_px: (68,2) of the onset frame, in source pixels.

    Returns:
        U8 (3,M,M) as :func:`merkit.flow.estimate.map_of_flow`.

    Raises:
        FaceError: landmarks of the wrong form, a crop outside the image, unequal frames.
    """
    if onset_rgb.shape != apex_rgb.shape:
        raise FaceError(
            f"onset frame of shape {onset_rgb.shape}, apex frame {apex_rgb.shape}", "equal shapes"
        )
    return mean_flow_map(np.stack([onset_rgb, apex_rgb]), landmarks_px, config)


def mean_flow_map(rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> U8:
    """Flow image of the mean flow of several pairs of source frames.

    The noise of a camera and of its compression is another in each pair, and the movement the same,
    so the mean has less of the noise. All crops follow the nose of the first frame.

    Args:
        rgb: u8 (2K,H,W,3), K frames around the onset and then their partners around the apex.
        landmarks_px: (68,2) at the onset, in source pixels.

    Returns:
        U8 (3,M,M) as :func:`merkit.flow.estimate.map_of_flow`.

    Raises:
        FaceError: landmarks of the wrong form, a crop outside the image.
    """
    rgb = weighed(rgb, config)
    crop, layout = crop_layout(landmarks_px, config)
    first = cut(rgb[0], crop)
    grays = [first, *(follow(image, crop, first, layout, config)[1] for image in rgb[1:])]
    half = len(grays) // 2

    def flow(onset: U8, apex: U8) -> F32:
        return estimate_flow(onset, apex, config.estimator, config.dis_stride_px)

    fields = [*threads().map(flow, grays[:half], grays[half:])]
    mean: F32 = np.mean(fields, axis=0)
    return map_of_flow(mean, config.map_size_px)


def region_motion(
    before: U8, after: U8, layout: RegionLayout, config: FlowConfig, shift: F64
) -> F32:
    """Motion of the chosen regions between two grey crops, F32 (R,2), in crop pixels.

    Flow is estimated in each patch by itself. ``shift`` (2,): how far the crop itself moved
    between the two, in crop pixels. It is head motion, so it only shows where head motion is
    not subtracted.
    """
    parts = [np.s_[top:bottom, left:right] for left, top, right, bottom in layout.patches_px]
    fields = [
        estimate_flow(before[part], after[part], config.estimator, config.dis_stride_px)
        for part in parts
    ]

    def pooled(box: I64, patch: int, q: float, minus: F32 | None = None) -> F32:
        corner = np.tile(layout.patches_px[patch, :2], 2)
        return dominant_motion(fields[patch], box - corner, q, minus)

    nose = pooled(layout.nose_tip_px, layout.patch_of[18], config.q_nose_tip)
    early = nose if config.nose_correction == "field" else None
    regions, shares = region_indices(config.regions), config.shares()
    motion = np.stack(
        [pooled(layout.boxes_px[i], layout.patch_of[i], shares[i], early) for i in regions]
    )
    if config.nose_correction == "pooled":
        motion -= nose
    elif config.nose_correction == "none":
        motion += shift.astype(np.float32)
    return motion
