"""Splitters: properties on any table, and agreement with scikit-learn."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_tables import MEGC2019, grid, megc2019_rows, tables
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, StratifiedKFold

from merkit.errors import ConfigError, DatasetError, LeakError
from merkit.protocols import (
    ClipRow,
    FoldSet,
    ProtocolConfig,
    audit_folds,
    make_folds,
)
from merkit.protocols.config import PROTOCOLS
from merkit.protocols.splitters import Division, Protocol

QUICK = settings(max_examples=40, deadline=None)
TESTED_ONCE = (
    "loso",
    "group_kfold",
    "stratified_kfold",
    "composite",
    "leave_one_database_out",
)


def _subjects(ids: tuple[str, ...], rows: list[ClipRow]) -> set[str]:
    of = {row.clip_id: row.subject_key for row in rows}
    return {of[clip_id] for clip_id in ids}


@QUICK
@given(
    rows=tables(databases=2),
    name=st.sampled_from(TESTED_ONCE),
    n_splits=st.integers(3, 4),
    seed=st.integers(0, 50),
)
def test_every_clip_is_tested_once_and_sides_are_apart(rows, name, n_splits, seed):
    foldset = make_folds(rows, ProtocolConfig(name, n_splits=n_splits, seed=seed))
    tested = Counter(clip_id for fold in foldset.folds for clip_id in fold.test)
    assert tested == Counter({row.clip_id: 1 for row in rows})
    everything = {row.clip_id for row in rows}
    for fold in foldset.folds:
        assert sorted((*fold.train, *fold.val, *fold.test)) == sorted(everything)
        train, val, test = (_subjects(ids, rows) for ids in (fold.train, fold.val, fold.test))
        assert train
        assert val
        assert not train & val
        if name != "stratified_kfold":
            assert not (train | val) & test


@QUICK
@given(
    rows=tables(databases=2),
    name=st.sampled_from([*TESTED_ONCE, "holdout_database"]),
    data=st.data(),
)
def test_hash_does_not_depend_on_row_order(rows, name, data):
    config = ProtocolConfig(name, n_splits=3)
    other = data.draw(st.permutations(rows))
    first, second = make_folds(rows, config), make_folds(other, config)
    assert first.hash == second.hash
    assert first.folds == second.folds


def test_hash_is_the_same_on_every_machine():
    """Frozen values: a change here breaks every published fold manifest."""
    rows = megc2019_rows()
    hashes = {
        name: make_folds(rows, ProtocolConfig(name, seed=3)).hash[:16]
        for name in ("loso", "group_kfold", "stratified_kfold", "holdout_database")
    }
    assert hashes == {
        "loso": "90d0dd5ab48e914a",
        "group_kfold": "7a1ad936932352cd",
        "stratified_kfold": "18d156742fd22182",
        "holdout_database": "81ac855b9cd63411",
    }


@QUICK
@given(rows=tables())
def test_loso_is_leave_one_group_out(rows):
    ordered = sorted(rows)
    groups = [row.subject_key for row in ordered]
    reference = {
        tuple(ordered[i].clip_id for i in test)
        for _, test in LeaveOneGroupOut().split(groups, groups=groups)
    }
    folds = make_folds(rows, ProtocolConfig("loso")).folds
    assert {fold.test for fold in folds} == reference


@QUICK
@given(rows=tables(min_subjects=4), n_splits=st.integers(2, 4), seed=st.integers(0, 99))
def test_group_kfold_fills_folds_as_scikit_learn_does(rows, n_splits, seed):
    groups = [row.subject_key for row in rows]
    reference = [len(test) for _, test in GroupKFold(n_splits).split(groups, groups=groups)]
    config = ProtocolConfig("group_kfold", n_splits=n_splits, seed=seed, val_share=0)
    assert sorted(len(f.test) for f in make_folds(rows, config).folds) == sorted(reference)


@QUICK
@given(rows=tables(min_subjects=4), n_splits=st.integers(2, 4), seed=st.integers(0, 99))
def test_subject_balance_is_kfold_over_sorted_subjects(rows, n_splits, seed):
    subjects = np.array(sorted({row.subject_key for row in rows}))
    reference = [
        set(subjects[test])
        for _, test in KFold(n_splits, shuffle=True, random_state=seed).split(subjects)
    ]
    config = ProtocolConfig(
        "group_kfold", n_splits=n_splits, seed=seed, balance="subjects", val_share=0
    )
    assert [_subjects(f.test, rows) for f in make_folds(rows, config).folds] == reference


@QUICK
@given(rows=tables(min_subjects=6), n_splits=st.integers(2, 4))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_stratified_kfold_balances_classes_as_scikit_learn_does(rows, n_splits):
    labels = [row.label for row in rows]
    if max(Counter(labels).values()) < n_splits:
        return  # scikit-learn refuses
    of = {row.clip_id: row.label for row in rows}
    folds = make_folds(
        rows, ProtocolConfig("stratified_kfold", n_splits=n_splits, val_share=0)
    ).folds
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    split = StratifiedKFold(n_splits).split(labels, labels)
    reference = [Counter(labels[i] for i in test) for _, test in split]
    for label in set(labels):
        ours = [sum(of[c] == label for c in fold.test) for fold in folds]
        assert sorted(ours) == sorted(counts[label] for counts in reference)


def test_seed_changes_folds_and_validation():
    rows = grid(12, 2)
    hashes = {
        make_folds(rows, ProtocolConfig(name, seed=seed)).hash
        for name in ("loso", "group_kfold", "stratified_kfold")
        for seed in range(4)
    }
    assert len(hashes) == 12


def test_megc2019_composite_has_68_folds_and_full_class_counts():
    rows = megc2019_rows()
    assert len(rows) == 442
    foldset = make_folds(rows, ProtocolConfig("composite"))
    assert len(foldset.folds) == 68
    of = {row.clip_id: row for row in rows}
    tested = [of[clip_id] for fold in foldset.folds for clip_id in fold.test]
    assert Counter(row.label for row in tested) == {0: 250, 1: 109, 2: 83}
    for dataset, (counts, n_subjects) in MEGC2019.items():
        part = [row for row in tested if row.dataset == dataset]
        assert Counter(row.label for row in part) == dict(enumerate(counts))
        assert len({row.subject_key for row in part}) == n_subjects
    for fold in foldset.folds:  # trained on all databases, validated on 7 of 67 subjects
        assert {of[c].dataset for c in fold.train} == set(MEGC2019)
        assert len({of[c].subject_key for c in fold.val}) == 7


def test_holdout_database_gives_both_directions():
    rows = [*grid(4, 1, dataset="casme2"), *grid(5, 1, dataset="samm")]
    foldset = make_folds(rows, ProtocolConfig("holdout_database"))
    assert [fold.name for fold in foldset.folds] == ["casme2_to_samm", "samm_to_casme2"]
    first = foldset.folds[0]
    assert {c.split("/")[0] for c in (*first.train, *first.val)} == {"casme2"}
    assert {c.split("/")[0] for c in first.test} == {"samm"}
    assert first.unlabelled == ()
    assert foldset.marks == ()


def test_three_databases_give_six_directions():
    rows = [row for d in "abc" for row in grid(3, 1, dataset=d)]
    names = [f.name for f in make_folds(rows, ProtocolConfig("holdout_database")).folds]
    assert names == ["a_to_b", "a_to_c", "b_to_a", "b_to_c", "c_to_a", "c_to_b"]


def test_leave_one_database_out_trains_on_all_the_others():
    """Against scikit-learn's LeaveOneGroupOut over the databases."""
    rows = [row for d in "cab" for row in grid(4, 2, dataset=d)]
    config = ProtocolConfig("leave_one_database_out", val_share=0.25)
    foldset = make_folds(rows, config)
    wanted = {}
    datasets = np.array([row.dataset for row in rows])
    for train, test in LeaveOneGroupOut().split(rows, groups=datasets):
        name = str(datasets[test][0])
        wanted[name] = {rows[i].clip_id for i in train}, {rows[i].clip_id for i in test}
    assert {f.name: ({*f.train, *f.val}, {*f.test}) for f in foldset.folds} == wanted
    for fold in foldset.folds:  # a quarter of the eight subjects trained on, whole
        assert len(_subjects(fold.val, rows)) == 2


def test_cross_database_joins_training_databases_and_leaves_others_out():
    rows = [row for d in "abcd" for row in grid(3, 1, dataset=d)]
    config = ProtocolConfig("cross_database", train_databases=("b", "a"), test_databases=("c",))
    (fold,) = make_folds(rows, config).folds
    assert fold.name == "a+b_to_c"
    assert {c[0] for c in (*fold.train, *fold.val)} == {"a", "b"}
    assert {c[0] for c in fold.test} == {"c"}


def test_adaptation_hands_out_target_clips_and_marks_the_folds():
    rows = [row for d in "ab" for row in grid(3, 1, dataset=d)]
    config = ProtocolConfig("holdout_database", adapt=True)
    foldset = make_folds(rows, config)
    assert foldset.marks == ("transductive",)
    assert all(fold.unlabelled == fold.test for fold in foldset.folds)


def _official_rows() -> list[ClipRow]:
    parts = ["train"] * 5 + ["testA"] * 3 + ["testB"] * 2
    return [
        ClipRow(f"{row.clip_id}", row.dataset, row.subject_key, row.label, parts[i // 6])
        for i, row in enumerate(grid(10, 2))
    ]


def test_official_split_gives_one_fold_a_test_part():
    rows = _official_rows()
    foldset = make_folds(rows, ProtocolConfig("official"))
    assert [fold.name for fold in foldset.folds] == ["train_to_testA", "train_to_testB"]
    assert [len(fold.test) for fold in foldset.folds] == [18, 12]
    assert all(len(fold.train) + len(fold.val) == 30 for fold in foldset.folds)
    (only,) = make_folds(rows, ProtocolConfig("official", test_splits=("testB",))).folds
    assert len(only.test) == 12


def test_official_split_that_shares_a_subject_is_refused():
    rows = _official_rows()
    leaked = [
        ClipRow(r.clip_id, r.dataset, "d/s00", r.label, r.split) if r.split == "testA" else r
        for r in rows
    ]
    with pytest.raises(LeakError, match="d/s00"):
        make_folds(leaked, ProtocolConfig("official"))


def test_a_class_of_one_subject_stays_in_training():
    rows = [*grid(5, 2, n_classes=2), ClipRow("d/s03/rare", "d", "d/s03", 2)]
    foldset = make_folds(rows, ProtocolConfig("loso"))
    of = {row.clip_id: row.label for row in rows}
    for fold in foldset.folds:
        labels = [{of[c] for c in side} for side in (fold.train, fold.val, fold.test)]
        if fold.name == "d/s03":
            assert labels == [{0, 1}, {0, 1}, {0, 1, 2}]
        else:
            assert "d/s03/rare" in fold.train
            assert labels == [{0, 1, 2}, {0, 1}, {0, 1}]


@pytest.mark.parametrize(
    ("rows", "config", "words"),
    [
        (grid(2, 3), ProtocolConfig("loso"), "at least 3 subjects"),
        ([], ProtocolConfig("loso"), "0 subject"),
        (grid(4, 1), ProtocolConfig("group_kfold", n_splits=5), "lower n_splits"),
        (grid(3, 1), ProtocolConfig("stratified_kfold", n_splits=10), "lower n_splits"),
        (  # the one large subject fills a fold, so the other fold trains on it alone
            [*grid(1, 9), *grid(3, 1, dataset="e")],
            ProtocolConfig("group_kfold", n_splits=2),
            "trains on 1 subject",
        ),
        (grid(4, 1), ProtocolConfig("composite"), "use protocol 'loso'"),
        (grid(4, 1), ProtocolConfig("holdout_database"), "two databases"),
        (grid(4, 1), ProtocolConfig("leave_one_database_out"), "two databases"),
        (grid(4, 1), ProtocolConfig("loso", val_min_subjects=3), "left for training"),
        (grid(4, 1), ProtocolConfig("official"), "no clip is in split 'train'"),
        (_official_rows(), ProtocolConfig("official", test_splits=("testC",)), "testC"),
        (_official_rows(), ProtocolConfig("official", test_splits=("train",)), "other than"),
        (
            grid(4, 1),
            ProtocolConfig("cross_database", train_databases=("d",), test_databases=("x",)),
            "'x'",
        ),
    ],
)
def test_too_little_data_is_refused(rows, config, words):
    with pytest.raises(ConfigError, match=words):
        make_folds(rows, config)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*grid(3, 1), grid(3, 1)[0]], "stands twice"),
        ([*grid(3, 1), ClipRow("x", "other", "d/s00", 0)], "unique across databases"),
        ([*grid(3, 1), ClipRow("x", "d", "d/s00", -1)], "label -1"),
    ],
)
def test_rows_that_contradict_themselves_are_refused(rows, words):
    with pytest.raises(DatasetError, match=words):
        make_folds(rows, ProtocolConfig("loso"))


@pytest.mark.parametrize(
    "values",
    [
        {"n_splits": 1},
        {"seed": -1},
        {"val_share": 1.0},
        {"val_share": -0.1},
        {"val_min_subjects": 0},
        {"adapt": True},
        {"name": "frozen"},
        {"name": "cross_database"},
        {"name": "cross_database", "train_databases": ("a",), "test_databases": ("a",)},
        {"manifest": "folds.json"},
    ],
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(ConfigError):
        ProtocolConfig(**values)


def test_every_protocol_says_what_it_is():
    """Beside the splitters' own tests: what reports and audits read of a protocol."""
    found = {name: PROTOCOLS[name] for name in PROTOCOLS}
    assert all(protocol.name == name for name, protocol in found.items())
    assert all(len(protocol.title) > 5 for protocol in found.values())
    once = {name for name, protocol in found.items() if protocol.tested_once}
    assert once == set(TESTED_ONCE)
    dependent = {name for name, protocol in found.items() if protocol.subject_dependent}
    assert dependent == {"stratified_kfold"}
    databases = {"holdout_database", "leave_one_database_out", "cross_database"}
    assert {name for name, protocol in found.items() if protocol.adaptable} == databases
    by_itself = {name for name, protocol in found.items() if protocol.folds_matter}
    assert by_itself == {*databases, "official"}


@pytest.mark.parametrize("name", ["loso", "group_kfold", "official", "stratified_kfold"])
def test_only_a_protocol_with_a_target_database_adapts(name):
    with pytest.raises(ConfigError, match="one of holdout_database, leave_one"):
        ProtocolConfig(name, adapt=True)


def test_an_unknown_protocol_is_told_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown protocol 'losso'[\s\S]*did you mean 'loso'"):
        ProtocolConfig("losso")


def test_a_protocol_of_ones_own_is_divided_and_audited_like_the_others(monkeypatch):
    monkeypatch.setattr(PROTOCOLS, "_scripts", {})

    def first_against_rest(table, config):
        first = table[0].subject_key
        sides = [tuple(r for r in table if (r.subject_key == first) == own) for own in (0, 1)]
        return [Division("first", *sides)]

    PROTOCOLS.register(Protocol("first", "the first subject", first_against_rest))
    rows = grid(5, 2)
    (fold,) = make_folds(rows, ProtocolConfig("first", val_share=0)).folds
    assert _subjects(fold.test, rows) == {"d/s00"}
    assert _subjects(fold.train, rows) == {f"d/s0{i}" for i in range(1, 5)}
    PROTOCOLS.register(Protocol("once", "the same", first_against_rest, tested_once=True))
    with pytest.raises(LeakError, match="is tested in 0 folds"):
        make_folds(rows, ProtocolConfig("once"))


def test_fold_names_sort_as_numbers():
    rows = grid(12, 1)
    foldset: FoldSet = make_folds(rows, ProtocolConfig("group_kfold", n_splits=11))
    names = [fold.name for fold in foldset.folds]
    assert all(int(a[5:]) + 1 == int(b[5:]) for a, b in pairwise(names))
    audit_folds(foldset, rows)
