"""People are compared, not the spellings of their names."""

from __future__ import annotations

import pytest

from merkit.errors import LeakError
from merkit.protocols import ClipRow, ProtocolConfig, make_folds
from merkit.protocols.audit import audit_folds
from merkit.protocols.folds import fold_set
from merkit.subjects import likely_aliases, one_spelling, subject_identity
from merkit.types import Fold

SPELLINGS = [
    "SUB01",
    "sub1",
    "sub-01",
    "ｓｕｂ０１",
    "su\u200bb1",
    " Sub 01\t",
    "sub.1",
    "SUB_001",
    "sub٠١",
]


def test_spellings_of_one_person() -> None:
    assert {subject_identity(name) for name in SPELLINGS} == {"sub 1"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s1-2", "s12"),
        ("s1", "s2"),
        ("s1", "p1"),
        ("sub10", "sub1"),
        ("a/1", "b/1"),
        ("?", "!"),
        ("0", ""),
    ],
)
def test_people_that_differ(one: str, other: str) -> None:
    assert subject_identity(one) != subject_identity(other)


def test_a_long_number_is_no_trouble() -> None:
    assert subject_identity("s" + "0" * 50 + "7" * 6000) == "s " + "7" * 6000


def test_the_commonest_spelling_stands_for_all() -> None:
    assert one_spelling(["s1", "S01", "S01", "b"]) == {"s1": "S01", "S01": "S01"}
    assert one_spelling(["s2", "S02"]) == {"s2": "S02", "S02": "S02"}


def test_likely_aliases() -> None:
    names = ["sub1", "1", "casme2_sub05", "sub5", "Müller", "Muller", "s12", "2", "sub7", "SUB07"]
    assert likely_aliases(names) == [("1", "sub1"), ("Muller", "Müller"), ("sub5", "casme2_sub05")]


def test_one_person_in_two_spellings_is_tested_in_one_fold() -> None:
    """Hand-made rows too: each spelling would otherwise be a person of its own."""
    names = ["s1", "S01", "s2", "s3", "s4"]
    table = [ClipRow(f"c{i}", "own", f"own/{name}", i % 2) for i, name in enumerate(names)]
    folds = make_folds(table, ProtocolConfig("loso", val_share=0.0))
    assert len(folds.folds) == 4
    assert ("c0", "c1") in [fold.test for fold in folds.folds]


def test_the_audit_refuses_one_person_on_two_sides_in_two_spellings() -> None:
    table = [ClipRow("a", "own", "own/s1", 0), ClipRow("b", "own", "own/S01", 1)]
    folds = fold_set([Fold("f", train=("a",), val=(), test=("b",))], "by hand", [], None)
    with pytest.raises(LeakError, match="subject"):
        audit_folds(folds, table)
