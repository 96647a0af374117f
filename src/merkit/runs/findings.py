"""What a reader of a run must doubt about its clips, looked for before anything is trained."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping

from merkit.datasets.people import people_findings
from merkit.errors import MerkitWarning
from merkit.protocols import FoldSet
from merkit.runs.data import LabelledClips
from merkit.types import Finding
from merkit.video.look import Look, near_copies


def find_doubts(
    data: LabelledClips, folds: FoldSet, looks: Mapping[str, Look]
) -> tuple[Finding, ...]:
    """Doubts about people, classes that one person alone shows, and near copies of a clip on two
    sides of a fold; all but notes are warned of."""
    found = [
        *people_findings(data.clips, {row.clip_id: row.label for row in data.rows}),
        *_classes_of_one(data),
        *_copies_on_two_sides(folds, looks),
    ]
    for what in dict.fromkeys(finding.what for finding in found if finding.level != "note"):
        same = [finding for finding in found if finding.what == what]
        more = f", and {len(same) - 1} more" if len(same) > 1 else ""
        warnings.warn(f"{what}: {same[0].detail}{more}", MerkitWarning, stacklevel=2)
    return tuple(found)


def _classes_of_one(data: LabelledClips) -> Iterator[Finding]:
    """A class that one subject alone shows is never trained on where it is tested."""
    people: defaultdict[int, set[str]] = defaultdict(set)
    for row in data.rows:
        for label in row.shown:
            people[label].add(row.subject_key)
    for label, keys in sorted(people.items()):
        if len(keys) == 1:
            who = next(iter(keys))
            detail = (
                f"only {who} shows '{data.classes[label]}', so no training that tests it sees it"
            )
            yield Finding("note", "class of one subject", detail)


def _copies_on_two_sides(folds: FoldSet, looks: Mapping[str, Look]) -> Iterator[Finding]:
    names = sorted(looks)
    for i, j, mirrored in near_copies([looks[name] for name in names]):
        one, other = names[i], names[j]
        apart = sum((one in fold.test) != (other in fold.test) for fold in folds.folds)
        if apart:
            how = ", mirrored" if mirrored else ""
            detail = (
                f"{other} shows the same take as {one}{how}, and stands on another side of "
                f"{apart} folds"
            )
            yield Finding("differs", "near duplicate", detail, other, "keep one of the two")
