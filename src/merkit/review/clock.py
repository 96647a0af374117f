"""A video's own clock: which frame is shown when, also where the frame rate varies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from merkit.errors import ConfigError, StoreError
from merkit.files import atomic_file
from merkit.types import F64, I64

if TYPE_CHECKING:
    from merkit.spotting.tracked import TrackedVideo

_NAMES = ("numbers", "time_s", "last_frame")


@dataclass(frozen=True, eq=False)
class Clock:
    """Times in seconds of N known frames, both rising. Between known frames it is interpolated,
    behind the last one the rate of the last two goes on up to ``last_frame``.

    Raises:
        ConfigError: no frame, not as many times, or not rising.
    """

    numbers: I64  # (N,)
    time_s: F64  # (N,)
    last_frame: int

    def __post_init__(self) -> None:
        numbers, times = self.numbers, self.time_s
        rising = bool((np.diff(numbers) > 0).all() and (np.diff(times) > 0).all())
        whole = numbers.ndim == 1 and numbers.shape == times.shape and len(numbers) > 0
        if not (whole and rising and np.isfinite(times).all() and self.last_frame >= numbers[-1]):
            raise ConfigError(
                f"a clock of {numbers.shape} frames and {times.shape} times",
                "frame numbers and as many times, both rising, up to the last frame",
            )

    @classmethod
    def of(cls, seen: TrackedVideo) -> Clock:
        """The clock of a video as one pass saw it, whatever its frame rate does."""
        numbers = np.asarray(seen.numbers, np.int64)
        step = int(np.median(np.diff(numbers))) if len(numbers) > 1 else 1
        told = int(numbers[0]) + (seen.info.n_frames or 0) - 1  # of the header: may be too many
        last = min(max(told, int(numbers[-1])), int(numbers[-1]) + step - 1)
        return cls(numbers, np.asarray(seen.time_s, np.float64), last)

    @classmethod
    def constant(cls, fps_hz: float, n_frames: int, first_frame: int = 0) -> Clock:
        """The clock of so many frames at a constant rate, from 0 s on.

        Raises:
            ConfigError: no frames, or no rate above 0.
        """
        if not (0 < fps_hz < np.inf and n_frames > 0):
            raise ConfigError(f"{n_frames} frames at {fps_hz} Hz", "both above 0")
        numbers = np.unique([first_frame, first_frame + n_frames - 1])
        if n_frames == 1:  # one frame has no rate that two could tell
            return cls(numbers, np.zeros(1), first_frame)
        return cls(numbers, (numbers - first_frame) / fps_hz, int(numbers[-1]))

    @property
    def first_frame(self) -> int:
        return int(self.numbers[0])

    @property
    def fps_hz(self) -> float:
        """Mean frame rate; NaN of a single frame."""
        if len(self.numbers) < 2:
            return float("nan")
        return float((self.numbers[-1] - self.numbers[0]) / (self.time_s[-1] - self.time_s[0]))

    def holds(self, frame: int) -> bool:
        """Whether the video has this frame."""
        return self.first_frame <= frame <= self.last_frame

    def time_at(self, frame: int) -> float:
        """Seconds by the video's own clock at which a frame is shown.

        Raises:
            ConfigError: the video has no such frame.
        """
        if not self.holds(frame):
            raise ConfigError(
                f"frame {frame}", f"a frame of the video, {self.first_frame} to {self.last_frame}"
            )
        behind = frame - int(self.numbers[-1])
        if behind > 0 and len(self.numbers) > 1:
            frames, seconds = np.diff(self.numbers[-2:]), np.diff(self.time_s[-2:])
            return float(self.time_s[-1] + behind * (seconds / frames)[0])
        place = int(np.searchsorted(self.numbers, frame, side="right"))
        near = slice(place - 1, place + 1)  # an hour has too many to look at all of them
        return float(np.interp(frame, self.numbers[near], self.time_s[near]))

    def frame_at(self, time_s: float) -> int:
        """The frame that is nearest in time; the first or last beyond them."""
        numbers, times = self.numbers.astype(float), self.time_s
        if self.last_frame > numbers[-1]:
            numbers = np.append(numbers, self.last_frame)
            times = np.append(times, self.time_at(self.last_frame))
        return round(float(np.interp(time_s, times, numbers)))


def save_clock(path: Path, clock: Clock) -> None:
    """Write a clock, whole or not at all.

    Raises:
        ConfigError: nothing can be written there.
    """
    values = (clock.numbers, clock.time_s, np.array(clock.last_frame))
    with atomic_file(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **dict(zip(_NAMES, values, strict=True)))


def load_clock(path: Path) -> Clock:
    """A clock as it was saved.

    Raises:
        StoreError: not there, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            numbers, times, last = (file[name] for name in _NAMES)
        return Clock(numbers.astype(np.int64), times.astype(np.float64), int(last))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, ConfigError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}", "the clock of an analysed video", "analyse it again"
        ) from None
