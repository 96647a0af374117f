"""Talk: how far the mouth is open, and how the lips are shaped, syllable by syllable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.synthetic.config import REFERENCE_FACE_PX, SynthConfig
from merkit.synthetic.curves import through
from merkit.synthetic.plan import PlannedVideo, keyed_rng
from merkit.types import F64

#: seconds; 3 to 6 syllables a second
_SYLLABLE_S, _PAUSE_S = (1 / 6, 1 / 3), (0.12, 0.35)
_PAUSE_AFTER = 0.15
#: share of a syllable's opening that is left before the next one
_LEFT_OPEN = 0.4


@dataclass(frozen=True, eq=False)
class Talk:
    """Time courses of T frames; 0 outside the stretches of talk."""

    opening_px: F64  # (T,) distance between the lips beyond that at rest, frame pixels
    lips: F64  # (T,) lips drawn together (-1, as action unit 18) to drawn apart (1, as 20)


def draw_talk(config: SynthConfig, video: PlannedVideo) -> Talk:
    """The talk of a recording, from a random stream of its own."""
    rng = keyed_rng(config, (*video.key, 3))
    opening, lips = np.zeros(video.n_frames), np.zeros(video.n_frames)
    for stretch in (s for s in video.stretches if s.kind == "talk"):
        frames = slice(stretch.first, stretch.last + 1)
        time_s = np.arange(stretch.last - stretch.first + 1) / config.fps_hz
        opening[frames], lips[frames] = _syllables(rng, time_s, config.talk_opening_px)
    return Talk(opening * config.face_width_px / REFERENCE_FACE_PX, lips)


def _syllables(rng: np.random.Generator, time_s: F64, opening: tuple[float, float]) -> F64:
    """(2, T) jaw and lips over one stretch, both at rest at its ends."""
    knots = [(0.0, 0.0, 0.0)]
    while (begin := knots[-1][0]) + _SYLLABLE_S[1] <= time_s[-1]:
        length, peak = rng.uniform(*_SYLLABLE_S), rng.uniform(*opening)
        lips, left = rng.uniform(-1.0, 1.0), rng.uniform(0.0, _LEFT_OPEN) * peak
        knots.append((begin + 0.45 * length, peak, lips))
        if rng.random() < _PAUSE_AFTER:
            knots.append((begin + length, 0.0, 0.0))
            length += rng.uniform(*_PAUSE_S)
            left = 0.0
        knots.append((begin + length, left, 0.5 * lips if left else 0.0))
    knots = [knot for knot in knots if knot[0] < time_s[-1]] + [(float(time_s[-1]), 0.0, 0.0)]
    return through(np.array(knots), time_s)
