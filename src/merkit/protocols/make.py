"""From rows and a protocol's settings to folds."""

from __future__ import annotations

from collections.abc import Iterable

from merkit.errors import ConfigError, StoreError
from merkit.protocols.audit import audit_folds
from merkit.protocols.config import PROTOCOLS, ProtocolConfig
from merkit.protocols.folds import (
    SUBJECT_DEPENDENT,
    TRANSDUCTIVE,
    FoldSet,
    fold_set,
    load_folds,
)
from merkit.protocols.splitters import Division
from merkit.protocols.table import ClipRow, checked, subjects_of
from merkit.protocols.validation import validation_subjects
from merkit.types import Fold


def make_folds(table: Iterable[ClipRow], config: ProtocolConfig) -> FoldSet:
    """The folds of a protocol, audited.

    The result does not depend on the order of the rows. Validation clips are all clips of
    the validation subjects on the training side, in every protocol, also in the
    subject-dependent one. A class may be absent from any side of a fold; nothing is moved to
    avoid it.

    Raises:
        ConfigError: fewer subjects than sides (``val_share`` 0 leaves two), or too little data for
            the protocol.
        DatasetError: the rows contradict themselves.
        LeakError: the division itself leaks (an official split or manifest that shares
            subjects).
        MissingDataError, StoreError: the manifest of ``frozen`` is not there, is broken, or
            names clips that the table does not have.
    """
    ordered = checked(table)
    sides = ("training", "validation", "test") if config.val_share else ("training", "test")
    if len(subjects_of(ordered)) < len(sides):
        raise ConfigError(
            f"{len(subjects_of(ordered))} subject(s) with {len(ordered)} clips",
            f"at least {len(sides)} subjects ({', '.join(sides)})",
            "add subjects, or check the label map",
        )
    foldset = _frozen(ordered, config) if config.name == "frozen" else _made(ordered, config)
    audit_folds(foldset, ordered)
    return foldset


def _made(table: tuple[ClipRow, ...], config: ProtocolConfig) -> FoldSet:
    protocol = PROTOCOLS[config.name]
    folds = [fold_of(division, config) for division in protocol.divide(table, config)]
    marks = []
    if protocol.subject_dependent:
        marks.append(SUBJECT_DEPENDENT)
    if config.adapt:
        marks.append(TRANSDUCTIVE)
    return fold_set(folds, config.name, marks, config)


def fold_of(division: Division, config: ProtocolConfig) -> Fold:
    """A division with its validation clips taken out of the training side."""
    val = validation_subjects(division.train, config, division.name)
    test = tuple(row.clip_id for row in division.test)
    return Fold(
        division.name,
        train=tuple(row.clip_id for row in division.train if row.subject_key not in val),
        val=tuple(row.clip_id for row in division.train if row.subject_key in val),
        test=test,
        unlabelled=test if config.adapt else (),
    )


def _frozen(table: tuple[ClipRow, ...], config: ProtocolConfig) -> FoldSet:
    assert config.manifest is not None  # ProtocolConfig refuses 'frozen' without one
    foldset = load_folds(config.manifest)
    known = {row.clip_id for row in table}
    for fold in foldset.folds:
        for clip_id in (*fold.train, *fold.val, *fold.test, *fold.unlabelled):
            if clip_id not in known:
                raise StoreError(
                    f"{config.manifest} names clip '{clip_id}' (fold '{fold.name}'), "
                    "which this run does not have",
                    "a manifest of the same databases, release and label map",
                    "compare `merkit data check` with the release the manifest was made for",
                )
    return foldset
