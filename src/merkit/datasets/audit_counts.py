"""Numbers of clips, subjects and labels beside the published ones, and versions of sheets."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from merkit.datasets.base import Database, Expected
from merkit.datasets.findings import Finding
from merkit.datasets.label_maps import class_counts
from merkit.errors import DatasetError
from merkit.types import Clip

#: Keys of ``Clip.raw`` that name a sheet and its fingerprint.
_SHEET_FIELDS = ("sheet", "megc2019_sheet")


@dataclass(frozen=True, slots=True)
class Count:
    """One number of the audit; ``published`` is None where nothing was published."""

    what: str
    published: int | None
    found: int

    @property
    def differs(self) -> bool:
        """Whether another number was published."""
        return self.published is not None and self.published != self.found


def count_clips(
    database: Database, variant: str, clips: Sequence[Clip]
) -> tuple[tuple[Count, ...], tuple[Finding, ...]]:
    """Every count, and a finding for each group of counts that differs."""
    expected = database.expected.get(variant, Expected())
    subjects = len({clip.subject_key for clip in clips})
    basic = [
        Count("clips", expected.clips, len(clips)),
        Count("subjects", expected.subjects, subjects),
        *_emotions(expected, clips),
    ]
    counts, notes = list(basic), list(_differing("counts", basic, expected.source))
    first = database.expected.get(database.variants[0], Expected())
    for label_map in database.label_maps:
        try:
            found = class_counts(label_map, clips)
        except DatasetError as error:
            notes.append(Finding("note", f"map {label_map.name}", "", error.found, error.fix))
            continue
        # published counts are those of the first variant; other parts have fewer clips
        published = label_map.counts if expected == first else ()
        named = [f"{label_map.name}: {name}" for name in label_map.classes]
        own = [
            Count(name, published[i] if published else None, found[i])
            for i, name in enumerate(named)
        ]
        counts += own
        notes += _differing(f"map {label_map.name}", own, label_map.citation)
    return tuple(counts), tuple(notes) if clips else ()


def _emotions(expected: Expected, clips: Sequence[Clip]) -> Iterator[Count]:
    found = Counter(clip.emotion for clip in clips)
    for emotion in sorted({*expected.emotions, *found}):
        published = expected.emotions.get(emotion, 0) if expected.emotions and emotion else None
        yield Count(f"emotion {emotion or '(none)'}", published, found[emotion])


def _differing(what: str, counts: Sequence[Count], source: str) -> Iterator[Finding]:
    """One finding for the counts of a group that are not as published."""
    differing = [count for count in counts if count.differs]
    if differing:
        told = ", ".join(f"{c.what} {c.found} (published {c.published})" for c in differing[:3])
        told += f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        yield Finding(
            "differs",
            what,
            "",
            f"{told}; source: {source}",
            "judge whether this is another release or an edited copy, and name it in every result",
        )


def sheet_notes(name: str, clips: Sequence[Clip]) -> Iterator[Finding]:
    """The versions of the sheets that were read, by fingerprint."""
    sheets = {clip.raw.get(field, "") for clip in clips for field in _SHEET_FIELDS} - {""}
    known = {row["sha256_prefix"]: row["what"] for row in _checked_sheets()}
    public = any(row["dataset"] == name for row in _checked_sheets())
    for sheet in sorted(sheets):
        what = known.get(sheet.rpartition("sha256:")[2], "" if public else "read")
        detail = f"{sheet}: {what}" if what else f"{sheet}: not a version checked for merkit"
        fix = "" if what else "its counts are those above; name the version in every result"
        yield Finding("note", "sheet", "", detail, fix)


@cache
def _checked_sheets() -> tuple[dict[str, str], ...]:
    """The table of fingerprints: dataset, sha256_prefix, what."""
    text = files("merkit.datasets").joinpath("data/fingerprints.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))
