"""What happened when: lanes of marks, in rows of time that are short enough to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import get_args

from merkit.inference.analysis import Analysis
from merkit.types import EXPRESSIONS, Event, EventKind, Stretch

#: a row is no longer than this
ROW_S = 60.0


@dataclass(frozen=True)
class Mark:
    """Something from one time to another. ``number``: of an event, see :func:`numbers_of`; 0 for a
    stretch. ``apex_s``: of an event."""

    kind: str
    first_s: float
    last_s: float
    apex_s: float | None = None
    number: int = 0
    reason: str = ""

    @property
    def is_event(self) -> bool:
        return self.number > 0

    @property
    def short(self) -> str:
        """Such as 3 for a micro-expression and M3 for a macro-expression."""
        return f"M{self.number}" if self.kind == "macro" else str(self.number)


@dataclass(frozen=True)
class Lane:
    """Marks of one kind. ``untold``: stretches of which nothing can be told."""

    title: str
    untold: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Row:
    """Some time of a video, with the same lanes as every row of it."""

    first_s: float
    last_s: float
    lanes: tuple[Lane, ...]

    @property
    def marks(self) -> tuple[Mark, ...]:
        return tuple(mark for lane in self.lanes for mark in lane.marks)


def timeline(analysis: Analysis, row_s: float = ROW_S) -> tuple[Row, ...]:
    """The rows of a video: one that ends with it where it is short, else of ``row_s`` each. A mark
    that reaches over the end of a row is in both."""
    length_s = max(analysis.duration_s, 1e-3)
    n_rows = max(1, ceil(length_s / row_s - 1e-6))
    each_s = length_s if n_rows == 1 else row_s
    lanes = _lanes(analysis)
    return tuple(
        Row(
            i * each_s,
            (i + 1) * each_s,
            tuple(_within(lane, i * each_s, (i + 1) * each_s) for lane in lanes),
        )
        for i in range(n_rows)
    )


def numbers_of(events: Sequence[Event]) -> list[int]:
    """The number of each event among those of its kind, from 1, in the order given."""
    so_far: Counter[str] = Counter()
    numbers = []
    for event in events:
        so_far[event.kind] += 1
        numbers.append(so_far[event.kind])
    return numbers


def judged(analysis: Analysis) -> tuple[float, float]:
    """Seconds of a video of which something can be told, and among them those of which nothing can
    be told of the lower face."""
    untold_s, any_s = analysis.untold_s("face"), analysis.untold_s("face", "lower face")
    return max(analysis.duration_s - untold_s, 0.0), max(any_s - untold_s, 0.0)


def _lanes(analysis: Analysis) -> list[Lane]:
    """The lanes of the whole video: expressions, also where there is none; what else there is; and
    what cannot be told."""
    marks: dict[str, list[Mark]] = {kind: [] for kind in get_args(EventKind)}
    for event, number in zip(analysis.events, numbers_of(analysis.events), strict=True):
        marks[event.kind].append(_of_event(event, number))
    lanes = [
        Lane(kind, False, tuple(found))
        for kind, found in marks.items()
        if found or kind in EXPRESSIONS
    ]
    untold: dict[str, list[Mark]] = {}
    for stretch in analysis.stretches:
        untold.setdefault(stretch.title, []).append(_of_stretch(stretch))
    return lanes + [Lane(title, True, tuple(found)) for title, found in untold.items()]


def _of_event(event: Event, number: int) -> Mark:
    return Mark(event.kind, event.onset_s, event.offset_s, event.apex_s, number)


def _of_stretch(stretch: Stretch) -> Mark:
    return Mark(stretch.kind, stretch.start_s, stretch.end_s, reason=stretch.reason)


def _within(lane: Lane, first_s: float, last_s: float) -> Lane:
    inside = [m for m in lane.marks if m.first_s <= last_s and m.last_s >= first_s]
    return replace(lane, marks=tuple(inside))
