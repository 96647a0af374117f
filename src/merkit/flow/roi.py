"""Motion of facial regions: T frames of one face in, T vectors a region out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from merkit.errors import FaceError
from merkit.face.regions import RegionLayout, region_indices, region_layout
from merkit.flow.config import FlowConfig
from merkit.flow.crop import FaceCrop, cut, face_crop
from merkit.flow.estimate import estimate_flow
from merkit.flow.pool import dominant_motion
from merkit.types import F32, F64, I64, U8

#: Flow for following the nose is estimated this far around the nose-tip box.
_NOSE_CONTEXT_PX = 20


def clip_flow(rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> F32:
    """Region motion of a clip straight from its source frames.

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
    _check_frames(rgb)
    first = face_crop(landmarks_px, config)
    layout = region_layout(first.points(landmarks_px), config.windows, config.crop_size_px)
    crops, grays = [first], [cut(rgb[0], first)]
    for image in rgb[1:]:
        crop, gray = follow(image, crops[-1], grays[0], layout, config)
        crops.append(crop)
        grays.append(gray)
    return _motion(grays, _shifts(crops), layout, config)


def roi_flow(grays: U8, landmarks: npt.NDArray[np.floating], config: FlowConfig) -> F32:
    """Region motion of frames that are cropped already: no crop, no following.

    Args:
        grays: u8 (T,S,S), S = ``config.crop_size_px``.
        landmarks: (68,2) of the first frame, in pixels of these frames.

    Returns:
        F32 (T,R,2), x then y, in pixels; the first row is zero.

    Raises:
        FaceError: frames or landmarks of the wrong form.
    """
    size = config.crop_size_px
    if grays.ndim != 3 or grays.shape[1:] != (size, size) or len(grays) == 0:
        raise FaceError(f"frames of shape {grays.shape}", f"(T, {size}, {size}), T at least 1")
    layout = region_layout(landmarks, config.windows, size)
    return _motion(list(grays), np.zeros((len(grays), 2)), layout, config)


def region_motion(
    before: U8, after: U8, layout: RegionLayout, config: FlowConfig, shift: F64 | None = None
) -> F32:
    """Motion of the chosen regions between two grey crops, F32 (R,2), in crop pixels.

    ``shift`` (2,): how far the crop itself moved between the two, in crop pixels. It is head
    motion, so it only shows where head motion is not subtracted.
    """
    fields = _fields(before, after, layout.patches_px, config)
    nose = None
    if config.nose_correction != "none":
        tip, share = layout.nose_tip_px[None], (config.q_nose_tip,)
        nose = _pooled(fields, layout, tip, layout.patch_of[18:], share)[0]
    kept = list(region_indices(config.regions))
    all_shares = config.shares()
    shares = [all_shares[i] for i in kept]
    early = nose if config.nose_correction == "field" else None
    boxes, patch_of = layout.boxes_px[kept], layout.patch_of[kept]
    motion = _pooled(fields, layout, boxes, patch_of, shares, minus=early)
    if config.nose_correction == "pooled" and nose is not None:
        motion -= nose
    elif config.nose_correction == "none" and shift is not None:
        motion += shift.astype(np.float32)
    return motion


def follow(
    image: U8, crop: FaceCrop, reference: U8, layout: RegionLayout, config: FlowConfig
) -> tuple[FaceCrop, U8]:
    """Move the crop until the nose tip lies where it lies in ``reference``: docs/methods/evodyn.md.

    Starts from ``crop``, the place in the frame before. The public extractor moves by crop
    pixels taken as source pixels; here they are converted, so that one step suffices.

    Returns:
        The crop and the grey image (S,S) cut with it.
    """
    gray = cut(image, crop)
    if not config.follow_nose:
        return crop, gray
    for _ in range(config.follow_iterations):
        u, v = _nose_motion(reference, gray, layout, config)
        if u * u + v * v <= config.follow_above_px2:
            break
        right, down = round(u / crop.scale), round(v / crop.scale)
        moved = crop.moved(right, down)
        if (right, down) == (0, 0) or not _overlaps(moved, image):
            break
        crop, gray = moved, cut(image, moved)
    return crop, gray


def _nose_motion(before: U8, after: U8, layout: RegionLayout, config: FlowConfig) -> list[float]:
    size = before.shape[0]
    grow = np.array([-1, -1, 1, 1]) * _NOSE_CONTEXT_PX
    left, top, right, bottom = np.clip(layout.nose_tip_px + grow, 0, size)
    part = np.s_[top:bottom, left:right]
    flow = estimate_flow(before[part], after[part], config.estimator, config.dis_stride_px)
    box = layout.nose_tip_px - [left, top, left, top]
    motion: list[float] = dominant_motion(flow, box[None], config.q_nose_tip)[0].tolist()
    return motion


def _overlaps(crop: FaceCrop, image: U8) -> bool:
    height, width = image.shape[:2]
    across = -crop.side_px < crop.left < int(width)
    return across and -crop.side_px < crop.top < int(height)


def _shifts(crops: Sequence[FaceCrop]) -> F64:
    """Where each crop lies, in crop pixels (T,2)."""
    return np.array([[crop.left * crop.scale, crop.top * crop.scale] for crop in crops])


def _motion(grays: Sequence[U8], places: F64, layout: RegionLayout, config: FlowConfig) -> F32:
    """Motion (T,R,2) of every frame against its reference, two frames side by side."""

    def one(t: int) -> F32:
        r = 0 if config.reference == "first" else t - 1
        return region_motion(grays[r], grays[t], layout, config, places[t] - places[r])

    still = np.zeros((1, config.regions, 2), np.float32)
    return np.concatenate(
        [still, *(m[None] for m in flow_threads().map(one, range(1, len(grays))))]
    )


@lru_cache(maxsize=1)
def flow_threads() -> ThreadPoolExecutor:
    """Two threads for the process; OpenCV sets Python free while it works."""
    return ThreadPoolExecutor(2, thread_name_prefix="merkit-flow")


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


def _check_frames(rgb: U8) -> None:
    if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8 or len(rgb) == 0:
        raise FaceError(
            f"frames of shape {rgb.shape}, {rgb.dtype}", "u8 (T, H, W, 3), T at least 1"
        )
