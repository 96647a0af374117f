"""What was found in one video as tiers: spans of time with a word each, for programs that code
behaviour on time lines (ELAN, Praat).

Times are whole milliseconds, those of the table. Spans of one tier do not overlap, which these
programs ask for: what would overlap stands on a further tier, ``events 2``. What begins and ends
with one frame lasts as long as that. What has no time, which can only be told in a table, is left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import NamedTuple

from merkit.inference.analysis import Analysis
from merkit.types import Event, Stretch

#: tiers that every video has, also where they are empty, so that a coder can add to them
EVENTS, CLASS, UNITS, APEX, EXCLUDED = "events", "class", "action units", "apex", "excluded"
#: what XML and spreadsheets refuse: control characters, halves of surrogate pairs, no characters
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Span(NamedTuple):
    """From when to when, in milliseconds, and what; end after start."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Tier:
    """``kind``: ``events``, ``class``, ``action units``, ``apex`` or ``excluded``; ``spans`` in
    order of time, without overlap."""

    name: str
    kind: str
    spans: tuple[Span, ...]


def tiers_of(analysis: Analysis) -> list[Tier]:
    """The tiers of a video: its movements by kind; the classes of those that have one; the action
    units that are called, as FACS writes them, together and each for itself (``AU12``); the apex,
    for as long as a frame lasts; and the times of which nothing can be told."""
    timed, least_ms = timed_events(analysis), frame_ms(analysis)

    def of_event(event: Event, text: str) -> Span:
        return span(event.onset_s, event.offset_s, text, least_ms)

    tiers = [
        *_tiers(EVENTS, EVENTS, [of_event(e, e.kind) for e in timed]),
        *_tiers(CLASS, CLASS, [of_event(e, e.label) for e in timed if e.label]),
        *_tiers(UNITS, UNITS, [of_event(e, e.action_units) for e in timed if e.action_units]),
    ]
    for number in sorted({unit.number for e in timed for unit in e.units if unit.facs}):
        called = [(e, u.facs) for e in timed for u in e.units if u.number == number and u.facs]
        tiers += _tiers(f"AU{number}", UNITS, [of_event(e, facs) for e, facs in called])
    apexes = [span(e.apex_s, e.apex_s, e.kind, least_ms) for e in timed if isfinite(e.apex_s)]
    stretches = [span(s.start_s, s.end_s, s.title, least_ms) for s in excluded(analysis)]
    return [*tiers, *_tiers(APEX, APEX, apexes), *_tiers(EXCLUDED, EXCLUDED, stretches)]


def excluded(analysis: Analysis) -> list[Stretch]:
    """The stretches that have a time; of a video that showed no face, all of it."""
    timed = [s for s in analysis.stretches if isfinite(s.start_s) and isfinite(s.end_s)]
    if not timed and analysis.readable and analysis.problem and isfinite(analysis.duration_s):
        return [Stretch("no face", 0.0, analysis.duration_s, 0, 0, reason=analysis.problem)]
    return timed


def timed_events(analysis: Analysis) -> list[Event]:
    """The events that begin and end at a known time."""
    return [e for e in analysis.events if isfinite(e.onset_s) and isfinite(e.offset_s)]


def frame_ms(analysis: Analysis) -> int:
    """How long a frame lasts, in milliseconds, by the times and frames of what was found (their
    median, since rates may vary); 1 where they do not tell."""
    lengths = [
        (event.offset_s - event.onset_s) / (event.offset_frame - event.onset_frame)
        for event in timed_events(analysis)
        if event.offset_frame > event.onset_frame
    ]
    return max(1, round(1000 * median(lengths))) if lengths else 1


def milliseconds(time_s: float) -> int:
    """As the table rounds it; what a clock shows before its zero is at zero."""
    return max(0, round(round(time_s, 3) * 1000))


def span(start_s: float, end_s: float, text: str, least_ms: int) -> Span:
    """From one time to another; for ``least_ms`` where both are the same."""
    start_ms, end_ms = milliseconds(start_s), milliseconds(end_s)
    return Span(start_ms, end_ms if end_ms > start_ms else start_ms + least_ms, plain(text))


def plain(text: str) -> str:
    """A text that every file can hold: what cannot be written is a replacement character."""
    return _UNWRITABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def lanes(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans in order of time, each in the first lane that is free; one lane of none."""
    found: list[list[Span]] = [[]]
    for one in sorted(spans):
        free = (lane for lane in found if not lane or lane[-1].end_ms <= one.start_ms)
        lane = next(free, None)
        if lane is None:
            lane = []
            found.append(lane)
        lane.append(one)
    return found


def _tiers(name: str, kind: str, spans: Sequence[Span]) -> Iterator[Tier]:
    for place, lane in enumerate(lanes(spans), 1):
        yield Tier(name if place == 1 else f"{name} {place}", kind, tuple(lane))
