"""The leak audit: every rule is broken on purpose and must be named; the control passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkit.errors import LeakError
from merkit.protocols import (
    ClipRow,
    FoldSet,
    ProtocolConfig,
    audit_folds,
    audit_reads,
    make_folds,
)
from merkit.types import Fold

ROWS = [ClipRow(f"db/s{s}/{i}", "db", f"db/s{s}", i % 3) for s in range(6) for i in range(6)]
FOLDS = make_folds(ROWS, ProtocolConfig("loso"))
FOLD = FOLDS.folds[0]
ALL_CLIPS = tuple(row.clip_id for row in ROWS)
HONEST = {"fit": FOLD.train, "normalise": FOLD.train, "select": (*FOLD.train, *FOLD.val)}


def _with_first(fold: Fold, folds: FoldSet = FOLDS) -> FoldSet:
    return replace(folds, folds=(fold, *folds.folds[1:]))


def test_what_the_fold_allows_passes():
    """The same audit on the same fold raises nothing, so the plants alone are caught."""
    assert FOLD.val
    assert set(FOLD.train) | set(FOLD.val) | set(FOLD.test) == set(ALL_CLIPS)
    audit_folds(FOLDS, ROWS)
    audit_reads(FOLD, HONEST | {"predict": FOLD.test}, ROWS)


@pytest.mark.parametrize("use", ["fit", "normalise", "adapt", "anything else"])
def test_only_selection_may_read_validation_clips(use):
    with pytest.raises(LeakError, match=f"a validation clip, was read to '{use}'"):
        audit_reads(FOLD, {use: (FOLD.val[0],)}, ROWS)


@pytest.mark.parametrize("use", [*HONEST, "adapt"])
def test_nothing_that_is_fitted_may_read_a_test_clip(use):
    served = HONEST | {use: (*HONEST.get(use, ()), FOLD.test[0])}
    with pytest.raises(LeakError, match=rf"{FOLD.test[0]}', a test clip, was read to '{use}'") as e:
        audit_reads(FOLD, served, ROWS)
    assert "rule: " in str(e.value)
    assert FOLD.name in str(e.value)


def test_training_clips_are_not_predicted_as_if_they_were_tested():
    with pytest.raises(LeakError, match="to 'predict'"):
        audit_reads(FOLD, {"predict": (FOLD.train[0],)}, ROWS)


def test_clip_of_a_test_subject_outside_the_fold_is_caught():
    """A test subject's clip that is itself not tested still must not train."""
    fold = replace(FOLD, test=FOLD.test[1:])
    with pytest.raises(LeakError, match="of test subject 'db/s0'"):
        audit_reads(fold, {"normalise": (FOLD.test[0],)}, ROWS)


def test_unlabelled_clips_are_read_to_adapt_and_only_where_the_fold_declares_them():
    declared = replace(FOLD, unlabelled=FOLD.test)
    audit_reads(declared, {"fit": FOLD.train, "adapt": FOLD.test}, ROWS)
    with pytest.raises(LeakError, match="to 'fit'"):
        audit_reads(declared, {"fit": FOLD.test}, ROWS)
    with pytest.raises(LeakError, match="to 'adapt'"):
        audit_reads(FOLD, {"adapt": FOLD.test}, ROWS)


FOLD_PLANTS = {
    "clip in val and test": (replace(FOLD, val=(*FOLD.val, FOLD.test[0])), "clip"),
    "clip in train and val": (replace(FOLD, val=(*FOLD.val, FOLD.train[0])), "clip"),
    "subject in train and test": (
        replace(FOLD, train=(*FOLD.train, FOLD.test[0]), test=FOLD.test[1:]),
        "the subject 'db/s0'",
    ),
    "subject in val and test": (
        replace(FOLD, val=(*FOLD.val, FOLD.test[0]), test=FOLD.test[1:]),
        "the subject 'db/s0'",
    ),
    "unknown clip": (replace(FOLD, train=(*FOLD.train, "db/s9/0")), "'db/s9/0'"),
    "clip twice in train": (replace(FOLD, train=(*FOLD.train, FOLD.train[0])), "2 times"),
    "unlabelled without the mark": (replace(FOLD, unlabelled=FOLD.test), "transductive"),
    "a clip never tested": (replace(FOLD, test=FOLD.test[1:]), "tested in 0 folds"),
}


@pytest.mark.parametrize("name", FOLD_PLANTS)
def test_broken_fold_is_refused(name):
    fold, words = FOLD_PLANTS[name]
    with pytest.raises(LeakError) as caught:
        audit_folds(_with_first(fold), ROWS)
    assert words in str(caught.value)


def test_clip_tested_twice_is_refused():
    second = replace(FOLDS.folds[0], name="again")
    with pytest.raises(LeakError, match="tested in 2 folds"):
        audit_folds(replace(FOLDS, folds=(*FOLDS.folds, second)), ROWS)


def test_unlabelled_clip_that_is_also_labelled_is_refused():
    folds = replace(
        _with_first(replace(FOLD, unlabelled=(FOLD.train[0],))), marks=("transductive",)
    )
    with pytest.raises(LeakError, match="both unlabelled and labelled"):
        audit_folds(folds, ROWS)


def test_subject_dependent_mark_lifts_the_subject_rule_and_no_other():
    folds = make_folds(ROWS, ProtocolConfig("stratified_kfold", n_splits=3))
    assert folds.marks == ("subject-dependent",)
    audit_folds(folds, ROWS)
    with pytest.raises(LeakError, match="subject"):
        audit_folds(replace(folds, marks=()), ROWS)
    first = folds.folds[0]
    leaked = replace(first, train=(*first.train, first.test[0]))
    with pytest.raises(LeakError, match="one side only"):
        audit_folds(_with_first(leaked, folds), ROWS)


def test_the_same_frames_under_two_names_are_caught():
    contents = {clip_id: f"hash of {clip_id}" for clip_id in ALL_CLIPS}
    audit_folds(FOLDS, ROWS, contents)
    contents[FOLD.test[0]] = contents[FOLD.train[0]]
    with pytest.raises(LeakError, match="same frames on one side"):
        audit_folds(FOLDS, ROWS, contents)


def test_duplicates_on_one_side_are_no_leak():
    same_subject = {"db/s0/0": "x", "db/s0/1": "x"}
    audit_folds(FOLDS, ROWS, same_subject)
    assert {"db/s0/0", "db/s0/1"} <= set(FOLD.test)


def test_composite_keeps_equal_subject_numbers_of_two_databases_apart():
    """Subject 1 of one database is not subject 1 of another (and both are whole folds)."""
    rows = [
        ClipRow(f"{d}/1/{s}-{i}", d, f"{d}/{s}", i)
        for d in ("casme2", "smic")
        for s in (1, 2)
        for i in range(3)
    ]
    folds = make_folds(rows, ProtocolConfig("composite"))
    assert [fold.name for fold in folds.folds] == ["casme2/1", "casme2/2", "smic/1", "smic/2"]
    merged = [replace(row, subject_key=row.subject_key.split("/")[1]) for row in rows]
    with pytest.raises(LeakError, match=r"the subject '[12]'"):
        audit_folds(folds, merged)
