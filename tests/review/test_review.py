"""What edits make of a review, by hand-worked cases and by random ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reviews import ANALYSIS, CLOCK, NAMED, edit, review

from merkit.errors import ConfigError, MerkitError
from merkit.review.clock import Clock
from merkit.review.edits import Edit, EditConflict
from merkit.review.review import Review
from merkit.review.reviewed import reviewed_analysis
from merkit.review.things import ReviewedEvent


def thing(now: Review, target: str) -> ReviewedEvent:
    (found,) = [event for event in now.events if event.id == target]
    return found


def facts(now: Review) -> Any:
    """What a coder sees, without revisions."""
    events = [
        (e.id, repr(e.event), e.verdict, e.note, e.action_units, e.by_coder) for e in now.events
    ]
    stretches = [(x.id, x.first_frame, x.last_frame, x.start_s, x.note) for x in now.exclusions]
    return events, stretches, now.remark.note


def test_before_any_edit() -> None:
    now = review()
    assert [(e.id, e.origin, e.verdict) for e in now.events] == [
        ("e001", "found", ""), ("e002", "found", ""), ("e003", "found", ""),
    ]  # fmt: skip
    assert now.events[0].event is NAMED
    assert now.events[0].action_units == "L12"
    assert (now.exclusions, now.undoable, now.redoable) == ((), None, None)


def test_verdicts() -> None:
    now = review().apply(edit("accept", "e001")).apply(edit("reject", "e002"))
    assert [e.verdict for e in now.events] == ["accepted", "rejected", ""]
    assert thing(now.apply(edit("reopen", "e001", 1)), "e001").verdict == ""


def test_a_move_takes_its_times_from_the_clock() -> None:
    moved = thing(review().apply(edit("move", "e001", onset_frame=12, offset_frame=30)), "e001")
    assert (moved.event.onset_frame, moved.event.apex_frame, moved.event.offset_frame) == (
        12, 14, 30,
    )  # fmt: skip
    assert (moved.event.onset_s, moved.event.apex_s, moved.event.offset_s) == (0.48, 0.56, 1.2)
    assert moved.by_coder == {"onset", "offset"}
    assert moved.found == NAMED
    variable = Clock(
        np.arange(100), np.concatenate([np.arange(50) / 25, 2 + np.arange(50) / 5]), 99
    )
    slow = Review.of(ANALYSIS, variable).apply(edit("move", "e002", offset_frame=55))
    assert thing(slow, "e002").event.offset_s == 3.0


@pytest.mark.parametrize(
    "frames",
    [{"onset_frame": 15}, {"apex_frame": 21}, {"offset_frame": 13}, {"offset_frame": 100},
     {"onset_frame": -1}],
)  # fmt: skip
def test_a_move_keeps_the_order_within_the_video(frames: dict[str, int]) -> None:
    now = review()
    with pytest.raises(ConfigError, match=r"onset|frame"):
        now.apply(edit("move", "e001", **frames))


def test_names_of_a_coder() -> None:
    now = review().apply(edit("relabel", "e001", label="disgust", event_kind="macro"))
    event = thing(now, "e001").event
    assert (event.label, event.kind, event.probabilities) == (
        "disgust", "macro", {"negative": 0.2, "positive": 0.8},
    )  # fmt: skip
    assert np.isnan(event.score)
    now = now.apply(edit("units", "e001", 1, units="4B+R12+1"))
    units = {unit.number: unit for unit in thing(now, "e001").event.units}
    assert thing(now, "e001").event.action_units == "4+R12+1"
    assert thing(now, "e001").action_units == "4B+R12+1"
    assert (units[12].left, units[12].on_left, units[12].on_right) == (0.9, False, True)
    assert np.isnan(units[1].left)
    with pytest.raises(ConfigError, match="names no action unit"):
        now.apply(edit("units", "e002", units="smile"))
    with pytest.raises(ConfigError, match="1224"):
        now.apply(edit("units", "e002", units="1224"))
    assert thing(now.apply(edit("units", "e001", 2, units="")), "e001").event.action_units == ""


def test_an_added_event_stands_in_order_of_time() -> None:
    add = edit("add", onset_frame=25, offset_frame=30, label="fear", units="1+2", text="brows")
    now = review().apply(add)
    assert [e.id for e in now.events] == ["e001", "a001", "e002", "e003"]
    new = thing(now, "a001")
    assert (new.origin, new.verdict, new.note) == ("added", "accepted", "brows")
    assert (new.event.kind, new.event.apex_frame, new.event.apex_s) == ("micro", 27, 1.08)
    assert (new.event.label, new.event.action_units) == ("fear", "1+2")
    assert new.by_coder == {"kind", "onset", "offset", "label", "units"}  # nobody said the apex
    assert np.isnan([new.event.motion_px, new.event.quality, new.event.found_share]).all()
    gone = now.apply(edit("remove", "a001", 1))
    assert [e.id for e in gone.events] == ["e001", "e002", "e003"]
    again = gone.apply(edit("add", onset_frame=1, offset_frame=2))
    assert again.events[0].id == "a002"  # an id is never used twice


def test_a_found_event_cannot_be_removed() -> None:
    with pytest.raises(ConfigError, match="'remove' of e001"):
        review().apply(edit("remove", "e001"))


@pytest.mark.parametrize("frames", [(30, 20), (90, 100), (-1, 5)])
def test_an_added_event_lies_within_the_video(frames: tuple[int, int]) -> None:
    with pytest.raises(ConfigError):
        review().apply(edit("add", onset_frame=frames[0], offset_frame=frames[1]))


def test_exclusions() -> None:
    now = review().apply(edit("exclude", first_frame=50, last_frame=75, text="the phone rings"))
    (one,) = now.exclusions
    assert (one.id, one.start_s, one.end_s, one.note) == ("x001", 2.0, 3.0, "the phone rings")
    now = now.apply(edit("move", "x001", 1, last_frame=60))
    assert (now.exclusions[0].last_frame, now.exclusions[0].end_s) == (60, 2.4)
    with pytest.raises(ConfigError, match="exclusion from frame 50 to 40"):
        now.apply(edit("move", "x001", 2, last_frame=40))
    assert now.apply(edit("include", "x001", 2)).exclusions == ()


def test_notes() -> None:
    now = review().apply(edit("note", "e002", text="a sneeze?"))
    now = now.apply(edit("note", "video", text="the light flickers"))
    assert thing(now, "e002").note == "a sneeze?"
    assert now.remark.note == "the light flickers"


# two tabs


def test_edits_of_other_targets_and_other_fields_merge() -> None:
    now = review().apply(edit("accept", "e001"))
    now = now.apply(edit("accept", "e002"))
    now = now.apply(edit("move", "e001", revision=0, apex_frame=15))  # has not seen the verdict
    now = now.apply(edit("note", "e001", revision=0, text="late"))
    one = thing(now, "e001")
    assert (one.verdict, one.event.apex_frame, one.note, one.revision) == (
        "accepted", 15, "late", 3,
    )  # fmt: skip


def test_the_same_field_of_an_old_revision_is_refused() -> None:
    now = review().apply(edit("accept", "e001"))
    with pytest.raises(EditConflict, match="verdict of e001 has changed") as caught:
        now.apply(edit("reject", "e001", revision=0))
    assert caught.value.current == thing(now, "e001")
    assert caught.value.current.verdict == "accepted"
    assert thing(now.apply(edit("reject", "e001", revision=1)), "e001").verdict == "rejected"


def test_the_same_edit_in_two_tabs_is_no_conflict() -> None:
    now = review().apply(edit("accept", "e001")).apply(edit("accept", "e001", revision=0))
    assert thing(now, "e001").verdict == "accepted"


def test_two_moves_that_only_together_are_out_of_order_conflict() -> None:
    now = review().apply(edit("move", "e001", apex_frame=11))
    with pytest.raises(EditConflict, match="onset 12, apex 11"):
        now.apply(edit("move", "e001", revision=0, onset_frame=12))


def test_an_edit_of_what_was_removed_is_a_conflict() -> None:
    now = review().apply(edit("add", onset_frame=1, offset_frame=5))
    now = now.apply(edit("remove", "a001", 1))
    with pytest.raises(EditConflict, match="a001 was removed"):
        now.apply(edit("note", "a001", 1, text="x"))


def test_an_edit_that_is_sent_twice_is_applied_once() -> None:
    add = edit("add", onset_frame=25, offset_frame=30)
    once = review().apply(add)
    assert facts(once.apply(add)) == facts(once)
    assert once.apply(add).undone("u").events == review().events
    with pytest.raises(ConfigError, match="another edit has the id"):
        once.apply(replace(add, offset_frame=31))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "accept", "target": "e009"},
        {"kind": "accept", "target": ""},
        {"kind": "accept", "target": "e001", "revision": 1},
        {"kind": "include", "target": "e001"},
        {"kind": "accept", "target": "video"},
        {"kind": "move", "target": "e001", "first_frame": 3},
        {"kind": "undo"},
        {"kind": "undo", "target": "never"},
    ],
)
def test_what_cannot_be_done_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=wrong["kind"]):
        review().apply(edit(**wrong))


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "accept", "label": "x"},
        {"kind": "relabel"},
        {"kind": "move"},
        {"kind": "add", "onset_frame": 3},
        {"kind": "exclude", "first_frame": 3},
        {"kind": "explode"},
        {"kind": "move", "onset_frame": "soon"},
        {"kind": "move", "onset_frame": 2.5},
        {"kind": "note", "text": "x" * 10_001},
        {"kind": "accept", "id": ""},
        {"kind": "accept", "revision": -1},
        {"kind": "accept", "colour": "red"},
        {"kind": "relabel", "event_kind": "no face"},
    ],
)
def test_plain_values_that_are_no_edit(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="edit"):
        Edit.of({"id": "1", "target": "e001"} | values)


# undo


def test_undo_and_redo() -> None:
    start = review()
    now = start.apply(edit("accept", "e001", id="1"))
    now = now.apply(edit("move", "e001", 1, onset_frame=8, id="2"))
    moved = facts(now)
    now = now.undone("u1")
    assert thing(now, "e001").event.onset_s == NAMED.onset_s
    assert thing(now, "e001").by_coder == frozenset()
    assert thing(now, "e001").verdict == "accepted"
    now = now.undone("u2")
    assert facts(now) == facts(start)
    assert thing(now, "e001").revision == 4  # another tab must see that something changed
    assert now.undoable is None
    assert now.redoable is not None
    now = now.undone("r1", now.redoable.edit.id)
    assert now.redoable is not None
    now = now.undone("r2", now.redoable.edit.id)
    assert facts(now) == moved
    assert now.redoable is None
    now = now.undone("u3")
    now = now.apply(edit("reject", "e002"))
    assert now.redoable is None  # something else was done
    assert now.undone("u4").undone("u5").undoable is None


def test_undo_of_everything_that_can_be_done() -> None:
    start = review().apply(edit("exclude", first_frame=1, last_frame=2))
    start = start.apply(edit("add", onset_frame=25, offset_frame=30))
    for one in (
        edit("relabel", "e001", label="fear", event_kind="blink"),
        edit("units", "e001", units="1"),
        edit("add", onset_frame=3, offset_frame=5),
        edit("remove", "a001", 1),
        edit("exclude", first_frame=5, last_frame=9),
        edit("include", "x001", 1),
        edit("move", "x001", 1, first_frame=0),
        edit("note", "video", text="x"),
    ):
        done = start.apply(one)
        assert facts(done) != facts(start)
        undone = done.undone("u")
        assert facts(undone) == facts(start)
        assert facts(undone.undone("r", "u")) == facts(done)


def test_an_undo_of_an_earlier_edit_that_was_overwritten_is_a_conflict() -> None:
    now = review().apply(edit("accept", "e001", id="1")).apply(edit("reject", "e001", 1, id="2"))
    with pytest.raises(EditConflict, match="verdict of e001"):
        now.undone("u", "1")
    other = now.apply(edit("accept", "e002", id="3")).undone("u", "2")
    assert [e.verdict for e in other.events] == ["accepted", "accepted", ""]


TARGETS = st.sampled_from(["e001", "e002", "e003", "a001", "a002", "x001", "video", ""])
FRAMES = st.none() | st.integers(0, 99)
VALUES = {
    "accept": {}, "reject": {}, "reopen": {}, "remove": {}, "include": {}, "undo": {},
    "relabel": {"label": st.sampled_from(["", "fear"])},
    "units": {"units": st.sampled_from(["", "1+2", "R12"])},
    "move": {f"{edge}_frame": FRAMES for edge in ("onset", "apex", "offset", "first", "last")},
    "add": {"onset_frame": FRAMES, "offset_frame": FRAMES},
    "exclude": {"first_frame": FRAMES, "last_frame": FRAMES},
    "note": {"text": st.text(max_size=3)},
}  # fmt: skip


@st.composite
def attempts(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(VALUES)))
    values = {name: draw(value) for name, value in VALUES[kind].items()}
    target = "" if kind in ("undo", "add", "exclude") else draw(TARGETS)
    return {"kind": kind, "target": target, "revision": draw(st.integers(0, 4)), **values}


@given(st.lists(attempts(), max_size=25))
def test_whatever_is_tried(tries: list[dict[str, Any]]) -> None:
    """Events stay in order and in the video, what is refused changes nothing, the journal's edits
    give the same again, and undoing all of them gives what was found."""
    start = now = review()
    for attempt in tries:
        before = facts(now)
        try:
            now = now.apply(edit(**attempt))
        except MerkitError:
            assert facts(now) == before
    for event in (reviewed.event for reviewed in now.events):
        assert 0 <= event.onset_frame <= event.apex_frame <= event.offset_frame <= 99
        assert event.onset_s == CLOCK.time_at(event.onset_frame)
    edits = [change.edit for change in now.history.values()]
    assert facts(Review.of(ANALYSIS, CLOCK, edits)) == facts(now)
    again = [Edit.of(one.plain()) for one in edits]
    assert again == edits
    while now.undoable is not None:
        now = now.undone(edit("undo").id)
    assert facts(now) == facts(start)


# what others get


def test_the_reviewed_analysis() -> None:
    now = review()
    assert [e.reasons for e in reviewed_analysis(ANALYSIS, now, "anna").events] == [
        ("not judged by coder anna",),
        ("not named: the best class has only 0.4", "not judged by coder anna"),
        ("longer than 0.5 s", "not judged by coder anna"),
    ]
    for one in (
        edit("accept", "e001"),
        edit("move", "e001", 1, onset_frame=8),
        edit("note", "e001", 2, text="clear"),
        edit("relabel", "e002", label="fear"),
        edit("units", "e002", 1, units="1"),
        edit("reject", "e003"),
        edit("add", onset_frame=25, offset_frame=30, label="fear"),
        edit("exclude", first_frame=50, last_frame=75, text="the phone rings"),
    ):
        now = now.apply(one)
    got = reviewed_analysis(ANALYSIS, now, "anna")
    assert [(e.onset_frame, e.label, e.reasons) for e in got.events] == [
        (8, "positive", ("accepted, onset by coder anna", "note: clear")),
        (25, "fear", ("added by coder anna",)),
        (40, "fear", ("label, action units by coder anna",)),
    ]
    assert got.events[0].score == 0.8
    assert np.isnan(got.events[2].score)
    assert [(s.kind, s.start_s, s.end_s, s.reason) for s in got.stretches] == [
        ("occluded", 0.0, 0.2, "a hand"), ("excluded", 2.0, 3.0, "the phone rings"),
    ]  # fmt: skip
    assert replace(got, events=(), stretches=()) == replace(ANALYSIS, events=(), stretches=())
