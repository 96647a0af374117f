"""Courses in time: of the units of an expression, of what else moves, and of the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from merkit.simulate.dials import Dials
from merkit.simulate.picture_dials import Pair
from merkit.types import F32, F64, I64

#: so many sinusoids make the motion of a head
_WAVES = 3


@dataclass(frozen=True, eq=False)
class Times:
    """When the frames of N clips were taken. ``numbers``: (N,T) of the frames, the first is 0;
    ``time_s``: (N,T) after the onset of the expression; ``duration_s``: (N,) of the expression;
    ``fps_hz``: (N,)."""

    numbers: I64
    time_s: F64
    duration_s: F64
    fps_hz: F64


def draw_times(n: int, frames: int, dials: Dials, rng: np.random.Generator) -> Times:
    """Frames spread over each clip as ``sampling=linspace`` of a recipe does, some of them read
    twice where the clip has fewer."""
    duration = rng.uniform(*dials.courses.duration_s, n)
    fps = rng.choice(dials.clip.fps_hz, n)
    first, last = rng.normal(0, dials.clip.ends_sd_share, (2, n)) * duration
    length = np.maximum(duration + last - first, 1 / fps)
    numbers = np.round(np.linspace(0, 1, frames) * np.rint(length * fps)[:, None]).astype(np.int64)
    return Times(numbers, first[:, None] + numbers / fps[:, None], duration, fps)


def unit_courses(times: Times, units: int, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,A,T) share of its height that each unit has in each frame."""
    chosen, n = dials.courses, len(times.duration_s)
    rise = rng.uniform(*chosen.rise, (n, 1)) + rng.normal(0, chosen.apex_sd_share, (n, units))
    hold = rng.uniform(*chosen.hold, (n, 1))
    late, early = rng.uniform(*chosen.lag, (2, n, units))
    powers = np.exp(chosen.power_log_sd * rng.standard_normal((2, n, 1, 1)))
    on = rng.random((n, 1, 1)) < chosen.left_chance
    left = on * rng.uniform(*chosen.left, (n, 1, 1))
    share = (times.time_s / times.duration_s[:, None])[:, None]
    rising = (share - late[..., None]) / np.maximum(rise - late, 0.05)[..., None]
    falling = (1 - early[..., None] - share) / np.maximum(1 - early - rise - hold, 0.05)[..., None]
    fallen = left + (1 - left) * raised(falling) ** powers[1]
    risen = raised(rising) ** powers[0]
    return cast(F32, np.minimum(risen, fallen).astype(np.float32))


def blink_courses(times: Times, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,T) share of its height; lids close twice as fast as they open."""
    takes = rng.uniform(*dials.aside.blink_s, (len(times.time_s), 1))
    share = (times.time_s - _moments(times, takes, rng)) / takes
    return np.minimum(raised(share * 3), raised((1 - share) * 1.5)).astype(np.float32)


def gaze_courses(times: Times, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,T) share of its height: there, and it stays."""
    takes = rng.uniform(*dials.aside.gaze_s, (len(times.time_s), 1))
    return raised((times.time_s - _moments(times, takes, rng)) / takes).astype(np.float32)


def talk_courses(times: Times, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,T) share of its height."""
    return _wave(times, dials.aside.talk_hz, (), rng)


def head_courses(times: Times, motions: int, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,T,motions) with sd 1."""
    waves = _wave(times, dials.aside.head_hz, (motions, _WAVES), rng)
    return cast(F32, waves.sum(-1) * np.float32(np.sqrt(2 / _WAVES)))


def raised(share: F64) -> F64:
    """From 0 to 1 by a cosine while ``share`` goes from 0 to 1."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))


def _moments(times: Times, takes_s: F64, rng: np.random.Generator) -> F64:
    """(N,1) when something begins that takes so long and is seen at least in part."""
    first, last = times.time_s[:, :1] - takes_s, times.time_s[:, -1:]
    return first + rng.random(first.shape) * (last - first)


def _wave(times: Times, hz: Pair, more: tuple[int, ...], rng: np.random.Generator) -> F32:
    """(N,T,*more) sinusoids, each with its frequency and phase."""
    n, frames = times.time_s.shape
    shape = (n, 1, *more)
    angle = rng.uniform(*hz, shape) * times.time_s.reshape(n, frames, *[1] * len(more))
    return np.sin(2 * np.pi * (angle + rng.random(shape))).astype(np.float32)
