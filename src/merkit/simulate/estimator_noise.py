"""What an estimator does to a flow, imitated in a few products of matrices.

Noise on five scales, more of it beside the face; patches without texture that keep only a part of
their movement; a smooth field in place of a sharp one.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import cv2
import numpy as np

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
    noise = _noise(n, side, dials, rng)
    snr = np.exp(dials.snr_log_mean + dials.snr_log_sd * rng.standard_normal(n))
    strength = dials.strength * amplitude_px / snr / _REACH
    beside = dials.background * rng.random((n, 1, 1)) * ~mask
    noise *= (strength[:, None, None] * (1 + beside))[..., None].astype(np.float32)
    seen = flow_px * _kept(n, side, dials, rng)[..., None] + noise
    share = rng.uniform(*dials.smooth, (n, 1, 1, 1)).astype(np.float32)
    return seen + share * (_smoothed(seen) - seen)


def _noise(n: int, side: int, dials: GeometricNoise, rng: np.random.Generator) -> F32:
    """(N,G,G,2)"""
    noise = np.zeros((n, 2, side, side), np.float32)
    for knots in (*_SCALES, side):
        drawn = _knots((n, 2), knots, side, rng)
        size = np.exp(dials.scale_log_sd * rng.standard_normal((n, 1, 1, 1)))
        noise += size.astype(np.float32) * drawn
    return np.moveaxis(noise / np.float32(_SD), 1, -1)


def _kept(n: int, side: int, dials: GeometricNoise, rng: np.random.Generator) -> F32:
    """(N,G,G): share of the movement that is seen, 1 where there is texture everywhere."""
    texture = _knots((n,), _PATCHES, side, rng)
    kept = 1 / (1 + np.exp(-(_STEEP * texture + _MEAN)))
    on = rng.random((n, 1, 1)) < dials.still_chance
    return np.where(on, kept, 1).astype(np.float32)


def _smoothed(flow: F32) -> F32:
    """Means of 2 x 2 cells, and lines between them."""
    n, side = flow.shape[:2]
    half = flow.reshape(n, side // 2, 2, side // 2, 2, 2).mean((2, 4))
    between = _between(side // 2, side)
    rows = np.einsum("ab,nbcd->nacd", between, half, optimize=True)
    return cast(F32, np.einsum("ab,ncbd->ncad", between, rows, optimize=True))


def _knots(shape: tuple[int, ...], knots: int, side: int, rng: np.random.Generator) -> F32:
    """Normal draws at knots x knots places, and lines between them: (*shape, side, side)."""
    drawn = rng.standard_normal((*shape, knots, knots), dtype=np.float32)
    if knots == side:
        return drawn
    between = _between(knots, side)
    return cast(F32, between @ drawn @ between.T)


@cache
def _between(knots: int, side: int) -> F32:
    """(side, knots) matrix of linear interpolation from cell centres to cell centres."""
    eye = np.eye(knots, dtype=np.float32)
    return cast(F32, cv2.resize(eye, (knots, side), interpolation=cv2.INTER_LINEAR))
