"""Published scores of the same task, to stand beside ours (percent, as printed)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from merkit.scoring.metrics import MAIN_METRIC

#: a database of the clips of another -> the one whose scores are printed
_SAME_CLIPS = {"flow-maps": "megc2019"}


@dataclass(frozen=True)
class PublishedScore:
    """One printed score. ``clips``: how many of each class it was scored on, {"": all} where only
    that is known, empty where nothing is. ``values``: by metric, those that were printed.
    ``selection``: how the epoch was chosen, as far as it is known. ``note``: what else is known of
    the protocol, and where the number was seen if not in the cited text."""

    data: str
    classes: str
    clips: Mapping[str, int]
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


def clips_in_words(clips: Mapping[str, int]) -> str:
    """Such as ``145 clips (negative 88, positive 32, surprise 25)``."""
    if not clips:
        return "not stated"
    each = ", ".join(f"{name} {n}" for name, n in clips.items() if name)
    return f"{sum(clips.values())} clips" + (f" ({each})" if each else "")


def _score(row: dict[str, str]) -> PublishedScore:
    words = row["clips"].split()
    clips = dict(zip(words[::2], map(int, words[1::2]), strict=True)) if words[1:] else {}
    if len(words) == 1:
        clips = {"": int(words[0])}
    return PublishedScore(
        data=row["data"],
        classes=row["classes"],
        clips=clips,
        method=row["method"],
        citation=row["citation"],
        selection=row["selection"],
        note=row["note"],
        values={name: float(row[name]) for name in ("uf1", "uar", "acc") if row[name]},
    )
