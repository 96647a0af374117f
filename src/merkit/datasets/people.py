"""Subjects of a database: one spelling each, and what to doubt about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from merkit.datasets.base import noted
from merkit.subjects import likely_aliases, one_spelling, subject_identity
from merkit.types import Clip, Finding

#: fewer people than this say nothing about how classes are spread over people, and fewer clips
#: nothing about how clips are, unless people are named as clips
_FEW, _FEW_CLIPS = 3, 10


def one_spelling_each(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """The clips with every person spelled in one way (``merkit.subjects``), so that nobody stands
    in training and in test under two names; those that were spelled otherwise carry a note."""
    spelling: dict[str, dict[str, str]] = {}
    for dataset in {clip.dataset for clip in clips}:
        spelling[dataset] = one_spelling(c.subject for c in clips if c.dataset == dataset)
    return tuple(_spelled(clip, spelling[clip.dataset]) for clip in clips)


def _spelled(clip: Clip, spelling: Mapping[str, str]) -> Clip:
    used = spelling.get(clip.subject, clip.subject)
    if used == clip.subject:
        return clip
    told = f"'{clip.subject}' is read as '{used}', which is one person in another spelling"
    return replace(noted(clip, {"differs:subject": told}), subject=used)


def people_findings(clips: Sequence[Clip], classes: Mapping[str, str | int]) -> Iterator[Finding]:
    """What makes a division by subject mean less than it says: people who may be one, a subject
    column that holds clips or classes.

    Args:
        classes: clip id -> its class or emotion; clips without one are not looked at for classes.
    """
    yield from _aliases(clips)
    yield from _subject_is_clip(clips)
    yield from _subject_is_class(clips, classes)


def _aliases(clips: Sequence[Clip]) -> Iterator[Finding]:
    for dataset in sorted({clip.dataset for clip in clips}):
        for one, other in likely_aliases({c.subject for c in clips if c.dataset == dataset}):
            detail = f"'{one}' and '{other}' of {dataset} may be one person"
            fix = "if they are, write one name in the annotation; a fold may train on its test"
            yield Finding("differs", "likely one subject", detail, fix=fix)


def _subject_is_clip(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Every clip its own person: leave-one-subject-out then leaves out one clip."""
    people = {clip.subject_key for clip in clips}
    names = {subject_identity(clip.clip_id.rpartition("/")[2]) for clip in clips}
    same = sum(subject_identity(clip.subject) in names for clip in clips)
    if len(people) < max(len(clips), _FEW) or (not same and len(clips) < _FEW_CLIPS):
        return
    told = f", and {same} are named as a clip is" if same else ""
    detail = f"each of the {len(clips)} clips has a subject of its own{told}"
    fix = "check that the column of subjects names people, and not clips"
    yield Finding("differs", "subject is clip", detail, fix=fix)


def _subject_is_class(clips: Sequence[Clip], classes: Mapping[str, str | int]) -> Iterator[Finding]:
    """Every person with one class only: who is in a clip then says its class."""
    shown: defaultdict[str, set[str | int]] = defaultdict(set)
    number: Counter[str] = Counter()
    for clip in clips:
        if classes.get(clip.clip_id, "") != "":
            shown[clip.subject_key].add(classes[clip.clip_id])
            number[clip.subject_key] += 1
    several = [key for key, n in number.items() if n > 1]
    kinds = set().union(*shown.values()) if shown else set()
    if (
        len(kinds) > 1
        and len(several) >= min(_FEW, len(kinds))
        and all(len(shown[key]) == 1 for key in several)
    ):
        detail = f"each of {len(several)} subjects with several clips shows one class only"
        fix = "check that the column of subjects names people, and not classes or sessions"
        yield Finding("differs", "subject is class", detail, fix=fix)
