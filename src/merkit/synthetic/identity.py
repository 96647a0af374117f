"""A person: a still picture at twice the frame's resolution, with landmarks.

The photograph's landmarks are moved, the picture is warped after them, coloured anew and placed
in the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from merkit.synthetic.action_units import MIRROR, face_width
from merkit.synthetic.config import REFERENCE_FACE_PX, SynthConfig
from merkit.synthetic.photo import CENTRE, FACE_WIDTH_PX, LANDMARKS, draw_tone, masks, toned_photo
from merkit.types import F32, F64, U8, Bool

#: canvas pixels per frame pixel, so that sub-pixel motion is interpolated from finer detail
SUPERSAMPLE = 2
#: frame pixels around the frame that head motion may bring in
MARGIN_PX = 24
#: half size, in photo pixels, of the box around the face that is warped
WARP_REACH_PX = 104
#: mouths opened less than this share of the photograph's are drawn closed, without teeth
CLOSED_BELOW = 0.35
_LOWER_LIP, _LOWER_INNER = np.arange(55, 60), np.arange(65, 68)
_UPPER_CENTRE, _CORNERS = np.array([50, 51, 52, 61, 62, 63]), np.array([48, 54, 60, 64])
#: OpenCV's stubs ask for a second map that a two-channel first map makes needless
_cv2 = cast(Any, cv2)


@dataclass(frozen=True, eq=False)
class Identity:
    """One face at rest. Canvas pixel = (frame pixel + ``MARGIN_PX``) * ``SUPERSAMPLE``."""

    canvas: U8  # (2 (H + 2 M), 2 (W + 2 M), 3)
    landmarks_px: F64  # (68, 2) in frame pixels
    face: Bool  # (H, W) inside the outline of the landmarks
    scale: float  # frame pixels per pixel at 256 px face width
    closed: bool  # lips together, without teeth

    def eyes_px(self) -> tuple[tuple[F64, F64], tuple[F64, F64]]:
        """The upper and the lower lid (4, 2) of both eyes on the canvas, corner to corner."""
        points = (self.landmarks_px + MARGIN_PX) * SUPERSAMPLE
        return (
            (points[36:40], points[[36, 41, 40, 39]]),
            (points[42:46], points[[42, 47, 46, 45]]),
        )


def make_identity(config: SynthConfig, rng: np.random.Generator) -> Identity:
    """Draw a person and render them at rest in the frame's geometry."""
    shape, tone = _draw_shape(rng), draw_tone(rng)
    frame = _Placement(config, shape)
    landmarks, source = frame.landmarks(), frame.photo_map()
    toned = toned_photo(tone, rng, shape.closed)
    picture = sample(toned, source, cv2.INTER_LANCZOS4, cv2.BORDER_REFLECT_101)
    skin, size = sample(masks()["skin"], source), source.shape[:2]
    picture = picture * (1.0 + skin * _grain(rng, size, config.face_width_px))[..., None]
    if shape.closed:
        picture = picture * _mouth_line(landmarks, size)[..., None]
    canvas = np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8)
    face = np.zeros((config.size_px[1], config.size_px[0]), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(np.round(landmarks).astype(np.int32)), 1)
    scale = config.face_width_px / REFERENCE_FACE_PX
    return Identity(canvas, landmarks, face.astype(bool), scale, shape.closed)


def sample(
    picture: npt.NDArray[Any],
    where: F32 | F64,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> npt.NDArray[Any]:
    """(H, W, ...) values of ``picture`` at ``where`` (H, W, 2), x and y in its pixels.

    Beyond the picture's edge lies zero, or what the OpenCV ``border`` says.
    """
    places = where.astype(np.float32, copy=False)
    found = _cv2.remap(picture, places, None, interpolation, borderMode=border)
    return cast(npt.NDArray[Any], found)


@dataclass(frozen=True, eq=False)
class _Shape:
    """One identity's shape."""

    points: F64  # (68, 2) landmarks in photo pixels, before mirroring
    height: float  # factor on the height of the whole face
    closed: bool  # lips together, without teeth
    mirrored: bool


def _draw_shape(rng: np.random.Generator) -> _Shape:
    """A random shape within a range that keeps the face plausible: sizes are factors, lengths
    face widths."""
    points = LANDMARKS.copy()
    _draw_jaw(points, rng)
    height = rng.uniform(0.95, 1.09)
    _draw_eyes(points, rng)
    nose = _draw_nose(points, rng)
    opening = _draw_mouth(points, rng, nose)
    return _Shape(points, height, opening < CLOSED_BELOW, bool(rng.random() < 0.5))


def _scale(points: F64, index: slice, x: float, y: float) -> None:
    middle = points[index].mean(axis=0)
    points[index] = middle + (points[index] - middle) * (x, y)


def _draw_jaw(points: F64, rng: np.random.Generator) -> None:
    width, chin = rng.uniform(0.92, 1.08), rng.uniform(-0.03, 0.04)
    centre = points[27:31, 0].mean()
    low = np.clip((points[1:16, 1] - points[1, 1]) / (points[8, 1] - points[1, 1]), 0.0, 1.0)
    points[1:16, 0] = centre + (points[1:16, 0] - centre) * (1.0 + (width - 1.0) * low)
    points[1:16, 1] += chin * FACE_WIDTH_PX * low**2


def _draw_eyes(points: F64, rng: np.random.Generator) -> None:
    distance, size = rng.uniform(-0.012, 0.016), rng.uniform(0.92, 1.14)
    opening = rng.uniform(0.85, 1.12)
    brow_height, brow_tilt = rng.uniform(-0.022, 0.012), rng.uniform(-0.014, 0.018)
    for first, first_of_brow, out in ((36, 17, -1.0), (42, 22, 1.0)):
        eye, brow = slice(first, first + 6), slice(first_of_brow, first_of_brow + 5)
        _scale(points, eye, size, size * opening)
        points[eye, 0] += out * distance * FACE_WIDTH_PX
        points[brow, 0] += out * 0.5 * distance * FACE_WIDTH_PX
        points[brow, 1] -= (brow_height + brow_tilt * np.linspace(-out, out, 5)) * FACE_WIDTH_PX


def _draw_nose(points: F64, rng: np.random.Generator) -> float:
    """How much longer the nose became."""
    length, width = rng.uniform(-0.03, 0.03), rng.uniform(0.9, 1.14)
    points[27:31, 1] += length * FACE_WIDTH_PX * np.linspace(0.0, 1.0, 4)
    points[31:36, 1] += length * FACE_WIDTH_PX
    _scale(points, slice(31, 36), width, 1.0)
    return length


def _draw_mouth(points: F64, rng: np.random.Generator, nose: float) -> float:
    """How far it is open, as a share of the photograph's opening."""
    width, height = rng.uniform(0.8, 0.94), rng.uniform(-0.012, 0.02)
    opening = rng.uniform(0.12, 0.3) if rng.random() < 0.75 else rng.uniform(0.5, 0.95)
    drop_px = rng.uniform(0.012, 0.035) * FACE_WIDTH_PX
    lift = (1.0 - opening) * float((points[_LOWER_INNER, 1] - points[[63, 62, 61], 1]).mean())
    points[_LOWER_LIP, 1] -= lift
    points[_LOWER_INNER, 1] -= lift
    points[6:11, 1] -= 0.4 * lift
    points[_CORNERS, 1] += drop_px
    points[_UPPER_CENTRE, 1] -= 0.25 * drop_px
    _scale(points, slice(48, 68), width, 1.0)
    points[48:68, 1] += (height + 0.5 * nose) * FACE_WIDTH_PX
    thicker = (rng.uniform(0.85, 1.2) - 1.0) * 0.04 * FACE_WIDTH_PX
    points[49:54, 1] -= thicker
    points[_LOWER_LIP, 1] += thicker
    return opening


def _photo_offsets(points: F64) -> F64:
    """(S, S, 2) offset from a pixel of the shaped face to its source in the photograph.

    S = 2 ``WARP_REACH_PX`` + 1, centred on the photograph's ``CENTRE``: a thin-plate spline
    through the landmarks that is still at the border of the box.
    """
    reach = WARP_REACH_PX
    edge = np.linspace(-reach, reach, 9)
    border = [(x, y) for x in edge for y in edge if max(abs(x), abs(y)) == reach]
    still = np.array(border) + CENTRE
    spline = RBFInterpolator(
        np.vstack([points, still]),
        np.vstack([LANDMARKS - points, np.zeros_like(still)]),
        kernel="thin_plate_spline",
        smoothing=0.3,
    )
    axis = np.arange(-reach, reach + 1.0)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    offsets = spline((grid + CENTRE).reshape(-1, 2)).reshape(grid.shape)
    away = np.abs(grid).max(axis=-1) / reach
    return np.asarray(offsets * np.clip((1.0 - away) / 0.15, 0.0, 1.0)[..., None])


class _Placement:
    """Where the shaped face lies in the frame, and where a canvas pixel lies in the photo."""

    def __init__(self, config: SynthConfig, shape: _Shape) -> None:
        self.shape, self.size = shape, np.array(config.size_px, float)
        scale = config.face_width_px / face_width(shape.points * (1.0, shape.height))
        self.scale = np.array([scale, scale * shape.height])
        self.centre = np.array([CENTRE[0], max(CENTRE[1], self.size[1] / 2 / self.scale[1] + 1.0)])

    def landmarks(self) -> F64:
        """(68, 2) in frame pixels."""
        points = self.shape.points
        if self.shape.mirrored:
            points = np.array([2.0 * CENTRE[0], 0.0]) + points[MIRROR] * (-1.0, 1.0)
        return np.asarray((points - self.centre) * self.scale + (self.size - 1) / 2)

    def photo_map(self) -> F32:
        """(Hc, Wc, 2) photo coordinates of every canvas pixel."""
        width, height = ((self.size + 2 * MARGIN_PX) * SUPERSAMPLE).astype(int)
        x = np.arange(width) / SUPERSAMPLE - MARGIN_PX - (self.size[0] - 1) / 2
        y = np.arange(height) / SUPERSAMPLE - MARGIN_PX - (self.size[1] - 1) / 2
        x, y = x / self.scale[0] + self.centre[0], y / self.scale[1] + self.centre[1]
        if self.shape.mirrored:
            x = 2.0 * CENTRE[0] - x
        grid = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
        offsets = _photo_offsets(self.shape.points)
        return np.asarray(grid + sample(offsets, grid - CENTRE + WARP_REACH_PX), np.float32)


def _grain(rng: np.random.Generator, size: tuple[int, ...], face_px: float) -> F32:
    """(Hc, Wc) relative texture of skin: pores and fine unevenness, band-limited."""
    total = np.zeros(size, np.float32)
    for sigma, depth in ((1.3, 0.016), (3.0 * face_px / 200.0, 0.012)):
        noise = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), sigma)
        total += depth * noise / float(noise.std())
    return total


def _mouth_line(points: F64, size: tuple[int, ...]) -> F32:
    """(Hc, Wc) factor that draws the dark line where lips were brought together."""
    middle = (points[[61, 62, 63]] + points[[67, 66, 65]]) / 2
    line = (np.vstack([points[60], middle, points[64]]) + MARGIN_PX) * SUPERSAMPLE
    unit = face_width(points) * SUPERSAMPLE
    mask = np.zeros(size, np.float32)
    drawn = [np.round(line * 16).astype(np.int32)]
    cv2.polylines(mask, drawn, False, 1.0, max(round(0.008 * unit), 1), cv2.LINE_AA, 4)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.006 * unit))
    return np.asarray(1.0 - 0.6 * mask / float(mask.max()), np.float32)
