"""Medians where some values are not known."""

from __future__ import annotations

import numpy as np

from merkit.types import F64


def median_of_known(values: F64) -> F64:
    """Median over the last axis without NaN; NaN where all is. Several times as fast as NumPy's."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    ordered = np.sort(np.where(known, values, np.inf), axis=-1)
    low = np.maximum((count - 1) // 2, 0)[..., None]
    high = np.minimum(count // 2, values.shape[-1] - 1)[..., None]
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.asarray(np.where(count > 0, middle[..., 0] / 2, np.nan))
