"""How long work tells where it is: a callable; bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

#: seconds between two lines of one stage where standard error is no terminal
LINE_EVERY_S = 10.0
_NEVER = float("inf")


class Progress(Protocol):
    """Told after each unit of work: the stage's name, units done, units in all (0: unknown)."""

    def __call__(self, stage: str, done: float, total: float) -> None: ...


def silent(stage: str, done: float, total: float) -> None:
    """Say nothing."""


class Lines:
    """Plain lines on standard error: a stage's first, one at most every ``LINE_EVERY_S``, its
    last. May be called from any thread."""

    def __init__(self) -> None:
        #: stage -> when and where it began, and when it was told (``_NEVER`` again: its last was)
        self._stages: dict[str, tuple[float, float, float]] = {}
        self._lock = Lock()

    def __call__(self, stage: str, done: float, total: float) -> None:
        if not (done or total):
            return
        with self._lock:
            now = time.monotonic()
            began, first, told = self._stages.get(stage, (now, done, -_NEVER))
            if told == _NEVER and done <= first < total:  # the same stage once more
                began, told = now, -_NEVER
            last = 0 < total <= done
            due = now - told >= LINE_EVERY_S or (last and told < _NEVER)
            told = _NEVER if last else now if due else told
            self._stages[stage] = (began, first, told)
            if due:
                print(_line(stage, done, total, first, now - began), file=sys.stderr, flush=True)


def _line(stage: str, done: float, total: float, first: float, elapsed_s: float) -> str:
    if not total:
        return f"{stage}: {done:g}"
    told = [f"{stage}: {done / total:.0%}", f"{done:g} of {total:g}"]
    if done > first and elapsed_s > 0:
        told.append(_pace((done - first) / elapsed_s))
    if done >= total:
        told.append(f"took {_clock(elapsed_s)}")
    elif done > first:
        told.append(f"{_clock(elapsed_s * (total - done) / (done - first))} left")
    return ", ".join(told)


def _pace(a_second: float) -> str:
    """How many are done in a second or, where that is less than one, how long one takes."""
    return f"{a_second:.3g} a second" if a_second >= 1 else f"{1 / a_second:.3g} s each"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """Bars with pace and time left on standard error; plain lines where that is no terminal."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich import progress as rich
    from rich.console import Console
    from rich.text import Text

    class Pace(rich.ProgressColumn):
        def render(self, task: rich.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(_pace(speed) if speed else "")

    columns = (
        rich.TextColumn("{task.description:<28}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        Pace(),
        rich.TimeElapsedColumn(),
        rich.TextColumn("left"),
        rich.TimeRemainingColumn(),
    )
    tasks: dict[str, rich.TaskID] = {}
    with rich.Progress(*columns, console=Console(stderr=True)) as bars:

        def show(stage: str, done: float, total: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield show
