"""Train on one half of the subjects, test on the other, both ways."""

from __future__ import annotations

from merkit.protocols.splitters import Division, Protocol
from merkit.protocols.table import subjects_of


def halves(table, config):
    subjects = subjects_of(table)
    first = set(subjects[: len(subjects) // 2])
    one = tuple(row for row in table if row.subject_key in first)
    other = tuple(row for row in table if row.subject_key not in first)
    return [Division("first", other, one), Division("second", one, other)]


PROTOCOL = Protocol("halves", "two halves", halves, tested_once=True, folds_matter=True)
