"""Alignment: from landmarks to one 2x3 affine transform a frame.

A transform takes x, y of the source picture to x, y of a square picture of ``size_px``. Both
count pixel centres from 0, so the middle of the square is (size_px - 1) / 2 and a mirrored face
gives the mirrored picture.

Landmarks jitter by more than a micro-expression moves. ``per_frame`` puts that jitter into the
aligned picture as apparent motion; ``onset`` uses one transform for the whole clip, so the head
may drift in it but motion between frames stays what it was. ``benchmarks/alignment_jitter.py``
measures the difference.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merkit.errors import ConfigError, FaceError
from merkit.face.template import MEAN_FACE
from merkit.types import F32, F64, FaceTrack

_LEFT_EYE = slice(36, 42)  # on the picture's left
_RIGHT_EYE = slice(42, 48)
_INNER_CORNERS = (39, 42)


@dataclass(frozen=True)
class AlignConfig:
    """How a face is brought to a fixed place.

    ``policy``: ``per_frame`` (as the papers say), or ``onset``, one transform from the mean
    landmarks of the first ``onset_frames`` found frames. In a stream, which has no onset,
    ``StreamAligner`` follows the face with a time constant of ``anchor_s`` instead.
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
    anchor_s: float = 1.0
    smooth_frames: int = 1

    def __post_init__(self) -> None:
        if self.policy not in ("per_frame", "onset"):
            raise ConfigError(f"alignment policy '{self.policy}'", "per_frame or onset")
        if self.method not in ("eyes", "inner_corners", "similarity"):
            raise ConfigError(
                f"alignment method '{self.method}'", "eyes, inner_corners or similarity"
            )
        if self.size_px < 8 or self.onset_frames < 1 or self.smooth_frames < 1:
            raise ConfigError(
                f"size_px {self.size_px}, onset_frames {self.onset_frames}, "
                f"smooth_frames {self.smooth_frames}",
                "at least 8, 1 and 1",
            )
        if not (0 < self.eye_distance < 1 and 0 < self.eye_y < 1 and self.anchor_s > 0):
            raise ConfigError(
                f"eye_distance {self.eye_distance}, eye_y {self.eye_y}, anchor_s {self.anchor_s}",
                "shares between 0 and 1, and a time over 0 s",
            )


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


class StreamAligner:
    """Transforms for a video without end, one frame at a time.

    ``per_frame`` as in ``transforms`` (``smooth_frames`` averages the frames up to this one).
    ``onset`` has no onset to hold on to: the transform is that of an exponential average of the
    landmarks with time constant ``anchor_s``, so jitter is averaged out and over the half
    second of a micro-expression the transform stays nearly constant, while slow head motion is
    followed with a lag of ``anchor_s``. When the face is suddenly elsewhere (further than the
    distance of its eyes, as after a cut) the average starts anew.
    """

    def __init__(self, config: AlignConfig) -> None:
        self._config = config
        self._recent: deque[F32] = deque(maxlen=config.smooth_frames)
        self._mean: F64 | None = None
        self._seen = 0
        self._last_s = 0.0

    def update(self, landmarks_px: F32, time_s: float, found: bool = True) -> F32:
        """The transform of the next frame, f32 (2,3). A frame without a face keeps the last.

        Args:
            landmarks_px: (68,2), source pixels.
            time_s: the frame's timestamp.

        Raises:
            FaceError: no face has been seen yet, or the landmarks are unusable.
        """
        if found:
            self._take(landmarks_px, time_s)
        if self._mean is None:
            raise FaceError("no frame with a face to align by", "at least one")
        return fit_transform(self._mean, self._config)

    def _take(self, landmarks_px: F32, time_s: float) -> None:
        if self._config.policy == "per_frame":
            self._recent.append(landmarks_px)
            self._mean = np.mean(self._recent, axis=0, dtype=np.float64)
            return
        if self._mean is None or _moved_away(self._mean, landmarks_px):
            self._mean, self._seen = landmarks_px.astype(np.float64), 0
        self._seen += 1
        elapsed = max(0.0, time_s - self._last_s) if self._seen > 1 else 0.0
        self._last_s = time_s
        # The plain mean at first, so that the first frames, too, are averaged.
        weight = max(1 / self._seen, 1 - np.exp(-elapsed / self._config.anchor_s))
        self._mean = self._mean + weight * (landmarks_px - self._mean)


def _moved_away(mean: F64, landmarks_px: F32) -> bool:
    eyes = mean[_RIGHT_EYE].mean(axis=0) - mean[_LEFT_EYE].mean(axis=0)
    shift = landmarks_px.mean(axis=0) - mean.mean(axis=0)
    return bool(np.hypot(*shift) > np.hypot(*eyes))


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
