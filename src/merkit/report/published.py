"""Published scores of the same task, to stand beside ours (percent, as printed)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files

from merkit.scoring.metrics import MAIN_METRIC

#: a database of the clips of another -> the one whose scores are printed
_SAME_CLIPS = {"flow-maps": "megc2019"}


@dataclass(frozen=True)
class PublishedScore:
    """One printed score. ``values``: by metric, those that were printed. ``selection``: how the
    epoch was chosen, as far as it is known. ``note``: what else is known of the protocol, and where
    the number was seen if not in the cited text."""

    data: str
    classes: str
    method: str
    citation: str
    selection: str
    note: str
    values: Mapping[str, float]


@lru_cache(maxsize=1)
def published_scores() -> tuple[PublishedScore, ...]:
    """Every score of the table that ships with merkit."""
    text = (files("merkit.report") / "data" / "published.csv").read_text(encoding="utf-8")
    return tuple(_score(row) for row in csv.DictReader(text.splitlines()))


def published_for(data: Sequence[str], n_classes: int) -> tuple[PublishedScore, ...]:
    """Scores printed for this database and number of classes, best UF1 first.

    Only a single database has comparable rows; parts such as DFME's tests match by
    ``name:part``, and flow images by the clips they were made of.
    """
    if len(data) != 1:
        return ()
    name = _SAME_CLIPS.get(data[0], data[0])
    rows = [
        s
        for s in published_scores()
        if s.data.split(":")[0] == name and s.classes == str(n_classes)
    ]
    return tuple(sorted(rows, key=lambda s: -s.values.get(MAIN_METRIC, 0.0)))


def _score(row: dict[str, str]) -> PublishedScore:
    fixed = {f.name: row.pop(f.name) for f in fields(PublishedScore) if f.name in row}
    values = {name: float(cell) for name, cell in row.items() if cell}
    return PublishedScore(values=values, **fixed)
