"""How long work tells where it is: a callable, and a bar with time left on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told after each unit of work: the stage's name, units done, units in all (0: unknown)."""

    def __call__(self, stage: str, done: float, total: float) -> None: ...


def silent(stage: str, done: float, total: float) -> None:
    """Say nothing."""


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """Bars with time left on standard error; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description:<28}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
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
