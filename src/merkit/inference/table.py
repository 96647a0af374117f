"""The table: a row an event and a row a stretch of which nothing can be told, in order of time.

A video that gives neither has a row of its own, so that an absence can be told from a file that
was not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import get_args

import pandas as pd

from merkit.inference.analysis import Analysis
from merkit.inference.columns import COLUMNS, WORDS
from merkit.inference.words import region_words
from merkit.types import Event, EventKind, Stretch

#: what stands in ``kind`` for a whole video
UNREADABLE, NO_FACE, TOO_SHORT, NOTHING = "unreadable", "no face", "too short", "nothing found"

Row = dict[str, str]


def table_of(analyses: Sequence[Analysis], classes: Sequence[str]) -> pd.DataFrame:
    """The table of videos, all of it text; a cell is empty where there is nothing to say."""
    units = max((analysis.units for analysis in analyses), key=len, default=())
    sides = (f"au{unit}_{side}" for unit in units for side in ("left", "right"))
    columns = [*COLUMNS, *(f"p_{name}" for name in classes), *sides]
    empty = dict.fromkeys(columns, "")
    rows = [empty | row for analysis in analyses for row in _rows(analysis, classes)]
    # Python's own text, since Arrow's refuses a file's name that is no Unicode
    return pd.DataFrame(rows, columns=columns, dtype=object)


def frame_of(
    analyses: Sequence[Analysis], classes: Sequence[str], all_rows: bool = False
) -> pd.DataFrame:
    """What pandas reads of the table: numbers as numbers, NaN where there is none, and words.

    Args:
        all_rows: also those of stretches, and of videos in which nothing was found; else a row is
            an event.
    """
    table = table_of(analyses, classes)
    if not all_rows:
        table = table[table["kind"].isin(get_args(EventKind))].reset_index(drop=True)
    numbers = {name: pd.to_numeric(table[name]) for name in table.columns if name not in WORDS}
    return table.assign(**numbers)


def _rows(analysis: Analysis, classes: Sequence[str]) -> Iterator[Row]:
    video = {"video": str(analysis.video)}
    if analysis.readable:
        face = str(analysis.face) if analysis.n_faces else ""
        video |= {"face": face, "faces": str(analysis.n_faces)}
    found: list[Event | Stretch] = [*analysis.events, *analysis.stretches]
    for thing in sorted(found, key=_extent):
        if isinstance(thing, Event):
            yield video | _of_event(thing, classes, analysis.trained_on)
        else:
            yield video | _of_stretch(thing)
    if not found:
        yield video | _of_video(analysis)


def _extent(thing: Event | Stretch) -> tuple[float, float]:
    if isinstance(thing, Event):
        return thing.onset_s, thing.offset_s
    return thing.start_s, thing.end_s


def _of_event(event: Event, classes: Sequence[str], trained_on: Sequence[str]) -> Row:
    row = {
        "kind": event.kind,
        "onset_s": _number(event.onset_s),
        "apex_s": _number(event.apex_s),
        "offset_s": _number(event.offset_s),
        "onset_frame": str(event.onset_frame),
        "apex_frame": str(event.apex_frame),
        "offset_frame": str(event.offset_frame),
        "duration_s": _number(event.duration_s),
        "regions": "; ".join(map(region_words, event.regions)),
        "motion_px": _number(event.motion_px),
        "motion_share": _number(event.motion_share, 4),
        "threshold_px": _number(event.threshold_px),
        "quality": _number(event.quality),
        "reasons": "; ".join(event.reasons),
        "face_found": _number(event.found_share),
    }
    if event.probabilities:
        row |= {f"p_{name}": _number(event.probabilities[name], 4) for name in classes}
        row["trained_on"] = " ".join(trained_on)
    row |= {"label": event.label, "score": _number(event.score, 4)}
    row["action_units"] = event.action_units  # a coder names events that no model saw
    for unit in event.units:
        row[f"au{unit.number}_left"] = _number(unit.left, 4)
        row[f"au{unit.number}_right"] = _number(unit.right, 4)
    return row


def _of_stretch(stretch: Stretch) -> Row:
    return {
        "kind": stretch.kind,
        "onset_s": _number(stretch.start_s),
        "offset_s": _number(stretch.end_s),
        "onset_frame": str(stretch.first_frame),
        "offset_frame": str(stretch.last_frame),
        "duration_s": _number(stretch.end_s - stretch.start_s),
        "reasons": stretch.reason,
        "part": stretch.part,
    }


def _of_video(analysis: Analysis) -> Row:
    kind, reason = NOTHING, analysis.problem
    if analysis.problem:
        kind = NO_FACE if analysis.readable else UNREADABLE
    elif analysis.too_short:
        kind, reason = TOO_SHORT, "no rest before and after to measure a movement against"
    return {
        "kind": kind,
        "duration_s": _number(analysis.duration_s),
        "reasons": reason,
        "face_found": _number(analysis.found_share),
    }


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isfinite(value) else ""
