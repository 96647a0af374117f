"""Annotated events become the spans that spotting is scored against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merkit.runs.truth import annotated, outside
from merkit.scoring.spotting import Span
from merkit.types import Clip


def event(
    onset: int | None, apex: int | None, offset: int | None, name: str = "e", **raw: str
) -> Clip:
    return Clip(
        name, "db", "s1", Path("r"), 30.0, "happiness",
        onset_frame=onset, apex_frame=apex, offset_frame=offset, raw=raw,
    )  # fmt: skip


def test_an_event_in_order_is_taken_as_it_is() -> None:
    (one,), told = annotated(
        [event(10, 14, 20, type="micro-expression")], label_of=lambda e: e.emotion
    )
    assert one.span == Span(10, 20, "micro", 14, "happiness")
    assert told == ()
    assert np.isnan(one.amplitude_px)


def test_an_event_without_an_offset_ends_at_its_apex_or_is_left_out() -> None:
    """As 44 macro rows of CAS(ME)^2."""
    row = event(10, 14, None, type="macro-expression")
    (one,), told = annotated([row])
    assert one.span == Span(10, 14, "macro", 14)
    assert [(f.what, f.clip) for f in told] == [("no offset", "e")]
    kept, told = annotated([row], "leave_out")
    assert kept == ()
    assert [f.what for f in told] == ["event left out"]


@pytest.mark.parametrize(
    ("frames", "apex"),
    [
        ((1221, 1230, 1224), None),  # the apex behind the offset
        ((10, 9, 20), None),
        ((10, 0, 20), None),
        ((10, None, 20), None),
        ((10, 10, 20), 10),
        ((10, 20, 20), 20),
    ],
)
def test_an_apex_outside_its_event_is_not_known(
    frames: tuple[int, int | None, int], apex: int | None
) -> None:
    (one,), told = annotated([event(*frames)])
    assert one.span == Span(frames[0], frames[2], "micro", apex)
    assert bool(told) == (frames[1] is not None and apex is None)


@pytest.mark.parametrize(
    "frames", [(None, 5, 9), (20, None, None), (20, 25, 19), (20, 15, None), (None, None, None)]
)
def test_an_event_without_beginning_or_end_is_left_out_and_told(
    frames: tuple[int | None, int | None, int | None],
) -> None:
    kept, told = annotated([event(*frames), event(1, 2, 3, "other")])
    assert [one.event.clip_id for one in kept] == ["other"]
    assert told[-1].what == "event left out"


def test_events_that_their_recording_does_not_hold_are_told() -> None:
    kept, _ = annotated([event(1, 2, 3, "a"), event(10, 11, 12, "b"), event(18, 19, 21, "c")])
    assert [f.clip for f in outside(kept, 1, 20)] == ["c"]
    assert [f.clip for f in outside(kept, 2, 21)] == ["a"]


def test_the_amplitude_where_the_database_knows_it() -> None:
    (one,), _ = annotated([event(1, 2, 3, amplitude_px="1.500")])
    assert one.amplitude_px == 1.5
