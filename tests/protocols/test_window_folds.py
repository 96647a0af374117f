"""What was spotted of a subject is predicted in the fold that tests that subject."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_tables import grid, tables

from merkit.errors import ConfigError
from merkit.protocols import (
    ClipRow,
    FoldSet,
    ProtocolConfig,
    audit_windows,
    fold_set,
    make_folds,
    window_folds,
)

LOSO = ProtocolConfig("loso")


def windows(*subjects: str, dataset: str = "d", each: int = 2) -> list[ClipRow]:
    return [
        ClipRow(f"{who} window {i}", dataset, f"{dataset}/{who}", 0)
        for who in subjects
        for i in range(each)
    ]


def sides(folds: FoldSet, name: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    fold = folds.fold(name)
    return fold.train, fold.val, fold.test


def test_training_sides_are_those_of_recognition() -> None:
    clips = grid(4, 1)
    folds = make_folds(clips, LOSO)
    found = window_folds(folds, clips, windows("s01", "s03"), LOSO)
    assert [fold.name for fold in found.folds] == ["d/s01", "d/s03"]  # others have no windows
    for name in ("d/s01", "d/s03"):
        assert sides(found, name)[:2] == sides(folds, name)[:2]
    assert found.fold("d/s01").test == ("s01 window 0", "s01 window 1")
    assert found.protocol != folds.protocol  # its hash is that of another division
    assert found.hash != folds.hash


def test_a_subject_without_clips_has_a_fold_trained_on_everybody_else() -> None:
    clips = grid(4, 1)
    found = window_folds(make_folds(clips, LOSO), clips, windows("s09"), LOSO)
    (fold,) = found.folds
    assert fold.name == "d/s09"
    assert {*fold.train, *fold.val} == {row.clip_id for row in clips}
    assert fold.val


def test_a_subject_in_another_spelling_is_no_other_subject() -> None:
    clips = grid(4, 1)
    found = window_folds(make_folds(clips, LOSO), clips, windows("S-1"), LOSO)
    (fold,) = found.folds
    assert fold.name == "d/s01"


def test_groups_of_subjects_serve() -> None:
    clips, config = grid(6, 1), ProtocolConfig("group_kfold", n_splits=3)
    folds = make_folds(clips, config)
    spotted = windows("s00", "s01", "s02", "s03", "s04", "s05", each=1)
    found = window_folds(folds, clips, spotted, config)
    assert len(found.folds) == 3
    for fold in found.folds:
        who = {text.split()[0] for text in fold.test}
        assert who == {text.split("/")[1] for text in folds.fold(fold.name).test}


@given(tables(min_subjects=4), st.data())
def test_no_window_meets_a_model_of_its_subject(clips: list[ClipRow], data: st.DataObject) -> None:
    subjects = [f"{i}" for i in range(14)]  # some with clips, some without
    chosen = data.draw(st.lists(st.sampled_from(subjects), min_size=1, unique=True))
    spotted = windows(*chosen, dataset="db0")
    found = window_folds(make_folds(clips, LOSO), clips, spotted, LOSO)
    audit_windows(found, clips, spotted)
    subject = {row.clip_id: row.subject_key for row in (*clips, *spotted)}
    tested = [clip_id for fold in found.folds for clip_id in fold.test]
    assert sorted(tested) == sorted(row.clip_id for row in spotted)
    for fold in found.folds:
        seen = {subject[clip_id] for clip_id in (*fold.train, *fold.val)}
        assert seen.isdisjoint({subject[clip_id] for clip_id in fold.test})


def test_nothing_spotted_gives_no_folds() -> None:
    clips = grid(4, 1)
    assert window_folds(make_folds(clips, LOSO), clips, (), LOSO).folds == ()


def test_protocols_that_do_not_serve_are_refused() -> None:
    clips = [*grid(4, 1), *grid(4, 1, dataset="e"), *grid(4, 1, dataset="f")]
    for config, told in (
        (ProtocolConfig("stratified_kfold", n_splits=3), "subject-dependent"),
        (ProtocolConfig("holdout_database"), "in several folds"),
    ):
        with pytest.raises(ConfigError, match=told):
            window_folds(make_folds(clips, config), clips, windows("s01"), config)
    one = fold_set([make_folds(clips, LOSO).folds[0]], "by hand")
    with pytest.raises(ConfigError, match="tests subject 'd/s01' nowhere"):
        window_folds(replace(one, protocol="by hand"), clips, windows("s01"), LOSO)
