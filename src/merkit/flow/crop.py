"""The face crop in which motion is measured: one for a clip, that may follow the nose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias, cast

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
from merkit.flow.gray import to_gray
from merkit.flow.tight import TightCrop, tight_crop
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

    @property
    def place_px(self) -> F64:
        """Where the crop lies (2,), in crop pixels; ``moved`` changes it."""
        return np.array([self.left * self.scale, self.top * self.scale])

    def in_source(self, u: float, v: float) -> tuple[float, float]:
        """A motion in the crop as one in source pixels."""
        return u / self.scale, v / self.scale

    def overlaps(self, image: U8) -> bool:
        """Whether any of the crop lies on the image."""
        height, width = image.shape[:2]
        across = -self.side_px < self.left < int(width)
        return across and -self.side_px < self.top < int(height)

    def cut(self, image: U8) -> U8:
        """Grey u8 (size,size) of a source image that it overlaps. Shrinking averages areas, so that
        fine texture does not alias; growing is bilinear."""
        import cv2

        height, width = image.shape[:2]
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.left + self.side_px, width), min(self.top + self.side_px, height)
        part = to_gray(image[top:bottom, left:right])
        if part.shape != (self.side_px, self.side_px):
            above, below = top - self.top, self.top + self.side_px - bottom
            before, after = left - self.left, self.left + self.side_px - right
            part = np.pad(part, ((above, below), (before, after)), mode="edge")
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        return cast(U8, cv2.resize(part, (self.size_px, self.size_px), interpolation=method))


#: A place in the source in which motion is measured.
Crop: TypeAlias = FaceCrop | TightCrop


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
) -> tuple[Crop, RegionLayout]:
    """The crop around a face as ``config.crop`` wants it, and where its regions lie in it."""
    of_kind = tight_crop if config.crop == "tight" else face_crop
    crop: Crop = of_kind(landmarks_px, config)
    return crop, region_layout(crop.points(landmarks_px), config.windows, config.crop_size_px)


def cut(image: U8, crop: Crop) -> U8:
    """Cut the crop out of a source image (H,W,3) RGB or (H,W) grey: grey u8 (size,size). Beyond the
    image its border pixels are repeated.

    Raises:
        FaceError: the crop lies outside the image.
    """
    if crop.overlaps(image):
        return crop.cut(image)
    height, width = image.shape[:2]
    left, top = crop.in_source(*crop.place_px)
    raise FaceError(
        f"face crop at ({left:.0f}, {top:.0f})",
        f"one that overlaps the {width}x{height} image",
        "check that the landmarks belong to this video",
    )


def follow(
    image: U8, crop: Crop, reference: U8, layout: RegionLayout, config: FlowConfig
) -> tuple[Crop, U8]:
    """Move the crop until the nose tip lies where it lies in ``reference``: docs/methods/evodyn.md.

    Starts from ``crop``, the place in the frame before. Motion is converted to source pixels, so
    that one step suffices; the public extractor does not (``config.follow_scaled``).

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
        step = crop.in_source(u, v) if config.follow_scaled else (u, v)
        right, down = round(step[0]), round(step[1])
        moved = crop.moved(right, down)
        if (right, down) == (0, 0) or not moved.overlaps(image):
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
    motion: list[float] = dominant_motion(flow, box, config.q_nose_tip).tolist()
    return motion
