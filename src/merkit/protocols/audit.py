"""The leak audit: of folds before training, and of what was fitted after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from merkit.errors import LeakError
from merkit.protocols.config import PROTOCOLS
from merkit.protocols.folds import SUBJECT_DEPENDENT, TRANSDUCTIVE, FoldSet
from merkit.protocols.table import ClipRow
from merkit.subjects import one_spelling
from merkit.types import Fold

#: sides of a fold whose clips may be read for each use (``training.reader.Use``)
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "fit": ("train",),
    "normalise": ("train",),
    "select": ("train", "val"),
    "adapt": ("unlabelled",),
    "predict": ("test",),
}


def audit_folds(
    foldset: FoldSet, table: Iterable[ClipRow], contents: Mapping[str, str] | None = None
) -> None:
    """Refuse folds through which a test subject could reach training.

    Rules: every clip is known; train, validation and test share no clip and (unless marked
    subject-dependent) no subject; no content stands under two names on two sides;
    unlabelled clips only under the transductive mark, and never a training or validation
    clip; each clip is tested exactly once where the protocol says so.

    Args:
        foldset: to check.
        table: every clip of the run.
        contents: clip id -> hash of its frames, where known.

    Raises:
        LeakError: the first broken rule, with fold and clip.
    """
    subject = _subjects(table)
    for fold in foldset.folds:
        _check_known(fold, subject)
        _check_twice(fold)
        _check_apart(fold, {c: c for c in subject}, "clip", "every clip on one side only")
        if SUBJECT_DEPENDENT not in foldset.marks:
            _check_apart(fold, subject, "subject", "every subject on one side only")
        if contents is not None:
            _check_apart(fold, contents, "content", "the same frames on one side only")
        _check_unlabelled(fold, subject, foldset.marks)
    if foldset.protocol in PROTOCOLS and PROTOCOLS[foldset.protocol].tested_once:
        _check_tested_once(foldset, subject)


def audit_windows(
    foldset: FoldSet,
    clips: Iterable[ClipRow],
    windows: Iterable[ClipRow],
    contents: Mapping[str, str] | None = None,
) -> None:
    """Refuse folds in which a window of a recording is predicted by a model that saw its subject,
    or in which one is trained on. The rules of ``audit_folds`` hold, and each window is predicted
    once.

    Args:
        clips: the annotated clips.
        windows: what was spotted.
        contents: as for ``audit_folds``; of what lies in a recording, that of the recording.

    Raises:
        LeakError: the first broken rule.
    """
    spotted = {row.clip_id: row.subject_key for row in windows}
    audit_folds(foldset, [*clips, *windows], contents)
    for fold in foldset.folds:
        for clip_id in (*fold.train, *fold.val):
            if clip_id in spotted:
                raise LeakError(
                    f"window '{clip_id}' is trained on in fold '{fold.name}'",
                    "rule: only annotated clips are trained on",
                )
    _check_tested_once(foldset, spotted)


def audit_reads(
    fold: Fold, served: Mapping[str, tuple[str, ...]], table: Iterable[ClipRow]
) -> None:
    """Refuse a training that read more than its fold allows.

    Training clips may be read for anything, validation clips to select (an epoch, a threshold), the
    fold's unlabelled clips to adapt, test clips to predict once the model stands.

    Args:
        served: what the training's reader handed out: use -> clip ids.
        table: every clip of the run.

    Raises:
        LeakError: the first clip that was read and must not be, with what it was read for.
    """
    for use, ids in served.items():
        sides = _ALLOWED.get(use, ("train",))
        allowed = {clip_id for side in sides for clip_id in getattr(fold, side)}
        wrong = sorted(set(ids) - allowed)
        if wrong:
            side = _side(fold, wrong[0], _subjects(table))
            raise LeakError(
                f"clip '{wrong[0]}', {side}, was read to '{use}' in fold "
                f"'{fold.name}' ({len(wrong)} such clip(s))",
                f"rule: only clips of {' and '.join(sides)} are read to '{use}'",
                "take what is fitted from the training clips that the fold hands out",
            )


def _subjects(table: Iterable[ClipRow]) -> dict[str, str]:
    """Clip id -> subject, whatever its spelling."""
    keys = {row.clip_id: row.subject_key for row in table}
    used = one_spelling(keys.values())
    return {clip_id: used.get(key, key) for clip_id, key in keys.items()}


def _side(fold: Fold, clip_id: str, subject: Mapping[str, str]) -> str:
    if clip_id in fold.test:
        return "a test clip"
    if clip_id in fold.val:
        return "a validation clip"
    if clip_id not in subject:
        return "which is no clip of this run"
    if subject[clip_id] in {subject[c] for c in fold.test}:
        return f"of test subject '{subject[clip_id]}'"
    return "which is on no side of the fold"


def _check_known(fold: Fold, subject: Mapping[str, str]) -> None:
    for clip_id in (*fold.train, *fold.val, *fold.test, *fold.unlabelled):
        if clip_id not in subject:
            raise LeakError(
                f"clip '{clip_id}' of fold '{fold.name}' is not in the table of clips",
                "rule: only clips whose subject is known",
                "build the folds from the same clips",
            )


def _check_twice(fold: Fold) -> None:
    for name, side in (("train", fold.train), ("val", fold.val), ("test", fold.test)):
        for clip_id, times in Counter(side).items():
            if times > 1:
                raise LeakError(
                    f"clip '{clip_id}' stands {times} times in {name} of fold '{fold.name}'",
                    "rule: every clip once a side",
                )


def _check_apart(fold: Fold, key: Mapping[str, str], what: str, rule: str) -> None:
    """No value of ``key`` (clip, subject, content) on two sides of the fold."""
    sides = (("train", fold.train), ("val", fold.val), ("test", fold.test))
    first: dict[str, tuple[str, str]] = {}
    for name, side in sides:
        for clip_id in side:
            if clip_id not in key:
                continue  # content not known
            other_side, other = first.setdefault(key[clip_id], (name, clip_id))
            if other_side != name:
                relation = (
                    f"is also in {other_side}"
                    if what == "clip"
                    else f"has the {what} '{key[clip_id]}' of clip '{other}' in {other_side}"
                )
                raise LeakError(
                    f"clip '{clip_id}' in {name} of fold '{fold.name}' {relation}",
                    f"rule: {rule}",
                    "divide by subject, and drop duplicates first",
                )


def _check_unlabelled(fold: Fold, subject: Mapping[str, str], marks: tuple[str, ...]) -> None:
    if fold.unlabelled and TRANSDUCTIVE not in marks:
        raise LeakError(
            f"clip '{fold.unlabelled[0]}' of fold '{fold.name}' is given to training "
            "without its label",
            f"rule: unlabelled target clips only under the mark '{TRANSDUCTIVE}'",
            "mark the fold set, or drop the unlabelled clips",
        )
    labelled = {*fold.train, *fold.val}
    for clip_id in fold.unlabelled:
        if clip_id in labelled:
            raise LeakError(
                f"clip '{clip_id}' of fold '{fold.name}' is both unlabelled and labelled",
                "rule: unlabelled clips are no training or validation clips",
            )


def _check_tested_once(foldset: FoldSet, subject: Mapping[str, str]) -> None:
    times = Counter(clip_id for fold in foldset.folds for clip_id in fold.test)
    for clip_id in subject:
        if times[clip_id] != 1:
            raise LeakError(
                f"clip '{clip_id}' is tested in {times[clip_id]} folds",
                f"rule: '{foldset.protocol}' tests every clip exactly once",
                "rebuild the folds from this table of clips",
            )
