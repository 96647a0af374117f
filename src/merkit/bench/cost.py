"""What a way of doing something costs, measured in a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from merkit.bench.machine import peak_bytes, started_by
from merkit.workers import in_a_process

R = TypeVar("R")

#: between two looks at what the workers of a process hold
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Cost:
    """``seconds`` by the clock; ``cpu_seconds`` of all threads and workers together. ``peak``: the
    most bytes that the process held, and each of its workers, added up; None where the system does
    not say."""

    seconds: float
    cpu_seconds: float
    peak: int | None

    def against(self, plain: Cost) -> str:
        """How much faster this way is than the conventional one."""
        return (
            f"{plain.seconds / self.seconds:.2f} times as fast "
            f"({plain.cpu_seconds / self.cpu_seconds:.2f} by processor time)"
        )

    @property
    def memory(self) -> str:
        """The peak, for the terminal."""
        return "memory not known" if self.peak is None else f"{self.peak / 1e6:.0f} MB"


def measured(way: Callable[..., Callable[[], R]], *given: Any) -> tuple[R, Cost]:
    """What a way gives and costs, in a process of its own, so that its memory is its own.

    Args:
        way: a function of a module. It makes ready (imports, models, a first call) and returns the
            work, which alone is timed; memory is that of both.
        given: its arguments.
    """
    return in_a_process(_measured, way, given)


def _measured(way: Callable[..., Callable[[], R]], given: tuple[Any, ...]) -> tuple[R, Cost]:
    work = way(*given)
    with _watched_workers() as held:
        cpu_s, started_s = _cpu_s(), time.perf_counter()
        made = work()
        seconds, cpu_seconds = time.perf_counter() - started_s, _cpu_s() - cpu_s
    own = peak_bytes()
    return made, Cost(seconds, cpu_seconds, None if own is None else own + sum(held.values()))


def _cpu_s() -> float:
    """Processor seconds of this process, and of its workers that have ended."""
    return time.process_time() + sum(os.times()[2:4])


@contextmanager
def _watched_workers() -> Iterator[dict[int, int]]:
    """The peak of each process that this one starts meanwhile; known when the block ends."""
    held: dict[int, int] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY_S):
            for pid in started_by(os.getpid()):
                held[pid] = max(held.get(pid, 0), peak_bytes(pid) or 0)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield held
    finally:
        done.set()
        watcher.join()
