"""Gaze shifts: the eyes jump aside, rest there and jump back."""

from __future__ import annotations

import numpy as np

from merkit.synthetic.config import SynthConfig
from merkit.synthetic.curves import through
from merkit.synthetic.plan import PlannedVideo, keyed_rng
from merkit.types import F64

#: seconds; a saccade of a few degrees (Leigh & Zee 2015, The Neurology of Eye Movements)
_SACCADE_S = 0.02, 0.06
#: how far the iris goes in eye widths: aside, and up or down; 0.12 is about 15 degrees
_ASIDE, _UP_OR_DOWN = (0.05, 0.12), (-0.03, 0.03)


def draw_gaze(config: SynthConfig, video: PlannedVideo) -> F64:
    """(T, 2) how far the irises are from rest, right and down in the picture, in eye widths; from
    a random stream of its own."""
    rng, gaze = keyed_rng(config, (*video.key, 6)), np.zeros((video.n_frames, 2))
    for shift in (s for s in video.stretches if s.kind == "gaze"):
        aside, down = rng.uniform(*_ASIDE) * rng.choice([-1.0, 1.0]), rng.uniform(*_UP_OR_DOWN)
        away_s, back_s = rng.uniform(*_SACCADE_S, 2)
        time_s = np.arange(shift.length) / config.fps_hz
        knots = [
            (0.0, 0.0, 0.0),
            (away_s, aside, down),
            (time_s[-1] - back_s, aside, down),
            (time_s[-1], 0.0, 0.0),
        ]
        gaze[shift.first : shift.last + 1] = through(np.array(knots), time_s).T
    return gaze
