"""Numbers of clips, subjects and labels beside the published ones, and versions of sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merkit.datasets.base import Database, Expected
from merkit.datasets.label_maps import class_counts
from merkit.datasets.sheets import shipped_table
from merkit.errors import DatasetError
from merkit.findings import Finding
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
) -> tuple[list[Count], list[Finding]]:
    """Every count, and a finding for each group of counts that differs."""
    expected = database.expected.get(variant, Expected())
    counts = [
        Count("clips", expected.clips, len(clips)),
        Count("subjects", expected.subjects, len({clip.subject_key for clip in clips})),
        *_emotions(expected, clips),
    ]
    findings = list(_differing("counts", counts, expected.source))
    # published counts of classes are those of the first variant; other parts have fewer clips
    same = expected == database.expected.get(database.variants[0], Expected())
    for task in database.label_maps:
        try:
            found = class_counts(task, clips)
        except DatasetError as error:
            findings.append(Finding("note", f"map {task.name}", error.found, fix=error.fix))
            continue
        published = task.counts if same and task.counts else [None] * len(found)
        rows = zip(task.classes, published, found, strict=True)
        own = [Count(f"{task.name}: {name}", wanted, number) for name, wanted, number in rows]
        counts += own
        findings += _differing(f"map {task.name}", own, task.citation)
    return (counts, findings) if clips else ([], [])


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
        fix = "judge whether this is another release or an edited copy, and name it in every result"
        yield Finding("differs", what, f"{told}; source: {source}", fix=fix)


def sheet_notes(name: str, clips: Sequence[Clip]) -> Iterator[Finding]:
    """The versions of the sheets that were read, by fingerprint."""
    sheets = {clip.raw.get(field, "") for clip in clips for field in _SHEET_FIELDS} - {""}
    table = shipped_table("fingerprints")
    known = {row["sha256_prefix"]: row["what"] for row in table}
    public = any(row["dataset"] == name for row in table)
    for sheet in sorted(sheets):
        what = known.get(sheet.rpartition("sha256:")[2], "" if public else "read")
        detail = f"{sheet}: {what}" if what else f"{sheet}: not a version checked for merkit"
        fix = "" if what else "its counts are those above; name the version in every result"
        yield Finding("note", "sheet", detail, fix=fix)
