"""A small analysis to review, and the edits of a coder."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from merkit.inference.analysis import Analysis
from merkit.review.clock import Clock
from merkit.review.edits import Edit
from merkit.review.review import Review
from merkit.types import Event, RegionMotion, Stretch, UnitScore

#: 100 frames at 25 a second
CLOCK = Clock.constant(25.0, 100)
_IDS = count()


def event(onset: int, apex: int, offset: int, **changes: Any) -> Event:
    """An event at frames of ``CLOCK``."""
    times = (frame / 25 for frame in (onset, apex, offset))
    values: dict[str, Any] = {"kind": "micro", "motion_px": 2.0, "motion_share": 0.02}
    values |= {"threshold_px": 0.3, "regions": (RegionMotion("mouth corner", "left", 1.0, -2.0),)}
    kind = (values | changes).pop("kind")
    rest = {k: v for k, v in (values | changes).items() if k != "kind"}
    return Event(kind, *times, onset, apex, offset, **rest)


NAMED = event(
    10, 14, 20, label="positive", score=0.8, probabilities={"negative": 0.2, "positive": 0.8},
    units=(UnitScore(4, 0.1, 0.2), UnitScore(12, 0.9, 0.3, True)),
)  # fmt: skip
UNNAMED = event(40, 43, 50, reasons=("not named: the best class has only 0.4",))
LONG = event(60, 70, 90, kind="macro", reasons=("longer than 0.5 s",))
ANALYSIS = Analysis(
    Path("day 1/a.mp4"),
    (NAMED, UNNAMED, LONG),
    (Stretch("occluded", 0.0, 0.2, 0, 5, reason="a hand"),),
    duration_s=4.0,
    found_share=0.9,
    n_faces=1,
    trained_on=("simulation",),
    units=(4, 12),
)


def review() -> Review:
    """Before any edit: e001 at 10 to 20, e002 at 40 to 50, e003 (macro) at 60 to 90."""
    return Review.of(ANALYSIS, CLOCK)


def edit(kind: Any, target: str = "", revision: int = 0, **values: Any) -> Edit:
    """An edit with an id that no other has."""
    return Edit(values.pop("id", f"id-{next(_IDS)}"), kind, target, revision, **values)
