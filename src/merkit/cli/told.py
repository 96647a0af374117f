"""What was found in videos, in a few lines of the terminal each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from merkit.inference.words import region_words
from merkit.types import Event, Stretch

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis

#: micro-expressions of a video, and regions of each, that are shown; the table has all
SHOWN, REGIONS_SHOWN = 20, 3
#: what must be known of names, by what a model was trained on
_ORIGINS = {
    "synthetic": "the model was trained on generated faces: do not rely on its labels of real "
    "people",
    "simulation": "classes and action units are named by a recogniser that was trained on "
    "simulated faces alone: check them ('merkit models' says where its card lies)",
}


def tell(analyses: Sequence[Analysis], unnamed: str = "") -> None:
    """Say what was found; of videos that cannot be read, or show no face, on standard error.

    Args:
        unnamed: why no model named the micro-expressions; "" where one did.
    """
    for analysis in analyses:
        if analysis.problem:
            print(f"merkit: {analysis.problem}", file=sys.stderr)
        else:
            print("\n".join(_lines(analysis)))
    named = [a for a in analyses if any(event.probabilities for event in a.events)]
    for origin, known in _ORIGINS.items():
        if any(origin in analysis.trained_on for analysis in named):
            print(known)
    if unnamed:
        print(f"movements are spotted and measured, not named: {unnamed}")


def _lines(analysis: Analysis) -> Iterator[str]:
    brief = [event for event in analysis.events if _is_told(event)]
    yield (
        f"{analysis.video}: {_count(len(brief), 'micro-expression')} in "
        f"{analysis.duration_s:.1f} s, face found in {analysis.found_share:.0%} of frames"
        f"{_circumstances(analysis)}"
    )
    for event in brief[:SHOWN]:
        yield f"  {event.onset_s:8.2f} to {event.offset_s:.2f} s  {_strength(event)}"
    if len(brief) > SHOWN:
        yield f"  and {len(brief) - SHOWN} more, in the table"
    others = Counter(event.kind for event in analysis.events if not _is_told(event))
    if others:
        yield f"  other movements: {', '.join(f'{n} {kind}' for kind, n in others.items())}"
    if analysis.too_short:
        yield "  too short to spot a movement in; --model FOLDER classifies a cut clip as it stands"
    if analysis.stretches:
        yield f"  nothing can be told of: {_stretches(analysis.stretches)}"


def _is_told(event: Event) -> bool:
    """A micro-expression, or a cut clip of whatever length that a model judged."""
    return event.kind == "micro" or bool(event.probabilities)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _circumstances(analysis: Analysis) -> str:
    told = ""
    if analysis.n_faces > 1:
        told += f"; {analysis.n_faces} faces, followed is number {analysis.face} from the left"
    if analysis.turned_deg:
        told += f"; the picture was turned left by {analysis.turned_deg} degrees to be upright"
    return told


def _strength(event: Event) -> str:
    """Class or why there is none, action units, strength and regions, as far as they are known."""
    told = [f"{event.label} {event.score:.2f}"] if event.label else []
    if event.probabilities and not event.label:
        told.append(event.reasons[-1])
    if event.action_units:
        told.append(f"action units {event.action_units}")
    if isfinite(event.motion_px):
        told.append(f"{event.motion_px:.2f} px, where {event.threshold_px:.2f} are needed")
    told += map(region_words, event.regions[:REGIONS_SHOWN])
    return "; ".join(told or event.reasons)


def _stretches(stretches: Sequence[Stretch]) -> str:
    """How often and how long, by what they are and the part of the face."""
    totals: dict[str, list[float]] = {}
    for stretch in stretches:
        totals.setdefault(stretch.title, []).append(stretch.end_s - stretch.start_s)
    return ", ".join(
        f"{name} {_count(len(lengths), 'time')}, {sum(lengths):.1f} s in all"
        for name, lengths in totals.items()
    )
