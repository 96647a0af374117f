"""Brisk head movements: nod, shake and tilt, each out and back again."""

from __future__ import annotations

import numpy as np

from merkit.synthetic.config import REFERENCE_FACE_PX, SynthConfig
from merkit.synthetic.curves import through
from merkit.synthetic.plan import PlannedVideo, keyed_rng
from merkit.types import F64

#: kind -> knots of (share of the time, share of the amplitude)
TURNS = {
    "nod": ((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)),
    "shake": ((0.0, 0.0), (0.25, 1.0), (0.75, -1.0), (1.0, 0.0)),
    "tilt": ((0.0, 0.0), (0.4, 1.0), (0.6, 1.0), (1.0, 0.0)),
}


def head_turns(config: SynthConfig, video: PlannedVideo) -> F64:
    """(T, 4) as ``Courses.head``, from a random stream of its own. A nod moves the head down, a
    shake to both sides; in a tilt the edges of the jaw move by the amplitude."""
    rng, head = keyed_rng(config, (*video.key, 4)), np.zeros((video.n_frames, 4))
    for turn in (s for s in video.stretches if s.kind in TURNS):
        size_px = rng.uniform(*config.head_turn_px) * (1.0 if rng.random() < 0.5 else -1.0)
        knots = np.array(TURNS[turn.kind]) * (turn.length - 1, 1.0)
        (share,) = through(knots, np.arange(turn.length, dtype=float))
        frames = slice(turn.first, turn.last + 1)
        if turn.kind == "tilt":
            angle = np.degrees(np.arcsin(2.0 * size_px / REFERENCE_FACE_PX))
            head[frames, 2] += angle * share
        else:
            frame_px = size_px * config.face_width_px / REFERENCE_FACE_PX
            # nods go down; shakes begin to either side
            axis, way = (1, abs(frame_px)) if turn.kind == "nod" else (0, frame_px)
            head[frames, axis] += way * share
    return head
