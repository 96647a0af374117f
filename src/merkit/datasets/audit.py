"""Audit of a database's folder: what ``merkit data check`` prints and writes.

Numbers of clips, subjects and labels stand beside the published ones; what is looked at in each
clip is in :mod:`merkit.datasets.audit_clips`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from merkit.datasets import DATASETS, load_dataset
from merkit.datasets.audit_clips import (
    ClipAudit,
    audit_clip,
    duplicates,
    near_duplicates,
    pixel_key,
)
from merkit.datasets.base import Database, Expected
from merkit.datasets.label_maps import TaskMap, class_counts
from merkit.datasets.people import people_findings
from merkit.datasets.sheets import shipped_table
from merkit.errors import DatasetError
from merkit.files import write_json
from merkit.progress import Progress, silent
from merkit.types import Clip, Finding, Level
from merkit.workers import run_jobs

_LEVELS: tuple[Level, ...] = ("broken", "differs", "note")
#: A sheet in ``Clip.raw``: file (its name may hold brackets), fingerprint, what it is.
_SHEET = re.compile(r"(?P<file>.+ sha256:(?P<mark>[0-9a-f]+))(?: \(.*\))?", re.DOTALL)
#: Frames to decode below which starting further processes costs more than it saves.
FEW_FRAMES = 3000
#: Findings of one kind that the table shows; the JSON file has all.
_SHOWN = 8
#: Keys of ``Clip.raw`` that name a sheet and its fingerprint.
_SHEET_FIELDS = ("sheet", "megc2019_sheet", "objective_class_sheet", "emotion_sheet")


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


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome. ``frames``: images and video frames that the clips reach over; ``pixels``:
    whether they were decoded. ``findings`` come broken first."""

    database: str
    title: str
    variant: str
    root: Path
    clips: int
    subjects: int
    frames: int
    pixels: bool
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> bool:
        """Whether something must be mended before a score means anything."""
        return any(finding.level == "broken" for finding in self.findings)

    def tally(self) -> dict[str, int]:
        """Number of findings at each level."""
        found = Counter(finding.level for finding in self.findings)
        return {level: found[level] for level in _LEVELS}


def check_database(
    name: str,
    root: Path | str,
    variant: str = "",
    pixels: bool = True,
    progress: Progress = silent,
    workers: int = 0,
) -> Audit:
    """Audit one database.

    Looked at are the published numbers of clips, subjects and labels, missing frames and gaps,
    the order onset, apex, offset, what the adapter doubts or corrects and, with ``pixels``,
    unreadable images and clips with the same frames, or nearly so, under two names (across the
    databases of a composite too), and whether subjects are people. What differs from the
    publication is reported and judged by nobody.

    Args:
        workers: processes that decode; 0: one a CPU core.

    Raises:
        ConfigError: unknown database or variant.
        MissingDataError: no such folder, or nothing of this database in it.
    """
    database = DATASETS[name]
    root = Path(root)
    variant = variant or database.usual_variant(root)
    clips: tuple[Clip, ...] = ()
    findings: list[Finding] = []
    try:
        clips = load_dataset(name, root, variant)
    except DatasetError as error:
        findings.append(_unreadable(error))
    try:
        if database.findings is not None:
            findings += database.findings(root, variant, pixel_key if pixels else None)
    except DatasetError as error:
        findings.append(_unreadable(error))
    audits = _audit_clips(database, clips, pixels, progress, workers)
    counts, differing = _count_clips(database, variant, clips)
    findings += [finding for audit in audits for finding in audit.findings]
    findings += [*duplicates(audits), *near_duplicates(audits), *differing]
    findings += [*_sheet_notes(name, clips)]
    findings += people_findings(clips, {clip.clip_id: clip.emotion for clip in clips})
    return Audit(
        database=name,
        title=database.title,
        variant=variant,
        root=root,
        clips=len(clips),
        subjects=len({clip.subject_key for clip in clips}),
        frames=sum(audit.frames for audit in audits),
        pixels=pixels,
        counts=tuple(counts),
        findings=_sorted(findings),
    )


def _unreadable(error: DatasetError) -> Finding:
    wanted = f"; wanted: {error.wanted}" if error.wanted else ""
    return Finding("broken", "cannot be loaded", error.found + wanted, fix=error.fix)


def _audit_clips(
    database: Database, clips: Sequence[Clip], pixels: bool, progress: Progress, workers: int
) -> list[ClipAudit]:
    work = partial(audit_clip, pixels=pixels, known_missing=dict(database.known_missing))
    audits: list[ClipAudit] = []
    alone = not pixels or sum(map(_length, clips)) < FEW_FRAMES
    for audit in run_jobs(work, clips, 1 if alone else workers):
        audits.append(audit)
        progress("checking clips", len(audits), len(clips))
    return sorted(audits, key=lambda audit: audit.clip_id)


def _length(clip: Clip) -> int:
    """Frames that a clip should have; 1 where that is not known."""
    if clip.first_frame is None or clip.last_frame is None:
        return 1
    return max(clip.last_frame - clip.first_frame + 1, 0)


def _count_clips(
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
        if isinstance(task, TaskMap) and task.total is not None and not task.counts:
            own.append(Count(f"{task.name}: all", task.total if same else None, sum(found)))
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


def _sheet_notes(name: str, clips: Sequence[Clip]) -> Iterator[Finding]:
    """The versions of the sheets that were read, by fingerprint."""
    sheets = {clip.raw.get(field, "") for clip in clips for field in _SHEET_FIELDS} - {""}
    table = shipped_table("fingerprints")
    known = {row["sha256_prefix"]: row["what"] for row in table}
    public = any(row["dataset"] == name for row in table)
    for sheet in sorted(sheets):
        named = _SHEET.fullmatch(sheet)
        what = known.get(named["mark"], "") if named else ""
        told = f"audited, {what}" if what else "not a version checked for merkit"
        detail = f"{named['file'] if named else sheet}: {told if what or public else 'read'}"
        fix = "" if what else "its counts are those above; name the version in every result"
        yield Finding("note", "sheet", detail, fix=fix)


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By level, then kind, then clip; what two ways of looking found alike stands once."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (_LEVELS.index(f.level), f.what, f.clip)))


def print_audit(audit: Audit, json_path: Path | None = None) -> None:
    """Print the audit as one table and, if asked, write all of it to one JSON file."""
    print(audit_text(audit))
    if json_path is not None:
        write_json(json_path, asdict(audit) | {"broken": audit.broken, "tally": audit.tally()})
        print(f"written: {json_path}")


def audit_text(audit: Audit) -> str:
    """The table: counts beside the published ones, then the findings by level."""
    looked = "decoded" if audit.pixels else "not opened (pixels=False)"
    lines = [
        f"{audit.title} ({audit.database}, {audit.variant}) at {audit.root}",
        f"{audit.clips} clips, {audit.subjects} subjects, {audit.frames} frames, {looked}",
        "",
    ]
    if audit.counts:
        width = max(len(count.what) for count in audit.counts)
        lines.append(f"{'':{width}}  published  found")
        lines += [_count_line(count, width) for count in audit.counts]
        lines.append("")
    for (level, what), group in groupby(audit.findings, key=lambda f: (f.level, f.what)):
        lines += _group_lines(level, what, list(group))
    found = ", ".join(f"{number} {level}" for level, number in audit.tally().items())
    return "\n".join([*lines, found])


def _count_line(count: Count, width: int) -> str:
    published = "-" if count.published is None else str(count.published)
    mark = "  differs" if count.differs else ""
    return f"{count.what:{width}}  {published:>9}  {count.found:>5}{mark}"


def _group_lines(level: str, what: str, findings: Sequence[Finding]) -> list[str]:
    lines = [f"{level:8}{what} ({len(findings)})"]
    for finding in findings[:_SHOWN]:
        where = f"{finding.clip}: " if finding.clip else ""
        lines.append(f"          {where}{finding.detail}")
    if len(findings) > _SHOWN:
        lines.append(f"          ... and {len(findings) - _SHOWN} more (--json FILE has all)")
    fixes = dict.fromkeys(finding.fix for finding in findings if finding.fix)
    return lines + [f"          do: {fix}" for fix in list(fixes)[:3]]
