"""Fold sets: the divisions of a protocol with their hash, and their manifest file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError, MerkitError, MissingDataError, StoreError
from merkit.files import write_json
from merkit.protocols.config import ProtocolConfig
from merkit.types import Fold

FORMAT = 1
SUBJECT_DEPENDENT = "subject-dependent"
TRANSDUCTIVE = "transductive"
MARKS = (SUBJECT_DEPENDENT, TRANSDUCTIVE)
_SIDES = ("train", "val", "test", "unlabelled")


@dataclass(frozen=True)
class FoldSet:
    """The folds of one protocol over one table of clips.

    ``protocol``: a name of ``ProtocolConfig``, or any other for folds made by hand.
    ``config``: how they were made; None for folds made by hand. ``marks``: what a reader
    must know beside the score. Folds are sorted by name, ids within them too.
    """

    protocol: str
    config: ProtocolConfig | None
    folds: tuple[Fold, ...]
    marks: tuple[str, ...] = ()

    def fold(self, name: str) -> Fold:
        """The fold of that name."""
        return next(fold for fold in self.folds if fold.name == name)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of protocol, marks and folds as canonical JSON.

        It is the identity of the division: independent of the order of the input rows, of
        the machine, and of settings that led to the same folds.
        """
        content = {
            "protocol": self.protocol,
            "marks": list(self.marks),
            "folds": [_to_plain(fold) for fold in self.folds],
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def fold_set(
    folds: Iterable[Fold],
    protocol: str = "custom",
    marks: Sequence[str] = (),
    config: ProtocolConfig | None = None,
) -> FoldSet:
    """A fold set in canonical order; also the way to bring in published folds.

    Raises:
        ConfigError: no fold, a fold name twice, a fold without training or test clips, or
            an unknown mark.
    """
    ordered = sorted((_canonical(fold) for fold in folds), key=lambda fold: fold.name)
    if not ordered:
        raise ConfigError(f"protocol '{protocol}' gives no folds", "at least one")
    names = [fold.name for fold in ordered]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"fold '{twice}' stands twice", "one name a fold")
    for fold in ordered:
        if not fold.train or not fold.test:
            raise ConfigError(
                f"fold '{fold.name}' has {len(fold.train)} training and "
                f"{len(fold.test)} test clips",
                "clips on both sides",
            )
    unknown = set(marks) - set(MARKS)
    if unknown:
        raise ConfigError(f"mark {sorted(unknown)}", f"one of {', '.join(MARKS)}")
    return FoldSet(protocol, config, tuple(ordered), tuple(sorted(set(marks))))


def save_folds(foldset: FoldSet, path: Path) -> None:
    """Write the manifest as JSON, whole or not at all."""
    write_json(
        path,
        {
            "format": FORMAT,
            "hash": foldset.hash,
            "protocol": foldset.protocol,
            "marks": list(foldset.marks),
            "config": None if foldset.config is None else to_mapping(foldset.config),
            "folds": [_to_plain(fold) for fold in foldset.folds],
        },
    )


def load_folds(path: Path) -> FoldSet:
    """Read a manifest and check it against its hash.

    Raises:
        MissingDataError: no such file.
        StoreError: not a manifest of this format, or changed since it was written.
    """
    if not path.is_file():
        raise MissingDataError(f"{path} does not exist", "a fold manifest", "check the path")
    wanted = "a fold manifest written by save_folds"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise StoreError(f"{path} has format {content['format']}", f"format {FORMAT}")
        config = content["config"]
        foldset = fold_set(
            [_from_plain(fold) for fold in content["folds"]],
            content["protocol"],
            content["marks"],
            None if config is None else from_mapping(ProtocolConfig, config),
        )
        stored = content["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: {error!r}", wanted) from None
    except StoreError:
        raise
    except MerkitError as error:
        raise StoreError(f"{path} is no valid manifest: {error.found}", error.wanted) from None
    if foldset.hash != stored:
        raise StoreError(
            f"{path} has hash {foldset.hash[:12]}, and says {str(stored)[:12]}",
            "a manifest that nobody edited",
            "restore it, or build new folds with fold_set and save_folds",
        )
    return foldset


def _canonical(fold: Fold) -> Fold:
    sides = (tuple(sorted(getattr(fold, side))) for side in _SIDES)
    return Fold(fold.name, *sides)


def _to_plain(fold: Fold) -> dict[str, Any]:
    return {"name": fold.name} | {side: list(getattr(fold, side)) for side in _SIDES}


def _from_plain(content: Mapping[str, Any]) -> Fold:
    name, *sides = (content[key] for key in ("name", *_SIDES))
    for ids in sides:
        if not isinstance(ids, list) or not all(isinstance(clip_id, str) for clip_id in ids):
            raise TypeError(f"fold {name!r} has a side that is no list of clip ids")
    if not isinstance(name, str):
        raise TypeError(f"fold name {name!r} is no text")
    return Fold(name, *(tuple(ids) for ids in sides))
