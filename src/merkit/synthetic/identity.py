"""A person: a still picture at twice the frame's resolution, with landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from merkit.synthetic.config import SynthConfig
from merkit.synthetic.fields import face_width
from merkit.synthetic.landmarks import PHOTO_CENTRE
from merkit.synthetic.sampling import sample
from merkit.synthetic.shape import (
    CLOSED_BELOW,
    WARP_REACH_PX,
    Shape,
    draw_shape,
    mirror_points,
    photo_offsets,
    shaped_landmarks,
)
from merkit.synthetic.tone import draw_tone, masks, toned_photo
from merkit.types import F32, F64, U8, Bool

#: canvas pixels per frame pixel, so that sub-pixel motion is interpolated from finer detail
SUPERSAMPLE = 2
#: frame pixels around the frame that head motion may bring in
MARGIN_PX = 24


@dataclass(frozen=True, eq=False)
class Identity:
    """One face at rest. Canvas pixel = (frame pixel + ``MARGIN_PX``) * ``SUPERSAMPLE``."""

    canvas: U8  # (2 (H + 2 M), 2 (W + 2 M), 3)
    landmarks_px: F64  # (68, 2) in frame pixels
    face: Bool  # (H, W) inside the outline of the landmarks
    scale: float  # frame pixels per pixel at 256 px face width


def make_identity(config: SynthConfig, rng: np.random.Generator) -> Identity:
    """Draw a person and render them at rest in the frame's geometry."""
    shape, tone = draw_shape(rng), draw_tone(rng)
    shaped = shaped_landmarks(shape)
    frame = _Placement(config, shape, shaped)
    landmarks = frame.to_frame(mirror_points(shaped) if shape.mirrored else shaped)
    source, inside = frame.photo_map(photo_offsets(shaped), shape.mirrored)
    toned = toned_photo(tone, rng, closed=shape.mouth_open < CLOSED_BELOW)
    picture = sample(toned, source, cv2.INTER_LANCZOS4, cv2.BORDER_REFLECT_101)
    skin = sample(masks()["skin"], source)
    picture = picture * (1.0 + skin * _grain(rng, inside, config.face_width_px))[..., None]
    picture = picture * _mouth_line(landmarks, shape, inside)[..., None]
    canvas = np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8)
    face = np.zeros((config.size_px[1], config.size_px[0]), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(np.round(landmarks).astype(np.int32)), 1)
    return Identity(canvas, landmarks, face.astype(bool), config.face_width_px / 256.0)


class _Placement:
    """Where the shaped face lies in the frame, and where a canvas pixel lies in the photo."""

    def __init__(self, config: SynthConfig, shape: Shape, points: F64) -> None:
        self.size = np.array(config.size_px, float)
        scale = config.face_width_px / face_width(points * (1.0, shape.height))
        self.scale = np.array([scale, scale * shape.height])
        half_height = self.size[1] / 2 / self.scale[1]
        self.centre = np.array([PHOTO_CENTRE[0], max(PHOTO_CENTRE[1], half_height + 1.0)])

    def to_frame(self, points: F64) -> F64:
        return np.asarray((points - self.centre) * self.scale + (self.size - 1) / 2)

    def photo_map(self, offsets: F64, mirrored: bool) -> tuple[F32, tuple[int, int]]:
        """(Hc, Wc, 2) photo coordinates of every canvas pixel, and (Hc, Wc)."""
        width, height = ((self.size + 2 * MARGIN_PX) * SUPERSAMPLE).astype(int)
        x = np.arange(width) / SUPERSAMPLE - MARGIN_PX - (self.size[0] - 1) / 2
        y = np.arange(height) / SUPERSAMPLE - MARGIN_PX - (self.size[1] - 1) / 2
        x, y = x / self.scale[0] + self.centre[0], y / self.scale[1] + self.centre[1]
        if mirrored:
            x = 2.0 * PHOTO_CENTRE[0] - x
        grid = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
        moved = sample(offsets, grid - PHOTO_CENTRE + WARP_REACH_PX)
        return np.asarray(grid + moved, np.float32), (int(height), int(width))


def _grain(rng: np.random.Generator, size: tuple[int, int], face_px: float) -> F32:
    """(Hc, Wc) relative texture of skin: pores and fine unevenness, band-limited."""
    total = np.zeros(size, np.float32)
    for sigma, depth in ((1.3, 0.016), (3.0 * face_px / 200.0, 0.012)):
        noise = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), sigma)
        total += depth * noise / float(noise.std())
    return total


def _mouth_line(points: F64, shape: Shape, size: tuple[int, int]) -> F32:
    """(Hc, Wc) factor that draws the dark line where lips were brought together."""
    if shape.mouth_open >= CLOSED_BELOW:
        return np.ones(size, np.float32)
    middle = (points[[61, 62, 63]] + points[[67, 66, 65]]) / 2
    line = (np.vstack([points[60], middle, points[64]]) + MARGIN_PX) * SUPERSAMPLE
    unit = face_width(points) * SUPERSAMPLE
    mask = np.zeros(size, np.float32)
    drawn = [np.round(line * 16).astype(np.int32)]
    cv2.polylines(mask, drawn, False, 1.0, max(round(0.008 * unit), 1), cv2.LINE_AA, 4)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.006 * unit))
    return np.asarray(1.0 - 0.6 * mask / float(mask.max()), np.float32)
