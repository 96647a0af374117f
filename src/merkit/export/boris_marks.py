"""What was found in videos as BORIS codes it: observations, subjects, states and points.

A state is two marks, begin and end, of equal subject, behaviour and modifiers; a point is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import get_args

from merkit.errors import MerkitError
from merkit.export.exporter import video_name
from merkit.export.tiers import (
    Span,
    excluded,
    frame_ms,
    lanes,
    milliseconds,
    plain,
    span,
    timed_events,
)
from merkit.inference.analysis import Analysis
from merkit.types import EXPRESSIONS, Event, FacePart, Stretch, StretchKind, VideoInfo
from merkit.video import probe

APEX, EXCLUDED = "apex", "excluded"
#: behaviour -> the key that codes it in BORIS
KEYS = {
    "micro": "m",
    "macro": "c",
    "blink": "b",
    "gaze shift": "g",
    "speech": "s",
    "head movement": "h",
    APEX: "x",
    EXCLUDED: "e",
}
#: what BORIS writes where a set of modifiers has none
_NO_MODIFIER = "None"
#: signs that part modifiers from each other and from their keys
_SIGNS = str.maketrans({"(": "[", ")": "]", "|": "/", ",": ";", "~": "-", "`": "'", "\n": " "})


@dataclass(frozen=True)
class ModifierSet:
    """What a coder chooses from, for a behaviour: one of the values, or ``several``."""

    name: str
    values: tuple[str, ...]
    several: bool = False


@dataclass(frozen=True)
class Mark:
    """A row of an observation. ``status``: START, STOP or POINT."""

    time_s: float
    subject: str
    code: str
    modifiers: tuple[str, ...]
    comment: str
    frame: int
    status: str


@dataclass(frozen=True)
class Observation:
    """One video: its marks in order of time, and what the container says of it; None where it is a
    folder of images or could not be opened, for which BORIS has no player."""

    name: str
    analysis: Analysis
    info: VideoInfo | None
    marks: tuple[Mark, ...]

    @property
    def length_s(self) -> float:
        """Of the video, or as far as something was found in it."""
        header = self.info.duration_s if self.info and self.info.duration_s else 0.0
        said = self.analysis.duration_s
        ends = (mark.time_s for mark in self.marks)
        return max([header or (said if isfinite(said) else 0.0), *ends])


def observations_of(analyses: Sequence[Analysis], classes: Sequence[str]) -> list[Observation]:
    """The observations of videos, named after them, in their order."""
    sets = modifier_sets(analyses, classes)
    found: dict[str, Observation] = {}
    for analysis in analyses:
        own = one_line(video_name(analysis.video)) or "video"
        names = (own, *(f"{own} {place}" for place in range(2, len(analyses) + 1)))
        name = next(name for name in names if name not in found)
        found[name] = Observation(name, analysis, _info(analysis), _marks(analysis, sets))
    return list(found.values())


def modifier_sets(
    analyses: Sequence[Analysis], classes: Sequence[str]
) -> dict[str, tuple[ModifierSet, ...]]:
    """The sets of each behaviour; one of which nothing could be chosen is left out."""
    events = [event for analysis in analyses for event in analysis.events]
    labels = [*classes, *(event.label for event in events if event.label)]
    units = {n for a in analyses for n in a.units} | {u.number for e in events for u in e.units}
    sides = [f"{side}{number}" for number in sorted(units) for side in ("", "L", "R")]
    sets = (
        ModifierSet("class", tuple(dict.fromkeys(map(_modifier, labels)))),
        ModifierSet("action units", tuple(sides), several=True),
    )
    named = tuple(one for one in sets if one.values)
    why = (ModifierSet("reason", get_args(StretchKind)), ModifierSet("part", get_args(FacePart)))
    return {
        code: named if code in EXPRESSIONS else why if code == EXCLUDED else () for code in KEYS
    }


def _modifier(word: str) -> str:
    return plain(word).translate(_SIGNS).strip() or "?"


def _info(analysis: Analysis) -> VideoInfo | None:
    if analysis.video.is_dir():
        return None
    try:
        return probe(analysis.video)
    except MerkitError:  # it may have been moved since it was analysed
        return None


def _marks(analysis: Analysis, sets: Mapping[str, Sequence[ModifierSet]]) -> tuple[Mark, ...]:
    """In BORIS a begin belongs to the next end of the same subject, behaviour and modifiers. What
    overlaps its like is therefore of a further subject, ``face 0 overlap 2``."""
    least_ms = frame_ms(analysis)
    things: list[Event | Stretch] = [*timed_events(analysis), *excluded(analysis)]
    alike: dict[tuple[str, tuple[str, ...]], list[tuple[Span, Event | Stretch]]] = {}
    for thing in things:
        code = thing.kind if isinstance(thing, Event) else EXCLUDED
        spoken = _spoken(thing)
        modifiers = tuple(spoken.get(one.name, _NO_MODIFIER) for one in sets[code])
        alike.setdefault((code, modifiers), []).append((_extent(thing, least_ms), thing))
    marks: list[Mark] = []
    for (code, modifiers), group in alike.items():
        numbered = [extent._replace(text=str(n)) for n, (extent, _) in enumerate(group)]
        for place, lane in enumerate(lanes(numbered), 1):
            subject = f"face {analysis.face}" + (f" overlap {place}" if place > 1 else "")
            for extent in lane:
                thing = group[int(extent.text)][1]
                marks += _of_state(extent, thing, subject, code, modifiers)
    return tuple(sorted(marks, key=lambda mark: (mark.time_s, mark.subject, mark.code)))


def _spoken(thing: Event | Stretch) -> dict[str, str]:
    """Name of a set of modifiers -> what of it is said."""
    if isinstance(thing, Stretch):
        return {"reason": thing.kind, "part": thing.part}
    units = ",".join(unit.facs for unit in thing.units if unit.facs)
    said = {"class": _modifier(thing.label) if thing.label else "", "action units": units}
    return {name: words for name, words in said.items() if words}


def _extent(thing: Event | Stretch, least_ms: int) -> Span:
    if isinstance(thing, Event):
        return span(thing.onset_s, thing.offset_s, "", least_ms)
    return span(thing.start_s, thing.end_s, "", least_ms)


def _of_state(
    extent: Span, thing: Event | Stretch, subject: str, code: str, modifiers: tuple[str, ...]
) -> Iterator[Mark]:
    """Begin and end, and the apex of an event. What is said of it stands with the begin."""
    begin_s, end_s = extent.start_ms / 1000, extent.end_ms / 1000
    if isinstance(thing, Stretch):
        first, last = thing.first_frame, thing.last_frame
    else:
        first, last = thing.onset_frame, thing.offset_frame
    yield Mark(begin_s, subject, code, modifiers, _comment(thing), first, "START")
    if isinstance(thing, Event) and isfinite(thing.apex_s):
        apex_s = milliseconds(thing.apex_s) / 1000
        yield Mark(apex_s, subject, APEX, (), thing.kind, thing.apex_frame, "POINT")
    yield Mark(end_s, subject, code, modifiers, "", last, "STOP")


def _comment(thing: Event | Stretch) -> str:
    if isinstance(thing, Stretch):
        return one_line(thing.reason)
    numbers = {"score": thing.score, "quality": thing.quality}
    told = [f"{name} {value:.2f}" for name, value in numbers.items() if isfinite(value)]
    if thing.label and thing.kind not in EXPRESSIONS:  # a coder may have given one
        told.insert(0, thing.label)
    return one_line("; ".join([*told, *thing.reasons]))


def one_line(text: str) -> str:
    return " ".join(plain(text).split())
