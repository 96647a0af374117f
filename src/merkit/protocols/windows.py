"""Folds for what was spotted: a window is classified by a model that never saw its subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from merkit.errors import ConfigError
from merkit.protocols.config import ProtocolConfig
from merkit.protocols.folds import FoldSet, fold_set
from merkit.protocols.make import fold_of
from merkit.protocols.splitters import Division
from merkit.protocols.table import ClipRow, checked
from merkit.types import Fold


def window_folds(
    folds: FoldSet, clips: Iterable[ClipRow], windows: Iterable[ClipRow], config: ProtocolConfig
) -> FoldSet:
    """The folds of annotated clips with the windows of the same test subjects to be predicted.

    Training and validation sides are those of recognition. A subject of whom there are windows and
    no clip has a fold of its own, trained on everybody else. Folds without windows are left out.

    Raises:
        ConfigError: a protocol that does not test every subject once, in a fold that it has no
            other part in.
        DatasetError: as ``checked``.
    """
    own = {row.clip_id for row in clips}
    table = checked([*clips, *windows])
    if folds.marks:
        raise _unfit(folds, f"is {' and '.join(folds.marks)}")
    subject = {row.clip_id: row.subject_key for row in table}
    known = {subject[clip_id] for clip_id in own}
    tested = _tested(folds, subject)
    found: dict[str, Fold] = {fold.name: replace(fold, test=()) for fold in folds.folds}
    for row in table:
        if row.clip_id in own:
            continue
        who = row.subject_key
        if who in known and who not in tested:
            raise _unfit(folds, f"tests subject '{who}' nowhere")
        name = tested.get(who, who)
        if name not in found:
            everybody = tuple(row for row in table if row.clip_id in own)
            found[name] = fold_of(Division(name, everybody, ()), config)
        found[name] = replace(found[name], test=(*found[name].test, row.clip_id))
    wanted = [fold for fold in found.values() if fold.test]
    protocol = f"{folds.protocol}, what was spotted"
    return fold_set(wanted, protocol) if wanted else FoldSet(protocol, None, ())


def _tested(folds: FoldSet, subject: dict[str, str]) -> dict[str, str]:
    """Subject -> the one fold that tests it."""
    home: dict[str, str] = {}
    for fold in folds.folds:
        for who in {subject[clip_id] for clip_id in fold.test}:
            if home.setdefault(who, fold.name) != fold.name:
                raise _unfit(folds, f"tests subject '{who}' in several folds")
    return home


def _unfit(folds: FoldSet, why: str) -> ConfigError:
    return ConfigError(
        f"protocol '{folds.protocol}' {why}",
        "one that tests every subject in one fold: loso, group_kfold or composite",
        "choose another protocol.name for spot-recognise",
    )
