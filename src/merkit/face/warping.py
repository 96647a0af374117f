"""Resampling pictures with the transforms of ``align``."""

from __future__ import annotations

from typing import cast

import numpy as np

from merkit.errors import FaceError
from merkit.face.align import AlignConfig, transforms
from merkit.types import F32, U8, FaceTrack

#: From this reduction on the picture is low-pass filtered before it is resampled.
FILTER_FROM = 1.5
_MARGIN_PX = 8  # source pixels kept around the square, more than filter and interpolation reach


def warp(rgb: U8, transform: F32, size_px: int) -> U8:
    """Resample one picture: u8 (H,W,3), transform (2,3) -> u8 (size,size,3).

    Bicubic, since bilinear interpolation blurs by an amount that changes with the sub-pixel
    phase, which would look like motion. Where the picture shrinks by more than 1.5, a Gaussian
    of (reduction - 1) / 2 source pixels comes first, so fine texture cannot alias into motion
    either. Beyond the picture's border its edge is repeated.
    """
    import cv2

    cut, offset = _needed_part(rgb, transform, size_px)
    moved = transform.astype(np.float64)
    moved[:, 2] += moved[:, :2] @ offset
    reduction = 1 / np.sqrt(abs(np.linalg.det(moved[:, :2])))
    if reduction > FILTER_FROM:
        sigma = (reduction - 1) / 2
        cut = cast(U8, cv2.GaussianBlur(cut, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
    aligned = cv2.warpAffine(
        cut, moved, (size_px, size_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return cast(U8, aligned)


def align_clip(frames: U8, track: FaceTrack, config: AlignConfig) -> U8:
    """Align every frame of a clip: u8 (T,H,W,3) -> u8 (T,size,size,3).

    Raises:
        FaceError: frames and track differ in number, or no frame has a face.
    """
    if len(frames) != len(track.landmarks_px):
        raise FaceError(
            f"{len(frames)} frames with a track of {len(track.landmarks_px)}", "one each"
        )
    aligned = np.empty((len(frames), config.size_px, config.size_px, 3), np.uint8)
    for i, transform in enumerate(transforms(track, config)):
        aligned[i] = warp(frames[i], transform, config.size_px)
    return aligned


def _needed_part(rgb: U8, transform: F32, size_px: int) -> tuple[U8, F32]:
    """The part of the picture that the square is made of, and its left top corner (x, y).

    At least one pixel of the nearest border, when the square lies outside.
    """
    inverse = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
    corners = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], np.float64)
    corners[:, :2] *= size_px - 1
    points = corners @ inverse.T
    reduction = float(np.sqrt(abs(np.linalg.det(inverse[:, :2]))))
    margin = _MARGIN_PX + 3 * reduction
    size = np.array([rgb.shape[1], rgb.shape[0]])
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin) + 1, low + 1, size).astype(int)
    return rgb[low[1] : high[1], low[0] : high[0]], low.astype(np.float32)
