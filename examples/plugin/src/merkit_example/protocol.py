"""``halves``: train on one half of the people, test on the other, both ways."""

from __future__ import annotations

from merkit.protocols.config import ProtocolConfig
from merkit.protocols.splitters import Division, Protocol, Rows
from merkit.protocols.table import subjects_of


def divide(table: Rows, config: ProtocolConfig) -> list[Division]:
    """Two divisions; merkit takes the validation side out, and checks that nobody is on both
    sides."""
    people = subjects_of(table)
    half = set(people[: len(people) // 2])
    one = tuple(row for row in table if row.subject_key in half)
    other = tuple(row for row in table if row.subject_key not in half)
    return [Division("first", other, one), Division("second", one, other)]


PROTOCOL = Protocol(
    "halves",
    "two halves of the people",
    divide,
    tested_once=True,  # checked: every clip in one fold
    folds_matter=True,  # reports list what each fold scored
)
