"""Closed eyes: in a blink the upper lid comes down over the eye.

The photograph shows next to no lid skin, so the lid is painted: skin mirrored from just below the
eye, shaded as a rounded surface, with a soft crease above and lashes at its edge.
"""

from __future__ import annotations

import numpy as np

from merkit.synthetic.identity import Identity, sample
from merkit.types import F64, U8

#: lengths in eye widths
_ABOVE, _BELOW, _SOFT, _LASHES = 0.08, 0.05, 0.14, 0.03


def with_lids_closed(identity: Identity, closure: float) -> U8:
    """A copy of the person's canvas with both eyes closed, from 0 (open) to 1."""
    canvas = identity.canvas.copy()
    for top, bottom in identity.eyes_px():
        _close_eye(canvas, top, bottom, closure)
    return canvas


def _close_eye(canvas: U8, top: F64, bottom: F64, closure: float) -> None:
    """Paint over one eye: its lids (4, 2), corner to corner; closure 0 open to 1 closed."""
    eye = float(top[-1, 0] - top[0, 0])
    first = np.maximum(np.array([top[0, 0] - 0.15 * eye, top[:, 1].min() - 0.4 * eye]), 0)
    last = np.array([top[-1, 0] + 0.15 * eye, bottom[:, 1].max() + 0.3 * eye])
    (left, above), (right, below) = first.astype(int), last.astype(int)
    x = np.arange(left, right, dtype=float)[None, :]
    y = np.arange(above, below, dtype=float)[:, None]
    taper = _arc(x, top)
    lid = np.interp(x, top[:, 0], top[:, 1]) - _ABOVE * eye * taper
    low = np.interp(x, bottom[:, 0], bottom[:, 1]) + _BELOW * eye * taper
    edge = lid + closure * (low - lid)
    cover = _rise((y - lid) / (_SOFT * eye)) * _rise((edge - y) / (0.15 * _SOFT * eye))
    cover *= np.sqrt(taper) * min(1.0, 4.0 * closure)
    places = np.stack(np.broadcast_arrays(x, low + 0.14 * eye + 0.5 * (edge - y)), axis=-1)
    skin = sample(canvas, places).astype(float) * _roundness(y, lid, edge)[..., None]
    skin *= _shadow(canvas, top, bottom, eye)
    lashes = np.exp(-0.5 * ((y - edge) / (_LASHES * eye)) ** 2) * taper * min(1.0, 3.0 * closure)
    region = canvas[above:below, left:right]
    mixed = region + cover[..., None] * (skin - region)
    mixed *= 1.0 - 0.6 * lashes[..., None]
    region[:] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _shadow(canvas: U8, top: F64, bottom: F64, eye: float) -> float:
    """How much darker the skin over the eye is than the cheek, softened: the socket's shadow."""
    over = sample(canvas, (top[None, 1:3] - np.array([0.0, 0.2 * eye]))).mean()
    under = sample(canvas, (bottom[None, 1:3] + np.array([0.0, 0.2 * eye]))).mean()
    return float(np.clip((over + 1.0) / (under + 1.0), 0.5, 1.0) ** 0.7)


def _roundness(y: F64, lid: F64, edge: F64) -> F64:
    """Darker under the brow and towards the lashes, as on a ball lit from the front."""
    across = np.clip((y - lid) / np.maximum(edge - lid, 1.0), 0.0, 1.0)
    return np.asarray(0.8 + 0.2 * np.sin(np.pi * (0.15 + 0.7 * across)))


def _rise(x: F64) -> F64:
    return np.asarray(np.clip(x + 0.5, 0.0, 1.0))


def _arc(columns: F64, lid: F64) -> F64:
    """0 at the corners of an eye and beyond, 1 in the middle."""
    across = np.clip((columns - lid[0, 0]) / (lid[-1, 0] - lid[0, 0]), 0.0, 1.0)
    return np.asarray(4.0 * across * (1.0 - across))
