"""What an estimator makes of the exact motion of regions: less of it, and an error of its own."""

from __future__ import annotations

from typing import cast

import numpy as np

from merkit.simulate.courses import Times
from merkit.simulate.sequence_dials import RegionNoise
from merkit.types import F32

#: parts in which flow is estimated, and gain by region
_PARTS = np.array([0] * 4 + [1] * 4 + [2] * 6 + [3] * 2 + [4, 5])
_GAINS = (*["brow_gain"] * 8, *["mouth_gain"] * 5, "inner_mouth_gain", *["nose_gain"] * 2,
          *["eyelid_gain"] * 2)  # fmt: skip


def as_estimated(exact_px: F32, times: Times, dials: RegionNoise, rng: np.random.Generator) -> F32:
    """Motion (N,T,18,2) of one person's regions as DIS might see it; the first frame stays zero and
    a frame that is read twice is the same."""
    gain = np.array([getattr(dials, name) for name in _GAINS])
    gain = gain + rng.normal(0, dials.gain_sd, gain.shape)
    n, frames = exact_px.shape[:2]
    px = dials.px * np.exp(dials.px_log_sd * rng.standard_normal((n, 1, 1, 1)))
    error = np.sqrt(dials.still_share) * _error(n, 1, dials, rng)
    error = error + np.sqrt(1 - dials.still_share) * _error(n, frames, dials, rng)
    first_read = np.argmax(times.numbers[:, :, None] == times.numbers[:, None], axis=2)
    error = np.take_along_axis(error, first_read[..., None, None], axis=1)
    moved = (times.numbers > 0)[..., None, None]
    return cast(F32, (gain[:, None] * exact_px + moved * px * error).astype(np.float32))


def _error(n: int, frames: int, dials: RegionNoise, rng: np.random.Generator) -> F32:
    """(n,frames,18,2) with sd 1: in common, of a part, of a region."""
    common, part = dials.common_share, dials.part_share
    drawn = [rng.standard_normal((n, frames, k, 2), dtype=np.float32) for k in (1, 6, 18)]
    own = max(0.0, 1 - common - part)
    return cast(
        F32, np.sqrt(common) * drawn[0] + np.sqrt(part) * drawn[1][:, :, _PARTS]
        + np.sqrt(own) * drawn[2],
    )  # fmt: skip
