"""Alignment: from landmarks to one 2x3 affine transform a frame, and pictures through it.

A transform takes x, y of the source picture to x, y of a square picture of ``size_px``. Both
count pixel centres from 0, so the middle of the square is (size_px - 1) / 2 and a mirrored face
gives the mirrored picture.

Landmarks jitter by more than a micro-expression moves. ``per_frame`` puts that jitter into the
aligned picture as apparent motion; ``onset`` uses one transform for the whole clip, so the head
may drift in it but motion between frames stays what it was. ``benchmarks/alignment_jitter.py``
measures the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from merkit.config import check_settings
from merkit.errors import FaceError
from merkit.types import F32, F64, U8, FaceTrack

_LEFT_EYE = slice(36, 42)  # on the picture's left
_RIGHT_EYE = slice(42, 48)
_INNER_CORNERS = (39, 42)
#: From this reduction on the picture is low-pass filtered before it is resampled.
FILTER_FROM = 1.5
_MARGIN_PX = 8  # source pixels kept around the square, more than filter and interpolation reach

# fmt: off
_MEAN_POINTS = (
    (-1.146, 0.024), (-1.134, 0.322), (-1.108, 0.618), (-1.055, 0.909),
    (-0.948, 1.186), (-0.771, 1.429), (-0.544, 1.629), (-0.286, 1.784),
    (0.000, 1.829), (0.286, 1.784), (0.544, 1.629), (0.771, 1.429),
    (0.948, 1.186), (1.055, 0.909), (1.108, 0.618), (1.134, 0.322),
    (1.146, 0.024), (-0.930, -0.218), (-0.796, -0.360), (-0.595, -0.414),
    (-0.387, -0.392), (-0.191, -0.315), (0.191, -0.315), (0.387, -0.392),
    (0.595, -0.414), (0.796, -0.360), (0.930, -0.218), (0.000, -0.060),
    (0.000, 0.137), (0.000, 0.334), (0.000, 0.535), (-0.241, 0.651),
    (-0.124, 0.686), (0.000, 0.721), (0.124, 0.686), (0.241, 0.651),
    (-0.695, 0.006), (-0.568, -0.050), (-0.431, -0.051), (-0.299, 0.019),
    (-0.435, 0.038), (-0.572, 0.038), (0.299, 0.019), (0.431, -0.051),
    (0.568, -0.050), (0.695, 0.006), (0.572, 0.038), (0.435, 0.038),
    (-0.510, 0.954), (-0.324, 0.891), (-0.134, 0.866), (0.000, 0.889),
    (0.134, 0.866), (0.324, 0.891), (0.510, 0.954), (0.331, 1.162),
    (0.146, 1.251), (0.000, 1.268), (-0.146, 1.251), (-0.331, 1.162),
    (-0.451, 0.969), (-0.135, 0.953), (0.000, 0.968), (0.135, 0.953),
    (0.451, 0.969), (0.139, 1.110), (0.000, 1.125), (-0.139, 1.110),
)
# fmt: on

#: A mean face, f32 (68, 2): x to the picture's right, y down; unit: distance between the eye
#: centres; origin: midway between them. Measured, not taken from a model's file: the median
#: landmarks of dlib's predictor on each of nine faces (six in three photographs, among them
#: skimage's astronaut, and three in videos), averaged, and averaged with its mirror image.
MEAN_FACE: F32 = np.array(_MEAN_POINTS, np.float32)
MEAN_FACE.setflags(write=False)


@dataclass(frozen=True)
class AlignConfig:
    """How a face is brought to a fixed place.

    ``policy``: ``per_frame`` (as the papers say), or ``onset``, one transform from the mean
    landmarks of the first ``onset_frames`` found frames.
    ``method``: ``eyes`` turns, scales and shifts the eye centres to their places
    (docs/methods/sfa-dgat.md);
    ``inner_corners`` does so with points 39 and 42, and with ``size_px=256,
    eye_distance=0.25, eye_y=0.375`` is the crop of docs/methods/stag.md; ``similarity`` fits all 68
    points to a mean face by least squares. ``eye_distance``: between the two eye points, as a
    share of the side. ``eye_y``: their height from the top, as a share of the side. The
    defaults show the face from the forehead to the chin. ``smooth_frames``: landmarks are
    averaged over so many frames first (1: not; ``per_frame`` only).
    """

    policy: Literal["per_frame", "onset"] = "onset"
    method: Literal["eyes", "inner_corners", "similarity"] = "eyes"
    size_px: int = 224
    eye_distance: float = 0.35
    eye_y: float = 0.35
    onset_frames: int = 3
    smooth_frames: int = 1

    def __post_init__(self) -> None:
        methods = ("eyes", "inner_corners", "similarity")
        wanted = {
            "policy": (self.policy in ("per_frame", "onset"), "per_frame or onset"),
            "method": (self.method in methods, "eyes, inner_corners or similarity"),
            "size_px": (self.size_px >= 8, "8 or more"),
            "onset_frames": (self.onset_frames >= 1, "1 or more"),
            "smooth_frames": (self.smooth_frames >= 1, "1 or more"),
            "eye_distance": (0 < self.eye_distance < 1, "a share between 0 and 1"),
            "eye_y": (0 < self.eye_y < 1, "a share between 0 and 1"),
        }
        check_settings(self, "align", wanted)


def transforms(track: FaceTrack, config: AlignConfig) -> F32:
    """One transform a frame, f32 (T,2,3), source pixels to aligned pixels.

    Raises:
        FaceError: landmarks of the wrong shape, or all in one place.
    """
    landmarks = track.landmarks_px
    if config.policy == "onset":
        chosen = np.flatnonzero(track.found)[: config.onset_frames]
        if not len(chosen):
            raise FaceError("no frame with a face to align by", "at least one")
        one = fit_transform(landmarks[chosen].mean(axis=0, dtype=np.float64), config)
        return np.repeat(one[None], len(landmarks), axis=0)
    return fit_transform(_smooth(landmarks, config.smooth_frames), config)


def fit_transform(landmarks_px: F32 | F64, config: AlignConfig) -> F32:
    """The transform of each set of landmarks: (...,68,2) -> f32 (...,2,3).

    Raises:
        FaceError: landmarks of the wrong shape, not finite, or all in one place.
    """
    points = np.asarray(landmarks_px, np.float64)
    if points.shape[-2:] != (68, 2) or not np.isfinite(points).all():
        raise FaceError(f"landmarks of shape {points.shape}", "finite numbers (...,68,2)")
    return _similarity(_anchors(points, config), _targets(config))


def align_points(points_px: F32, transforms: F32) -> F32:
    """Move points (T,N,2) with one transform a frame (T,2,3): source to aligned pixels."""
    moved = np.einsum("tij,tnj->tni", transforms[..., :2], points_px) + transforms[:, None, :, 2]
    return np.asarray(moved, np.float32)


def warp(rgb: U8, transform: F32 | F64, size_px: int) -> U8:
    """Resample one picture: u8 (H,W,3), transform (2,3) -> u8 (size,size,3); a grey one (H,W) stays
    grey.

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


def _anchors(points: F64, config: AlignConfig) -> F64:
    """The points that alignment looks at: (...,2,2) of the eyes or all (...,68,2)."""
    if config.method == "similarity":
        return points
    if config.method == "inner_corners":
        return points[..., _INNER_CORNERS, :]
    eyes = points[..., _LEFT_EYE, :].mean(axis=-2), points[..., _RIGHT_EYE, :].mean(axis=-2)
    return np.stack(eyes, axis=-2)


def _targets(config: AlignConfig) -> F64:
    """Where the anchors shall come to lie, in aligned pixels."""
    unit = np.array([[-0.5, 0.0], [0.5, 0.0]])
    if config.method == "similarity":
        unit = MEAN_FACE.astype(np.float64)
    middle = np.array([config.size_px / 2, config.eye_y * config.size_px]) - 0.5
    return unit * config.eye_distance * config.size_px + middle


def _similarity(source: F64, target: F64) -> F32:
    """Least-squares rotation, scale and shift from (...,N,2) to (N,2), no reflection.

    Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", TPAMI 1991. In the plane a rotation with scale is one complex factor, so its
    solution needs no singular values: sum(conj(s) t) / sum(|s|^2) over centred points.
    """
    source_mean, target_mean = source.mean(axis=-2), target.mean(axis=-2)
    s = source - source_mean[..., None, :]
    t = target - target_mean
    spread = (s**2).sum(axis=(-2, -1))
    if (spread < 1e-6).any():
        raise FaceError("landmarks all lie in one place", "a face of more than one pixel")
    cosine = (s * t).sum(axis=(-2, -1)) / spread
    sine = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(axis=-1) / spread
    turn = np.stack([cosine, -sine, sine, cosine], axis=-1).reshape(*cosine.shape, 2, 2)
    shift = target_mean - np.einsum("...ij,...j->...i", turn, source_mean)
    return np.concatenate([turn, shift[..., None]], axis=-1).astype(np.float32)


def _smooth(landmarks: F32, frames: int) -> F32:
    """Centred mean over ``frames`` frames, fewer at the ends."""
    if frames == 1:
        return landmarks
    before, after = frames // 2, (frames - 1) // 2
    smooth = [
        landmarks[max(0, i - before) : i + after + 1].mean(axis=0) for i in range(len(landmarks))
    ]
    return np.stack(smooth)


def _needed_part(rgb: U8, transform: F32 | F64, size_px: int) -> tuple[U8, F32]:
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
