"""Identities by shape: landmarks moved, and the picture warped after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from merkit.synthetic.landmarks import LANDMARKS, MIRROR, PHOTO_CENTRE, PHOTO_FACE_WIDTH_PX
from merkit.types import F64

#: half size, in photo pixels, of the box around the face that is warped
WARP_REACH_PX = 104
#: mouths opened less than this share of the photograph's are drawn closed, without teeth
CLOSED_BELOW = 0.35
_RIGHT_EYE, _LEFT_EYE = np.arange(36, 42), np.arange(42, 48)
_RIGHT_BROW, _LEFT_BROW = np.arange(17, 22), np.arange(22, 27)
_MOUTH = np.arange(48, 68)
_LOWER_LIP, _LOWER_INNER = np.array([55, 56, 57, 58, 59]), np.array([65, 66, 67])
_UPPER_CENTRE, _CORNERS = np.array([50, 51, 52, 61, 62, 63]), np.array([48, 54, 60, 64])


@dataclass(frozen=True)
class Shape:
    """One identity's shape. Lengths are in face widths, sizes are factors."""

    jaw_width: float
    chin: float
    height: float
    eye_distance: float
    eye_size: float
    eye_opening: float
    brow_height: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    mouth_open: float
    corner_drop: float
    lip_thickness: float
    mirrored: bool


def draw_shape(rng: np.random.Generator) -> Shape:
    """A random shape within a range that keeps the face plausible."""
    return Shape(
        jaw_width=rng.uniform(0.92, 1.08),
        chin=rng.uniform(-0.03, 0.04),
        height=rng.uniform(0.95, 1.09),
        eye_distance=rng.uniform(-0.012, 0.016),
        eye_size=rng.uniform(0.92, 1.14),
        eye_opening=rng.uniform(0.85, 1.12),
        brow_height=rng.uniform(-0.022, 0.012),
        brow_tilt=rng.uniform(-0.014, 0.018),
        nose_length=rng.uniform(-0.03, 0.03),
        nose_width=rng.uniform(0.9, 1.14),
        mouth_width=rng.uniform(0.8, 0.94),
        mouth_height=rng.uniform(-0.012, 0.02),
        mouth_open=rng.uniform(0.12, 0.3) if rng.random() < 0.75 else rng.uniform(0.5, 0.95),
        corner_drop=rng.uniform(0.012, 0.035),
        lip_thickness=rng.uniform(0.85, 1.2),
        mirrored=bool(rng.random() < 0.5),
    )


def shaped_landmarks(shape: Shape) -> F64:
    """(68, 2) landmarks in photo pixels after the change of shape, before mirroring."""
    points = LANDMARKS.copy()
    _shape_jaw(points, shape)
    _shape_eyes(points, shape)
    _shape_nose(points, shape)
    _shape_mouth(points, shape)
    return points


def _scale(points: F64, index: np.ndarray, x: float, y: float) -> None:
    middle = points[index].mean(axis=0)
    points[index] = middle + (points[index] - middle) * (x, y)


def _shape_jaw(points: F64, shape: Shape) -> None:
    centre = points[27:31, 0].mean()
    low = np.clip((points[1:16, 1] - points[1, 1]) / (points[8, 1] - points[1, 1]), 0.0, 1.0)
    points[1:16, 0] = centre + (points[1:16, 0] - centre) * (1.0 + (shape.jaw_width - 1.0) * low)
    points[1:16, 1] += shape.chin * PHOTO_FACE_WIDTH_PX * low**2


def _shape_eyes(points: F64, shape: Shape) -> None:
    unit = PHOTO_FACE_WIDTH_PX
    for eye, brow, out in ((_RIGHT_EYE, _RIGHT_BROW, -1.0), (_LEFT_EYE, _LEFT_BROW, 1.0)):
        _scale(points, eye, shape.eye_size, shape.eye_size * shape.eye_opening)
        points[eye, 0] += out * shape.eye_distance * unit
        points[brow, 0] += out * 0.5 * shape.eye_distance * unit
        outwards = np.linspace(1.0, -1.0, 5) if out < 0 else np.linspace(-1.0, 1.0, 5)
        points[brow, 1] -= (shape.brow_height + shape.brow_tilt * outwards) * unit


def _shape_nose(points: F64, shape: Shape) -> None:
    unit, down = PHOTO_FACE_WIDTH_PX, np.linspace(0.0, 1.0, 4)
    points[27:31, 1] += shape.nose_length * unit * down
    points[31:36, 1] += shape.nose_length * unit
    _scale(points, np.arange(31, 36), shape.nose_width, 1.0)


def _shape_mouth(points: F64, shape: Shape) -> None:
    unit = PHOTO_FACE_WIDTH_PX
    gap = float((points[_LOWER_INNER, 1] - points[[63, 62, 61], 1]).mean())
    lift = (1.0 - shape.mouth_open) * gap
    points[_LOWER_LIP, 1] -= lift
    points[_LOWER_INNER, 1] -= lift
    points[6:11, 1] -= 0.4 * lift
    points[_CORNERS, 1] += shape.corner_drop * unit
    points[_UPPER_CENTRE, 1] -= 0.25 * shape.corner_drop * unit
    _scale(points, _MOUTH, shape.mouth_width, 1.0)
    points[_MOUTH, 1] += (shape.mouth_height + 0.5 * shape.nose_length) * unit
    thicker = (shape.lip_thickness - 1.0) * 0.04 * unit
    points[49:54, 1] -= thicker
    points[_LOWER_LIP, 1] += thicker


def photo_offsets(points: F64) -> F64:
    """(S, S, 2) offset from a pixel of the shaped face to its source in the photograph.

    S = 2 ``WARP_REACH_PX`` + 1, centred on ``PHOTO_CENTRE``: a thin-plate spline through the
    landmarks that is still at the border of the box.
    """
    reach = WARP_REACH_PX
    edge = np.linspace(-reach, reach, 9)
    border = [(x, y) for x in edge for y in edge if max(abs(x), abs(y)) == reach]
    still = np.array(border) + PHOTO_CENTRE
    spline = RBFInterpolator(
        np.vstack([points, still]),
        np.vstack([LANDMARKS - points, np.zeros_like(still)]),
        kernel="thin_plate_spline",
        smoothing=0.3,
    )
    axis = np.arange(-reach, reach + 1.0)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    offsets = spline((grid + PHOTO_CENTRE).reshape(-1, 2)).reshape(grid.shape)
    away = np.abs(grid).max(axis=-1) / reach
    return np.asarray(offsets * np.clip((1.0 - away) / 0.15, 0.0, 1.0)[..., None])


def mirror_points(points: F64) -> F64:
    """(68, 2) landmarks of the picture mirrored about the vertical through its centre."""
    mirrored = points[MIRROR].copy()
    mirrored[:, 0] = 2.0 * PHOTO_CENTRE[0] - mirrored[:, 0]
    return mirrored
