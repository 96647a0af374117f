"""Inner validation: how many subjects, which classes, and that it is by subject."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from protocol_tables import grid, tables

from merkit.protocols import ClipRow, ProtocolConfig, make_folds
from merkit.protocols.table import checked, subjects_of
from merkit.protocols.validation import validation_subjects


def _missing(rows, val) -> tuple[int, int]:
    """Classes lost from training, classes missing in validation."""
    every = {row.label for row in rows}
    in_val = {row.label for row in rows if row.subject_key in val}
    in_train = {row.label for row in rows if row.subject_key not in val}
    return len(every - in_train), len(every - in_val)


@settings(max_examples=60, deadline=None)
@given(rows=tables(max_subjects=8))
def test_choice_is_as_good_as_any(rows):
    table = checked(rows)
    config = ProtocolConfig(val_share=0.3)
    chosen = validation_subjects(table, config, "fold")
    every_choice = combinations(subjects_of(table), len(chosen))
    assert _missing(table, chosen) == min(_missing(table, set(c)) for c in every_choice)


@pytest.mark.parametrize(
    ("n_subjects", "share", "least", "expected"),
    [
        (10, 0.1, 1, 1),
        (25, 0.1, 1, 3),
        (67, 0.1, 1, 7),
        (4, 0.1, 1, 1),
        (10, 0.1, 3, 3),
        (3, 0.9, 1, 2),
        (10, 0.0, 1, 0),
    ],
)
def test_number_of_validation_subjects(n_subjects, share, least, expected):
    config = ProtocolConfig(val_share=share, val_min_subjects=least)
    assert len(validation_subjects(checked(grid(n_subjects, 1)), config, "f")) == expected


def test_rare_classes_of_two_among_many_subjects_are_on_both_sides():
    """40 subjects are too many to try every choice of 4, and a random one fits two such
    classes about once in 30; the search still finds one."""
    rows = grid(40, 1, n_classes=2)
    rows += [ClipRow(f"d/s{s:02d}/rare", "d", f"d/s{s:02d}", 2) for s in (7, 31)]
    rows += [ClipRow(f"d/s{s:02d}/rarer", "d", f"d/s{s:02d}", 3) for s in (2, 19)]
    for seed in range(10):
        chosen = validation_subjects(checked(rows), ProtocolConfig(seed=seed), "f")
        assert len(chosen) == 4
        assert _missing(rows, chosen) == (0, 0)


def test_choice_differs_between_folds_and_seeds():
    table = checked(grid(30, 1))
    chosen = {
        validation_subjects(table, ProtocolConfig(seed=seed), fold)
        for seed in range(3)
        for fold in ("a", "b", "c")
    }
    assert len(chosen) >= 8


def test_no_validation_side_on_request():
    folds = make_folds(grid(5, 1), ProtocolConfig("loso", val_share=0.0)).folds
    assert all(fold.val == () for fold in folds)
    assert all(len(fold.train) == 12 for fold in folds)


def test_every_unit_that_a_clip_shows_counts():
    """Each of six people shows unit 0; the second and third alone also unit 1, in the same clip."""
    rows = [
        ClipRow(f"d/s{s}/0", "d", f"d/s{s}", 0, units=(0, 1) if s in (1, 2) else (0,))
        for s in range(6)
    ]
    for seed in range(10):
        chosen = validation_subjects(tuple(rows), ProtocolConfig(seed=seed), "f")
        assert len(chosen & {"d/s1", "d/s2"}) == 1, "one of two trains, the other validates"
