"""The face crop in which motion is measured: one square for a clip, that may follow the nose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from merkit.errors import FaceError
from merkit.face.regions import (
    RegionLayout,
    check_landmarks,
    inner_eye_centre,
    inner_eye_distance,
    region_layout,
)
from merkit.flow.config import FlowConfig
from merkit.flow.estimate import dominant_motion, estimate_flow
from merkit.types import F64, U8

#: Flow for following the nose is estimated this far around the nose-tip box.
_NOSE_CONTEXT_PX = 20


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A square of ``side_px`` source pixels at ``left``, ``top``, resized to ``size_px``."""

    left: int
    top: int
    side_px: int
    size_px: int

    @property
    def scale(self) -> float:
        """Crop pixels for one source pixel."""
        return self.size_px / self.side_px

    def points(self, source_px: npt.NDArray[np.floating]) -> F64:
        """Positions (N,2) in the source as positions in the crop (pixel centres at integers)."""
        offset = np.array([self.left, self.top], np.float64)
        return (np.asarray(source_px, np.float64) - offset + 0.5) * self.scale - 0.5

    def moved(self, right: int, down: int) -> FaceCrop:
        """The same square elsewhere."""
        return replace(self, left=self.left + right, top=self.top + down)


def face_crop(landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> FaceCrop:
    """The crop around a face (docs/methods/stag.md eqs 3-4).

    g = floor(|p42 - p39| / 2); with the default sizes the square spans 4g to each side of the
    inner eye centre, 3g above and 5g below it, so that the inner eye corners come to lie about
    64 px apart.

    Args:
        landmarks_px: (68,2) in source pixels.

    Raises:
        FaceError: landmarks of the wrong form, or a face too small.
    """
    points = check_landmarks(landmarks_px)
    g = int(inner_eye_distance(points) / 2)
    x, y = inner_eye_centre(points)
    side = max(1, round(2 * config.crop_half_width_g * g))
    left = int(x) - round(config.crop_half_width_g * g)
    top = int(y) - round(config.crop_above_g * g)
    return FaceCrop(left, top, side, config.crop_size_px)


def crop_layout(
    landmarks_px: npt.NDArray[np.floating], config: FlowConfig
) -> tuple[FaceCrop, RegionLayout]:
    """The crop around a face, and where its regions lie in it; see ``face_crop``."""
    crop = face_crop(landmarks_px, config)
    return crop, region_layout(crop.points(landmarks_px), config.windows, config.crop_size_px)


def cut(image: U8, crop: FaceCrop) -> U8:
    """Cut the crop out of a source image (H,W,3) RGB or (H,W) grey: grey u8 (size,size).

    Beyond the image its border pixels are repeated. Shrinking averages areas, so that fine
    texture does not alias; growing is bilinear.

    Raises:
        FaceError: the crop lies outside the image.
    """
    import cv2

    height, width = image.shape[:2]
    left, top = max(crop.left, 0), max(crop.top, 0)
    right, bottom = min(crop.left + crop.side_px, width), min(crop.top + crop.side_px, height)
    if left >= right or top >= bottom:
        raise FaceError(
            f"face crop {crop.side_px} px wide at ({crop.left}, {crop.top})",
            f"one that overlaps the {width}x{height} image",
            "check that the landmarks belong to this video",
        )
    part = to_gray(image[top:bottom, left:right])
    if part.shape != (crop.side_px, crop.side_px):
        above, below = top - crop.top, crop.top + crop.side_px - bottom
        before, after = left - crop.left, crop.left + crop.side_px - right
        part = np.pad(part, ((above, below), (before, after)), mode="edge")
    method = cv2.INTER_AREA if crop.scale < 1 else cv2.INTER_LINEAR
    return cast(U8, cv2.resize(part, (crop.size_px, crop.size_px), interpolation=method))


def follow(
    image: U8, crop: FaceCrop, reference: U8, layout: RegionLayout, config: FlowConfig
) -> tuple[FaceCrop, U8]:
    """Move the crop until the nose tip lies where it lies in ``reference``: docs/methods/evodyn.md.

    Starts from ``crop``, the place in the frame before. Motion is converted to source pixels, so
    that one step suffices; the public extractor does not (``config.follow_scaled``).

    Returns:
        The crop and the grey image (S,S) cut with it.
    """
    gray = cut(image, crop)
    if not config.follow_nose:
        return crop, gray
    scale = crop.scale if config.follow_scaled else 1.0
    for _ in range(config.follow_iterations):
        u, v = _nose_motion(reference, gray, layout, config)
        if u * u + v * v <= config.follow_above_px2:
            break
        right, down = round(u / scale), round(v / scale)
        moved = crop.moved(right, down)
        if (right, down) == (0, 0) or not _overlaps(moved, image):
            break
        crop, gray = moved, cut(image, moved)
    return crop, gray


def weighed(rgb: U8, config: FlowConfig) -> U8:
    """Colour frames (...,3) in the order in which ``config`` wants them made grey; grey ones (H,W)
    as they are."""
    return rgb[..., ::-1] if config.gray_order == "bgr" and rgb.ndim > 2 else rgb


def to_gray(image: U8) -> U8:
    """Grey u8 (H,W) of an RGB image (H,W,3); a grey one comes back as it is."""
    import cv2

    if image.ndim == 2:
        return image
    return cast(U8, cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))


def _nose_motion(before: U8, after: U8, layout: RegionLayout, config: FlowConfig) -> list[float]:
    size = before.shape[0]
    grow = np.array([-1, -1, 1, 1]) * _NOSE_CONTEXT_PX
    left, top, right, bottom = np.clip(layout.nose_tip_px + grow, 0, size)
    part = np.s_[top:bottom, left:right]
    flow = estimate_flow(before[part], after[part], config.estimator, config.dis_stride_px)
    box = layout.nose_tip_px - [left, top, left, top]
    motion: list[float] = dominant_motion(flow, box, config.q_nose_tip).tolist()
    return motion


def _overlaps(crop: FaceCrop, image: U8) -> bool:
    height, width = image.shape[:2]
    across = -crop.side_px < crop.left < int(width)
    return across and -crop.side_px < crop.top < int(height)
