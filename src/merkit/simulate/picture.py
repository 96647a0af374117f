"""A grey picture of a posed face: skin, brows, lips, lids and nostrils painted on the mesh, lit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit

from merkit.simulate.face_model import LEFT_EYE, RIGHT_EYE, FaceModel
from merkit.simulate.picture_dials import Mark, Picture
from merkit.simulate.pose import Crop, PosedFace
from merkit.simulate.view import fill, visible
from merkit.types import F32

#: lines of landmarks (68-point scheme), and how far above them (eye distances) the part lies:
#: brows are annotated at their lower edge, lips at the border of their red
_LINES = {
    "brows": [([*range(17, 22)], 0.04), ([*range(22, 27)], 0.04)],
    "lips": [([*range(48, 55)], -0.04), ([*range(54, 60), 48], 0.045)],
    "mouth_line": [([48, 60, 61, 62, 63, 64, 54], 0.0)],
    "lids": [([*range(36, 42), 36], 0.0), ([*range(42, 48), 42], 0.0)],
    "nostrils": [([32], -0.015), ([34], -0.015)],
}
#: hair begins this far above the eyes, and is full so much higher (eye distances)
_HAIRLINE_EYES, _HAIR_EYES = 0.78, 0.31
#: cells farther from skin than this share of the side are background
_BACKGROUND_SHARE = 4 / 56
#: steps between two landmarks of a line
_STEPS = 12
#: places of polygons are given to OpenCV in eighths of a pixel
_EIGHTHS = 3


@dataclass(frozen=True, eq=False)
class Marks:
    """Of each dense point of a face model: ``distance`` to the line of each mark in eye distances,
    and how much ``hair`` it bears, 0 to 1."""

    distance: dict[str, F32]
    hair: F32


def paint(face: PosedFace, crop: Crop, dials: Picture, rng: np.random.Generator) -> F32:
    """A picture (side, side) in grey levels, 0 to 255, of a face in a crop."""
    side = dials.side_px
    seen, cells = visible(face, crop, side)
    light = _albedo(marks_of(face.model), dials, rng) * _shade(face, dials, rng)
    count = np.bincount(cells, minlength=side * side)
    mean = np.bincount(cells, light[seen], side * side) / np.maximum(count, 1)
    nearest, distance = fill((count > 0).reshape(side, side))
    picture = mean[nearest].reshape(side, side).astype(np.float32)
    for eye in (RIGHT_EYE, LEFT_EYE):
        picture = _with_eye(picture, face, crop, eye, dials, rng)
    background = rng.uniform(*dials.background)
    picture = np.where(distance > _BACKGROUND_SHARE * side, background, picture)
    return _photographed(picture.astype(np.float32), dials, rng)


@lru_cache(maxsize=4)
def marks_of(model: FaceModel) -> Marks:
    """Where on the mean face the marks are; people bear them on the same vertices."""
    face = PosedFace.turned(model, model.neutral)
    scale = face.eye_distance
    points = (model.densify @ model.neutral) / scale
    landmarks = model.neutral[model.landmarks] / scale
    distance = {}
    for name, lines in _LINES.items():
        drawn = [
            _line(landmarks[numbers] + np.array([0, up, 0], np.float32)) for numbers, up in lines
        ]
        distance[name] = cKDTree(np.concatenate(drawn)).query(points)[0].astype(np.float32)
    eyes = landmarks[36:48, 1].mean()
    hair = np.clip((points[:, 1] - eyes - _HAIRLINE_EYES) / _HAIR_EYES, 0, 1)
    return Marks(distance, hair.astype(np.float32))


def _line(corners: F32) -> F32:
    if len(corners) == 1:
        return corners
    share = np.linspace(0, 1, _STEPS, dtype=np.float32)[:, None, None]
    between = corners[:-1] * (1 - share) + corners[1:] * share
    return between.reshape(-1, 3)


def _albedo(marks: Marks, dials: Picture, rng: np.random.Generator) -> F32:
    """(P,) how light the skin is painted, 1 without marks."""
    albedo = 1 - rng.uniform(*dials.hair_darkness) * marks.hair
    for name, distance in marks.distance.items():
        mark: Mark = getattr(dials, name)
        darkness, reach = rng.uniform(*mark.darkness), rng.uniform(*mark.reach_eyes)
        albedo = albedo * (1 - darkness * expit((reach - distance) / mark.edge_eyes))
    return cast(F32, albedo)


def _shade(face: PosedFace, dials: Picture, rng: np.random.Generator) -> F32:
    """(P,) light on the skin: ambient, and from one side."""
    towards = np.array(
        [rng.standard_normal() * dials.light_x_sd, -rng.uniform(*dials.light_y), dials.light_z]
    )
    lit = np.clip(face.normals @ (towards / np.linalg.norm(towards)).astype(np.float32), 0, 1)
    shade: F32 = rng.uniform(*dials.ambient) + rng.uniform(*dials.diffuse) * lit
    return shade


def _with_eye(
    picture: F32, face: PosedFace, crop: Crop, eye: slice, dials: Picture, rng: np.random.Generator
) -> F32:
    """The picture with white and iris in the opening of an eye."""
    side = len(picture)
    corners = crop.shares(face.landmarks[eye]) * side - 0.5
    per_eye = side * face.eye_distance / crop.size
    opening, iris = np.zeros((2, side, side), np.uint8)
    cv2.fillPoly(opening, [_eighths(corners)], 255, shift=_EIGHTHS)
    centre = corners.mean(0) + rng.standard_normal(2) * dials.gaze_sd_eyes * per_eye
    axes = _eighths(dials.iris_eyes * per_eye)
    cv2.ellipse(iris, _pair(_eighths(centre)), _pair(axes), 0, 0, 360, 255, -1, shift=_EIGHTHS)
    light = rng.uniform(*dials.sclera) * rng.uniform(*dials.eye_shade)
    painted = light * np.where(iris > 0, 1 - dials.iris_darkness, 1)
    return np.where(opening > 0, painted, picture).astype(np.float32)


def _eighths(pixels: F32) -> np.ndarray:
    return cast(np.ndarray, np.round(pixels * 2**_EIGHTHS).astype(np.int32))


def _pair(numbers: np.ndarray) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[1])


def _photographed(picture: F32, dials: Picture, rng: np.random.Generator) -> F32:
    """Blurred, with the grain of skin, exposed so that the lightest skin has its grey level."""
    blurred = cv2.GaussianBlur(picture, (0, 0), rng.uniform(*dials.blur_px))
    grains = dials.coarse_grain, dials.middle_grain, dials.fine_grain
    lit = np.ones_like(picture)
    for strength, exponent in zip(grains, dials.grain_exponents, strict=True):
        lit += np.float32(rng.uniform(*strength)) * fractal(len(picture), exponent, rng)
    lit *= blurred
    white = rng.uniform(*dials.white_levels) / max(float(np.percentile(lit, 97)), 1e-3)
    return cast(F32, np.clip(lit * np.float32(white), 0, 255))


def fractal(side: int, exponent: float, rng: np.random.Generator) -> F32:
    """Noise (side, side) with mean 0 and sd 1 whose amplitude falls as frequency to minus
    ``exponent``."""
    squared = np.fft.fftfreq(side)[:, None] ** 2 + np.fft.rfftfreq(side)[None] ** 2
    squared[0, 0] = 1
    real, imaginary = rng.standard_normal((2, *squared.shape))
    spectrum = (real + 1j * imaginary) * squared ** (-exponent / 2)
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return cast(F32, (noise / noise.std()).astype(np.float32))
