"""Spotting in one pass: looks go in, movements come out some seconds later."""

from __future__ import annotations

from array import array
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from merkit.spotting.config import SpotConfig
from merkit.spotting.course import Movement, follow
from merkit.spotting.look import EYE_DISTANCE_PX, Look
from merkit.spotting.motion import UNKNOWN, Motion, motion_between
from merkit.spotting.regions import REGIONS
from merkit.spotting.resolve import resolve
from merkit.spotting.signal import Scale, candidates, long_scale, short_scale
from merkit.types import F32, F64
from merkit.workers import threads

#: Pairs of looks that are compared at a time, so that a fast reader fills no memory.
_MOST_PENDING = 8


class Spotter:
    """Finds the movements of one face in looks that come at a steady rate.

    Whatever is decided about a frame rests on a bounded time around it, so the same movement has
    the same answer in a file, in a part of it, and in a stream. Holds the looks of that time, some
    fifteen seconds.

    Args:
        config: settings.
        rate_hz: looks a second.

    Raises:
        ConfigError: a rate that is not above 0.
    """

    def __init__(self, config: SpotConfig, rate_hz: float) -> None:
        config.step(rate_hz)
        self._config, self._rate_hz = config, rate_hz
        scales = [short_scale(config, rate_hz)]
        scales += [long_scale(lag_s, config, rate_hz) for lag_s in config.long_lags_s]
        self._runs = [_Run(scale, config) for scale in scales]
        self._looks: dict[int, Look | None] = {}
        self._seen = 0  # looks so far
        self._forgotten = 0  # looks before the first that ``motion_px`` is of
        self._block = max(1, round(rate_hz))
        self._reach = max(s.half_course for s in scales)
        self._found: list[Movement] = []  # in reach of what is not decided yet
        self._told = 0  # movements with their apex before this frame were given out

    @property
    def late(self) -> int:
        """A movement is given out so many looks after its apex, at the most."""
        return self._block + max(run.ahead for run in self._runs) + 2 * self._reach

    def push(self, look: Look | None) -> list[Movement]:
        """Take the next look, None where there is no face.

        Returns:
            Movements that are certain now, in order of time. Their places count the looks.
        """
        self._looks[self._seen] = look
        for run in self._runs:
            run.compare(self._looks, self._seen)
        self._seen += 1
        return [] if self._seen % self._block else self._settle(self._seen)

    def finish(self) -> list[Movement]:
        """After the last look: the movements that are left."""
        for run in self._runs:
            run.end(self._looks, self._seen)
        return self._settle(None)

    def motion_px(self) -> F32:
        """(N,R): how far each of ``REGIONS`` moved up to each look within ``config.lag_s``, in
        pixels of the normalised face; NaN where that is not known, or not yet."""
        return self._runs[0].lengths.of(self._forgotten, self._seen)

    def forget(self, n_looks: int) -> None:
        """Leave the first so many looks out of ``motion_px`` from then on."""
        self._forgotten += n_looks
        self._runs[0].lengths.forget(self._forgotten)

    def _settle(self, until: int | None) -> list[Movement]:
        """Decide all frames that enough is known around."""
        for run in self._runs:
            last = self._seen if until is None else until - run.ahead
            self._found += run.decide(last, self._looks)
        decided = min(run.decided for run in self._runs)
        ready = decided if until is None else decided - 2 * self._reach
        kept = resolve(self._found, self._rate_hz, self._config)
        told = [m for m in kept if self._told <= m.apex < ready]
        self._told = max(self._told, ready)
        self._found = [m for m in self._found if m.offset > self._told - 2 * self._reach]
        oldest = min(run.oldest for run in self._runs)
        self._looks = {place: look for place, look in self._looks.items() if place >= oldest}
        return told


class _Run:
    """The motion of one scale, and the frames that were decided by it."""

    def __init__(self, scale: Scale, config: SpotConfig) -> None:
        self._scale, self._config = scale, config
        self._motion: list[Motion | Future[Motion]] = []
        self._first = 0  # frame of the first motion that is kept
        self.lengths = _Lengths()
        self.decided = 0
        self.ahead = max(scale.reach, scale.half_course) + 1

    @property
    def oldest(self) -> int:
        """The oldest look that may still be asked for."""
        return self.decided - self._scale.half_course - self._scale.lag

    def compare(self, looks: dict[int, Look | None], place: int) -> None:
        """The motion of a new look against the one a lag before."""
        waiting = place - _MOST_PENDING - self._first
        if waiting >= 0 and isinstance(pending := self._motion[waiting], Future):
            self._motion[waiting] = pending.result()
        first = 0 if self._scale.still_ends else -1
        self._add(looks.get(max(first, place - self._scale.lag)), looks[place])

    def end(self, looks: dict[int, Look | None], seen: int) -> None:
        """After the last look: where the ends count as still, it is as if it went on."""
        if self._scale.still_ends and seen:
            for place in range(max(0, seen - self._scale.lag), seen):
                self._add(looks[place], looks[seen - 1])

    def _add(self, before: Look | None, now: Look | None) -> None:
        if before is None or now is None:
            self._motion.append(UNKNOWN)
        else:
            self._motion.append(threads().submit(self._measure, before, now))

    def _measure(self, before: Look, now: Look) -> Motion:
        motion = motion_between(before, now, self._config.head)
        worst = self._config.max_misfit_share * EYE_DISTANCE_PX
        return motion if motion.misfit_px <= worst else UNKNOWN

    def decide(self, last: int, looks: dict[int, Look | None]) -> list[Movement]:
        """The movements whose candidates lie before frame ``last`` and were not decided yet."""
        if last <= self.decided:
            return []
        known = [m.result() if isinstance(m, Future) else m for m in self._motion]
        first, end = self.decided - self._first, last - 1 - self._first
        regions = np.stack([motion.regions for motion in known])
        if not self._scale.still_ends:  # of long scales nobody asks for it
            self.lengths.add(self._first, regions)
        turn_px = np.array([motion.turn_px for motion in known])
        near = candidates(regions, turn_px, first, end, self._scale, self._config)
        placed = [replace(c, place=c.place + self._first) for c in near]
        found = [follow(c, looks, self._scale, self._config) for c in placed]
        self.decided = last
        keep = max(0, self.decided - self._scale.reach - self._first)
        self._motion = [*known[keep:]]
        self._first += keep
        return [m for m in found if m is not None]


class _Lengths:
    """How far every region moved, frame after frame: four bytes each."""

    def __init__(self) -> None:
        self._values = array("f")
        self._first = 0

    @property
    def _end(self) -> int:
        return self._first + len(self._values) // len(REGIONS)

    def add(self, first: int, regions: F64) -> None:
        """Keep the motion (T,R,2) of the frames from ``first`` on, but for those kept before."""
        new = regions[self._end - first :]
        self._values.frombytes(np.hypot(new[..., 0], new[..., 1]).astype(np.float32).tobytes())

    def forget(self, before: int) -> None:
        drop = min(before, self._end) - self._first
        del self._values[: drop * len(REGIONS)]
        self._first += drop

    def of(self, first: int, end: int) -> F32:
        """(end - first, R), NaN where it is not known."""
        table = np.full((end - first, len(REGIONS)), np.nan, np.float32)
        known = np.array(self._values, np.float32).reshape(-1, len(REGIONS))
        known = known[max(0, first - self._first) :]
        table[: len(known)] = known
        return table
