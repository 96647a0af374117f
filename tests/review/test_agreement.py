"""Agreement of two coders, against numbers that were worked by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import Any

import pytest
from made_reviews import ANALYSIS, CLOCK, edit, event, review

from merkit.errors import ConfigError
from merkit.review.agreement import agreement, kappa
from merkit.review.review import Review

CODERS = ("anna", "bea")


def done(*edits: Any) -> Review:
    """The review after edits, given as kind, target and values; revisions are looked up."""
    now = review()
    for kind, target, values in edits:
        revision = now.things[target].revision if target else 0
        now = now.apply(edit(kind, target, revision, **values))
    return now


def test_kappa_of_a_table_worked_by_hand() -> None:
    """Both yes 20, both no 15, yes and no 5, no and yes 10: observed 0.7, by chance 0.5."""
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    found = kappa(pairs, "event")
    assert (found.n, found.alike, found.why) == (50, 35, "")
    assert found.value == pytest.approx(0.4)
    assert kappa([("y", "n"), ("n", "y")], "event").value == pytest.approx(-1)


def test_kappa_that_is_undefined_says_why() -> None:
    for pairs, why in (
        ([], "no event named by both"),
        ([("y", "y")] * 3, "both named every event"),
    ):
        found = kappa(pairs, "event")
        assert isnan(found.value)
        assert why in found.why
    one_sided = kappa([("y", "y"), ("y", "n")], "event")  # defined: no better than chance
    assert (one_sided.value, one_sided.why) == (0.0, "")


def test_events_are_matched_by_their_overlap() -> None:
    """e001 is 10 to 20, 11 frames. Moved to 12 to 22, 9 of 13 frames are common."""
    anna = done(("accept", "e001", {}), ("accept", "e002", {}),
                ("add", "", {"onset_frame": 25, "offset_frame": 30}))  # fmt: skip
    bea = done(("move", "e001", {"onset_frame": 12, "offset_frame": 22}),
               ("reject", "e002", {}), ("accept", "e003", {}),
               ("add", "", {"onset_frame": 29, "offset_frame": 36}))  # fmt: skip
    found = agreement([(anna, bea)], CODERS)
    assert (found.n_videos, found.matched, found.only) == (1, 1, (2, 2))
    assert found.mean_iou == pytest.approx(9 / 13)
    onset, apex, offset = found.edges
    assert (onset.mean_frames, onset.bias_frames, apex.mean_frames) == (2, 2, 0)
    assert offset.mean_s == pytest.approx(2 / 25)


def test_a_macro_expression_is_no_micro_expression() -> None:
    anna = done(("accept", "e003", {}))
    bea = done(("relabel", "e003", {"event_kind": "micro"}))
    found = agreement([(anna, bea)], CODERS)
    assert (found.matched, found.only) == (0, (1, 1))
    assert isnan(found.mean_iou)
    assert isnan(found.edges[0].mean_frames)


def test_verdicts_and_classes() -> None:
    anna = done(("accept", "e001", {}), ("reject", "e002", {}), ("reject", "e003", {}),
                ("relabel", "e001", {"label": "fear"}))  # fmt: skip
    bea = done(("accept", "e001", {}), ("accept", "e002", {}), ("reject", "e003", {}),
               ("relabel", "e001", {"label": "anger"}))  # fmt: skip
    found = agreement([(anna, bea)], CODERS)
    assert (found.verdicts.n, found.verdicts.alike) == (3, 2)
    assert found.verdicts.value == pytest.approx(0.4)  # observed 2/3, by chance 4/9
    assert (found.classes.n, found.classes.alike, found.classes.value) == (1, 0, 0.0)
    unnamed = agreement([(done(("accept", "e002", {})),) * 2], CODERS)
    assert unnamed.classes.why == "no matched event named by both"
    assert unnamed.verdicts.why == "both named every found event 'accepted'"


def test_what_nobody_judged_counts_for_nobody() -> None:
    found = agreement(
        [(done(("note", "e001", {"text": "?"})), done(("accept", "e001", {})))], CODERS
    )
    assert (found.matched, found.only, found.verdicts.n) == (0, (0, 1), 0)


def test_videos_are_pooled_but_matched_each_by_itself() -> None:
    both = done(("accept", "e001", {}))
    elsewhere = Review.of(replace(ANALYSIS, events=(event(60, 65, 70),)), CLOCK)
    elsewhere = elsewhere.apply(edit("accept", "e001"))
    found = agreement([(both, both), (elsewhere, elsewhere.undone("u"))], CODERS, ["v009"])
    assert (found.n_videos, found.matched, found.only) == (2, 1, (1, 0))
    assert found.left_out == ("v009",)
    with pytest.raises(ConfigError, match="no reviewed video in common"):
        agreement([], CODERS)
