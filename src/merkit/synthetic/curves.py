"""Smooth moves from one value to another."""

from __future__ import annotations

import numpy as np

from merkit.types import F64


def smooth_step(x: F64) -> F64:
    """Minimum-jerk rise from 0 to 1 over x in [0, 1] (Flash & Hogan 1985)."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x**2))


def through(knots: F64, time_s: F64) -> F64:
    """(K, T) values at ``time_s`` (T,) of minimum-jerk moves from knot to knot (N, 1 + K: time,
    K values), in order of time."""
    last = np.clip(np.searchsorted(knots[:, 0], time_s, "right") - 1, 0, len(knots) - 2)
    before, after = knots[last], knots[last + 1]
    share = smooth_step((time_s - before[:, 0]) / (after[:, 0] - before[:, 0]))
    return np.asarray(before[:, 1:] + share[:, None] * (after - before)[:, 1:]).T
