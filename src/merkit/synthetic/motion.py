"""Time courses: action-unit intensity, head motion, blinks, flicker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.synthetic.config import REFERENCE_FACE_PX, SynthConfig
from merkit.synthetic.curves import smooth_step
from merkit.synthetic.plan import PlannedStretch, PlannedVideo
from merkit.types import F64

BLINK_DURATION_S = 0.25
#: head rotation and relative scale that go with one pixel of shift at 256 px face width
HEAD_DEG_PER_PX, HEAD_SCALE_PER_PX = 0.15, 0.001
#: the same for the still offset of the head
_POSE_DEG_PER_PX = 0.3


@dataclass(frozen=True, eq=False)
class Courses:
    """Time courses of a video. T frames."""

    time_s: F64  # (T,)
    intensity: tuple[F64, ...]  # for each event (units, T), 0 to 1
    head: F64  # (T, 4) shift x, y in frame pixels, rotation in degrees, log scale
    blink: F64  # (T,) lid closure, 0 to 1
    gain: F64  # (T,) factor of illumination


def draw_courses(config: SynthConfig, video: PlannedVideo, rng: np.random.Generator) -> Courses:
    """Intensities as planned, nuisances at random."""
    n, unit_px = video.n_frames, config.face_width_px / REFERENCE_FACE_PX
    time_s = np.arange(n) / config.fps_hz
    pose = np.zeros(4)
    pose[:3] = rng.uniform(-1, 1, 3) * config.pose_jitter_px * (unit_px, unit_px, _POSE_DEG_PER_PX)
    # skin motion is given at the frame's scale, so are shifts; rotation and scale are not
    head = head_motion(rng, time_s, config.head_motion_px)
    head[:, :2] *= unit_px
    return Courses(
        time_s=time_s,
        intensity=tuple(
            np.stack(
                [intensity_curve(n, e.onset, e.apex, e.offset, u.lag, e.plateau) for u in e.units]
            )
            for e in video.events
        ),
        head=pose + head,
        blink=blink_curve(rng, time_s, config.blink_rate_hz),
        gain=flicker_gain(rng, n, config.flicker),
    )


def intensity_curve(
    n: int, onset: int, apex: int, offset: int, lag: float = 0.0, plateau: int = 0
) -> F64:
    """(n,) intensity: 0 up to ``onset``, 1 at ``apex``, 0 from ``offset`` on (indices).

    ``lag`` delays the start and hastens the end, as a share of rise and decay; 1 is held for
    ``plateau`` frames after the apex.
    """
    t = np.arange(n, dtype=float)
    rise = (t - onset) / max(apex - onset, 1)
    decay = (offset - t) / max(offset - apex - plateau, 1)
    shape = np.where(t <= apex, rise, decay)
    return smooth_step((shape - lag) / (1.0 - lag))


def head_motion(rng: np.random.Generator, time_s: F64, shift_px: float) -> F64:
    """(T, 4) shift x, y in pixels, rotation in degrees, log scale: a few slow sinusoids.

    No shift exceeds ``shift_px`` in length.
    """
    frequency = rng.uniform(0.15, 1.2, (3, 4))
    phase = rng.uniform(0.0, 2.0 * np.pi, (3, 4))
    weight = rng.dirichlet(np.ones(3), 4).T
    angle = 2.0 * np.pi * frequency[None] * time_s[:, None, None] + phase[None]
    wave = (weight[None] * np.sin(angle)).sum(axis=1)
    unit = np.array([np.sqrt(0.5), np.sqrt(0.5), HEAD_DEG_PER_PX, HEAD_SCALE_PER_PX])
    return np.asarray(wave * unit * shift_px)


def blink_curve(rng: np.random.Generator, time_s: F64, rate_hz: float) -> F64:
    """(T,) closure of the lids from 0 to 1; blinks come as a Poisson process."""
    closure = np.zeros(len(time_s))
    start, end = float(time_s[0]) - BLINK_DURATION_S, float(time_s[-1])
    count = int(rng.poisson(rate_hz * (end - start)))
    for begin in rng.uniform(start, end, count):
        x = (time_s - begin) / BLINK_DURATION_S
        closing, opening = smooth_step(x / 0.35), smooth_step((1.0 - x) / 0.55)
        closure = np.maximum(closure, np.minimum(closing, opening))
    return closure


def blinks(closure: F64) -> tuple[PlannedStretch, ...]:
    """The runs of frames in which the lids (``closure``, (T,)) are not at rest."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closure > 0.0, [0]])))
    return tuple(
        PlannedStretch("blink", int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)
    )


def flicker_gain(rng: np.random.Generator, n: int, deviation: float) -> F64:
    """(n,) factor on the illumination of each frame: half beat of the mains, half random."""
    beat = np.sin(rng.uniform(0.5, 2.5) * np.arange(n) + rng.uniform(0.0, 2.0 * np.pi))
    return np.asarray(1.0 + deviation * (beat + np.sqrt(0.5) * rng.standard_normal(n)))
