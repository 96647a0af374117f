"""A picture after a movement: skin carried along by the flow, other light, other noise."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from merkit.simulate.picture_dials import Illumination, SensorNoise
from merkit.types import F32, U8

#: the inverse of a flow of a few pixels is exact to a hundredth of a pixel after three steps
_INVERSE_STEPS = 3
#: width of the shading of folds, as a share of the side
_FOLD_SHARE = 2 / 112
#: the smooth field of gain has so many knots along a side
_KNOTS = 5
#: noise is left uncorrelated below this width
_LEAST_CORRELATION_PX = 0.3


def warp(picture: F32, flow_px: F32) -> F32:
    """The picture (H,W) after its content moved by a flow (H,W,2) in pixels.

    The flow says where each pixel of the first picture goes, so a pixel of the second is read where
    the inverse flow leads; that is found by fixed-point iteration, g(p) = -f(p + g(p)).
    """
    height, width = picture.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    back = -flow_px
    for _ in range(_INVERSE_STEPS):
        back = -_read(flow_px, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR)
    return _read(picture, x + back[..., 0], y + back[..., 1], cv2.INTER_CUBIC)


def relit(picture: F32, flow_px: F32, dials: Illumination, rng: np.random.Generator) -> F32:
    """A picture (H,W) under the light of the second moment, with folds where skin was moved."""
    height, width = picture.shape
    lit = picture * (1 + rng.standard_normal() * dials.gain_sd)
    lit = lit + rng.standard_normal() * dials.offset_sd_levels
    on, strength = rng.random() < dials.field_chance, rng.uniform(*dials.field_gain)
    knots = rng.standard_normal((_KNOTS, _KNOTS)).astype(np.float32)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    lit = lit * (1 + on * strength * field)
    on, strength = rng.random() < dials.shading_chance, rng.standard_normal() * dials.shading_sd
    spread = np.gradient(flow_px[..., 0], axis=1) + np.gradient(flow_px[..., 1], axis=0)
    smooth = cv2.GaussianBlur(spread, (0, 0), _FOLD_SHARE * width)
    shading = np.clip(on * strength * smooth, -dials.shading_limit, dials.shading_limit)
    return cast(F32, (lit * (1 + shading)).astype(np.float32))


def photographed(
    pictures: tuple[F32, F32], side_px: int, dials: SensorNoise, rng: np.random.Generator
) -> tuple[U8, U8]:
    """Both pictures at another size, each with noise of its own from the same sensor."""
    level = rng.uniform(*dials.levels) * rng.choice(dials.exposures)
    width = rng.uniform(*dials.correlation_px)
    first, second = (_noisy(_resized(p, side_px), level, width, rng) for p in pictures)
    return first, second


def upsampled(flow: F32, side_px: int) -> F32:
    """A flow (G,G,2) in shares of the sides as one in pixels of a square picture."""
    large = cv2.resize(flow, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return cast(F32, large * np.float32(side_px))


def _read(image: F32, x: F32, y: F32, how: int) -> F32:
    return cast(F32, cv2.remap(image, x, y, how, borderMode=cv2.BORDER_REPLICATE))


def _resized(picture: F32, side_px: int) -> F32:
    how = cv2.INTER_AREA if side_px <= len(picture) else cv2.INTER_LINEAR
    return cast(F32, cv2.resize(picture, (side_px, side_px), interpolation=how))


def _noisy(picture: F32, level: float, correlation_px: float, rng: np.random.Generator) -> U8:
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    if correlation_px > _LEAST_CORRELATION_PX:
        noise = cast(F32, cv2.GaussianBlur(noise, (0, 0), correlation_px))
        noise /= max(float(noise.std()), 1e-6)
    return np.clip(picture + level * noise, 0, 255).astype(np.uint8)
