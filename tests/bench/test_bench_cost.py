"""Seconds, processor time and memory of a way, against what it is known to take."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from merkit.bench.cost import Cost, measured
from merkit.errors import ConfigError
from merkit.workers import run_jobs

MB = 1_000_000


def holding(bytes_held: int) -> Callable[[], int]:
    """Holds memory and sleeps."""

    def work() -> int:
        held = np.ones(bytes_held, np.uint8)
        time.sleep(0.3)
        return int(held.sum(dtype=np.int64))

    return work


def spinning(cpu_s: float) -> Callable[[], None]:
    """Keeps a processor busy; what is done before the work is not part of it."""
    _spin(0.5)
    return lambda: _spin(cpu_s)


def with_workers(bytes_held: int) -> Callable[[], list[int]]:
    return lambda: list(run_jobs(_hold_and_spin, [bytes_held] * 2, 2))


def refusing() -> Callable[[], None]:
    raise ConfigError("nothing", "something")


def _hold_and_spin(bytes_held: int) -> int:
    held = np.ones(bytes_held, np.uint8)
    _spin(0.2)
    time.sleep(0.4)
    return len(held)


def _spin(cpu_s: float) -> None:
    begun = time.process_time()
    while time.process_time() - begun < cpu_s:
        pass


def test_memory_is_that_of_the_way_alone() -> None:
    held_here = np.ones(600 * MB, np.uint8)
    made, small = measured(holding, 1000)
    assert made == 1000
    assert len(held_here) == 600 * MB
    assert small.seconds >= 0.3
    assert small.cpu_seconds < 0.15
    _, large = measured(holding, 300 * MB)
    assert small.peak is not None
    assert large.peak is not None
    assert small.peak < 400 * MB
    assert 250 * MB < large.peak - small.peak < 350 * MB


def test_processor_time_is_that_of_the_work_alone() -> None:
    _, cost = measured(spinning, 0.2)
    assert 0.2 <= cost.cpu_seconds < 0.5


def test_workers_are_counted() -> None:
    made, cost = measured(with_workers, 200 * MB)
    assert made == [200 * MB] * 2
    assert cost.cpu_seconds >= 0.4
    assert cost.peak is not None
    assert cost.peak > 400 * MB


def test_an_error_of_the_way_is_raised_here() -> None:
    with pytest.raises(ConfigError, match="nothing"):
        measured(refusing)


def test_words_by_hand() -> None:
    plain, ours = Cost(8.0, 6.0, None), Cost(2.0, 4.0, 123_400_000)
    assert ours.against(plain) == "4.00 times as fast (1.50 by processor time)"
    assert ours.memory == "123 MB"
    assert plain.memory == "memory not known"
