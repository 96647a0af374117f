"""The leak audit: every rule is broken on purpose and must be named; the control passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkit.errors import LeakError
from merkit.protocols import (
    ClipRow,
    FitRecord,
    FoldSet,
    ProtocolConfig,
    audit_fit,
    audit_folds,
    make_folds,
)
from merkit.types import Fold

ROWS = [ClipRow(f"db/s{s}/{i}", "db", f"db/s{s}", i % 3) for s in range(6) for i in range(6)]
FOLDS = make_folds(ROWS, ProtocolConfig("loso"))
FOLD = FOLDS.folds[0]
ALL_CLIPS = tuple(row.clip_id for row in ROWS)
HONEST = {
    "weights": FOLD.train,
    "normaliser": FOLD.train,
    "class_weights": FOLD.train,
    "selection": FOLD.val,
    "threshold": (*FOLD.train, *FOLD.val),
}


def _with_first(fold: Fold, folds: FoldSet = FOLDS) -> FoldSet:
    return replace(folds, folds=(fold, *folds.folds[1:]))


def _audit(fold: Fold, record: FitRecord) -> None:
    """What a run does: folds before training, the record after it."""
    audit_folds(_with_first(fold), ROWS)
    audit_fit(fold, record, ROWS)


def _plant_test_clip_in_train() -> tuple[Fold, FitRecord]:
    train = (*FOLD.train, FOLD.test[0])
    return replace(FOLD, train=train), FitRecord(HONEST | {"weights": train})


def _plant_normaliser_on_all_clips() -> tuple[Fold, FitRecord]:
    return FOLD, FitRecord(HONEST | {"normaliser": ALL_CLIPS})


def _plant_validation_that_shares_a_subject() -> tuple[Fold, FitRecord]:
    val, train = (*FOLD.val, FOLD.train[0]), FOLD.train[1:]
    honest = HONEST | {"weights": train, "normaliser": train, "class_weights": train}
    return replace(FOLD, train=train, val=val), FitRecord(honest | {"selection": val})


def _plant_early_stopping_on_test() -> tuple[Fold, FitRecord]:
    return FOLD, FitRecord(HONEST | {"selection": FOLD.test})


PLANTS = {
    "test clip in train": (_plant_test_clip_in_train, FOLD.test[0], "one side only"),
    "normaliser on all clips": (_plant_normaliser_on_all_clips, FOLD.test[0], "normaliser"),
    "validation shares a subject": (
        _plant_validation_that_shares_a_subject,
        FOLD.train[1],
        "every subject on one side only",
    ),
    "early stopping on test": (_plant_early_stopping_on_test, FOLD.test[0], "selection"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_planted_leak_is_caught_with_clip_and_rule(name):
    plant, clip_id, rule = PLANTS[name]
    fold, record = plant()
    with pytest.raises(LeakError) as caught:
        _audit(fold, record)
    message = str(caught.value)
    assert rule in message
    assert "rule:" in message
    subject = clip_id.rsplit("/", 1)[0]
    assert subject in message
    assert fold.name in message


def test_control_without_a_plant_passes():
    """The same audit on the same fold raises nothing, so the plants alone are caught."""
    assert FOLD.val
    assert set(FOLD.train) | set(FOLD.val) | set(FOLD.test) == set(ALL_CLIPS)
    _audit(FOLD, FitRecord(HONEST))


@pytest.mark.parametrize("name", ["weights", "normaliser", "class_weights", "au_predictor"])
def test_only_selection_and_threshold_may_use_validation(name):
    with pytest.raises(LeakError, match=f"'{name}'.*validation clip"):
        audit_fit(FOLD, FitRecord({name: (*FOLD.train, FOLD.val[0])}), ROWS)


@pytest.mark.parametrize("name", HONEST)
def test_nothing_may_use_a_test_clip(name):
    with pytest.raises(LeakError, match=rf"'{name}'.*{FOLD.test[0]}.*a test clip"):
        audit_fit(FOLD, FitRecord({name: (*HONEST[name], FOLD.test[0])}), ROWS)


def test_clip_of_a_test_subject_outside_the_fold_is_caught():
    """A test subject's clip that is itself not tested still must not train."""
    fold = replace(FOLD, test=FOLD.test[1:])
    with pytest.raises(LeakError, match="of test subject 'db/s0'"):
        audit_fit(fold, FitRecord({"normaliser": (FOLD.test[0],)}), ROWS)


@pytest.mark.parametrize("unlabelled", [(), FOLD.test])
def test_weights_may_use_unlabelled_clips_only_where_the_fold_declares_them(unlabelled):
    fold = replace(FOLD, unlabelled=unlabelled)
    record = FitRecord({"weights": (*FOLD.train, *FOLD.test)})
    if unlabelled:
        audit_fit(fold, record, ROWS)
        with pytest.raises(LeakError, match="class_weights"):
            audit_fit(fold, FitRecord({"class_weights": FOLD.test}), ROWS)
    else:
        with pytest.raises(LeakError, match="weights"):
            audit_fit(fold, record, ROWS)


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
