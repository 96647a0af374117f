"""What an estimator does to a flow, imitated in a few products of matrices.

Noise on five scales, more of it beside the face; patches without texture that keep only a part of
their movement; a smooth field in place of a sharp one.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import cv2
import numpy as np
from scipy.special import expit

from merkit.simulate.picture_dials import GeometricNoise
from merkit.types import F32

#: knots along a side of each scale of noise; the last is one a cell
_SCALES = (4, 7, 14, 28)
#: noise of all scales together has about this sd, and the snr is counted against three of them
_SD, _REACH = 2.5, 3.0
#: patches without texture: knots along a side, steepness, and mean of the logistic curve
_PATCHES, _STEEP, _MEAN = 9, 2.5, 1.2


def imitated(
    flow_px: F32,
    amplitude_px: F32,
    mask: np.ndarray,
    dials: GeometricNoise,
    rng: np.random.Generator,
) -> F32:
    """Flows (N,G,G,2) as an estimator might see them.

    Args:
        amplitude_px: (N,) that noise is measured against.
        mask: (G,G) where the face is.
    """
    n, side = flow_px.shape[:2]
    seen = np.moveaxis(flow_px, -1, 1) * _kept(n, side, dials, rng)
    snr = np.exp(dials.snr_log_mean + dials.snr_log_sd * rng.standard_normal(n))
    strength = (dials.strength * amplitude_px / snr / _REACH)[:, None, None, None]
    beside = 1 + dials.background * rng.random((n, 1, 1, 1)) * ~mask
    seen += (strength * beside).astype(np.float32) * _noise(n, side, dials, rng)
    share = rng.uniform(*dials.smooth, (n, 1, 1, 1)).astype(np.float32)
    seen += share * (_smoothed(seen) - seen)
    return np.moveaxis(seen, 1, -1)


def _noise(n: int, side: int, dials: GeometricNoise, rng: np.random.Generator) -> F32:
    """(N,2,G,G)"""
    noise = np.zeros((n, 2, side, side), np.float32)
    for knots in (*_SCALES, side):
        size = np.exp(dials.scale_log_sd * rng.standard_normal((n, 1, 1, 1))) / _SD
        drawn = rng.standard_normal((n, 2, knots, knots), dtype=np.float32)
        noise += _interpolated(drawn * size.astype(np.float32), side)
    return noise


def _kept(n: int, side: int, dials: GeometricNoise, rng: np.random.Generator) -> F32:
    """(N,1,G,G): share of the movement that is seen, 1 where there is texture everywhere."""
    drawn = rng.standard_normal((n, 1, _PATCHES, _PATCHES), dtype=np.float32)
    kept = expit(_STEEP * _interpolated(drawn, side) + _MEAN)
    on = rng.random((n, 1, 1, 1)) < dials.still_chance
    return np.where(on, kept, np.float32(1))


def _smoothed(flow: F32) -> F32:
    """Flows (N,2,G,G) as means of 2 x 2 cells, and lines between them."""
    side = flow.shape[-1]
    planes = flow.reshape(-1, side, side)
    smooth = np.empty_like(planes)
    for plane, out in zip(planes, smooth, strict=True):
        half = cv2.resize(plane, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
        cv2.resize(half, (side, side), dst=out, interpolation=cv2.INTER_LINEAR)
    return smooth.reshape(flow.shape)


def _interpolated(knots: F32, side: int) -> F32:
    """Values (...,K,K) at knots, and lines between them: (...,side,side)."""
    if knots.shape[-1] == side:
        return knots
    between = _between(knots.shape[-1], side)
    return cast(F32, between @ knots @ between.T)


@cache
def _between(knots: int, side: int) -> F32:
    """(side, knots) matrix of linear interpolation from cell centres to cell centres."""
    eye = np.eye(knots, dtype=np.float32)
    return cast(F32, cv2.resize(eye, (knots, side), interpolation=cv2.INTER_LINEAR))
