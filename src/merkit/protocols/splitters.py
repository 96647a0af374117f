"""The divisions of each protocol into a training side and a test side.

Every splitter takes rows sorted by clip id and returns divisions; the validation side is
drawn afterwards (``validation.py``). Random choices use NumPy's legacy ``RandomState``,
whose stream is frozen by NumPy's policy (NEP 19), so folds do not change between releases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from merkit.errors import ConfigError
from merkit.protocols.config import ProtocolConfig
from merkit.protocols.table import ClipRow, databases_of, subjects_of

Rows = tuple[ClipRow, ...]


@dataclass(frozen=True, slots=True)
class Division:
    """One training side and one test side, before validation clips are taken out."""

    name: str
    train: Rows
    test: Rows


@dataclass(frozen=True)
class Protocol:
    """One way to divide clips into folds.

    ``divide(table, config)``: the divisions of rows sorted by clip id; raises ConfigError where
    the table does not serve. ``tested_once``: every clip is tested in exactly one fold.
    ``subject_dependent``: people stand on both sides, which every report then says.
    ``folds_matter``: a fold means something by itself, so its score is listed. ``adaptable``: the
    test side is another database, which training may see without labels (``adapt``).
    ``reads``: what it divides by that is neither the person, the class nor the database of a clip.
    """

    name: str
    title: str
    divide: Callable[[Rows, ProtocolConfig], list[Division]]
    tested_once: bool = False
    subject_dependent: bool = False
    folds_matter: bool = False
    adaptable: bool = False
    reads: str = ""


def _by_test(table: Rows, part: Mapping[str, str], names: Sequence[str]) -> list[Division]:
    """Divisions from clip id -> name of the fold in which the clip is tested."""
    return [
        Division(
            name,
            tuple(row for row in table if part[row.clip_id] != name),
            tuple(row for row in table if part[row.clip_id] == name),
        )
        for name in names
    ]


def _loso(table: Rows, config: ProtocolConfig) -> list[Division]:
    part = {row.clip_id: row.subject_key for row in table}
    return _by_test(table, part, subjects_of(table))


def _composite(table: Rows, config: ProtocolConfig) -> list[Division]:
    _several(table, config, "use protocol 'loso' for one database")
    return _loso(table, config)


def _group_kfold(table: Rows, config: ProtocolConfig) -> list[Division]:
    subjects = subjects_of(table)
    if len(subjects) < config.n_splits:
        raise ConfigError(
            f"{config.n_splits} folds of {len(subjects)} subjects",
            "at least one subject a fold",
            "lower n_splits",
        )
    random = np.random.RandomState(config.seed)
    order = [subjects[i] for i in random.permutation(len(subjects))]
    fold_of = _deal_subjects(order, table, config)
    names = _fold_names(config.n_splits)
    return _by_test(table, {row.clip_id: names[fold_of[row.subject_key]] for row in table}, names)


def _deal_subjects(order: Sequence[str], table: Rows, config: ProtocolConfig) -> Mapping[str, int]:
    """Subject -> fold number."""
    if config.balance == "subjects":
        blocks = np.array_split(np.arange(len(order)), config.n_splits)
        return {order[place]: i for i, block in enumerate(blocks) for place in block}
    size = Counter(row.subject_key for row in table)
    filled = [0] * config.n_splits
    fold_of = {}
    for subject in sorted(order, key=lambda subject: -size[subject]):
        lightest = filled.index(min(filled))
        fold_of[subject] = lightest
        filled[lightest] += size[subject]
    return fold_of


def _stratified_kfold(table: Rows, config: ProtocolConfig) -> list[Division]:
    """Clips of each class are shuffled and dealt round, so a fold has the floor or the
    ceiling of its share of every class, and fold sizes differ by one at most."""
    if len(table) < config.n_splits:
        raise ConfigError(
            f"{config.n_splits} folds of {len(table)} clips",
            "at least one clip a fold",
            "lower n_splits",
        )
    random = np.random.RandomState(config.seed)
    names = _fold_names(config.n_splits)
    part: dict[str, str] = {}
    for label in sorted({row.label for row in table}):
        ids = [row.clip_id for row in table if row.label == label]
        for i in random.permutation(len(ids)):
            part[ids[i]] = names[len(part) % config.n_splits]
    return _by_test(table, part, names)


def _holdout_database(table: Rows, config: ProtocolConfig) -> list[Division]:
    databases = _several(table, config, "name another database")
    return [_direction(table, (a,), b) for a, b in permutations(databases, 2)]


def _leave_one_database_out(table: Rows, config: ProtocolConfig) -> list[Division]:
    databases = _several(table, config, "name another database")
    return _by_test(table, {row.clip_id: row.dataset for row in table}, databases)


def _several(table: Rows, config: ProtocolConfig, fix: str) -> tuple[str, ...]:
    """The databases of the rows, of which there have to be two."""
    databases = databases_of(table)
    if len(databases) < 2:
        wanted = "two databases or more"
        raise ConfigError(f"protocol '{config.name}' over {list(databases)}", wanted, fix)
    return databases


def _cross_database(table: Rows, config: ProtocolConfig) -> list[Division]:
    found = databases_of(table)
    for name in (*config.train_databases, *config.test_databases):
        if name not in found:
            raise ConfigError(
                f"database '{name}' of the cross-database protocol has no clips here",
                f"one of: {', '.join(found)}",
                "add it to the data of the run, or correct its name",
            )
    return [_direction(table, config.train_databases, test) for test in config.test_databases]


def _direction(table: Rows, train: tuple[str, ...], test: str) -> Division:
    return Division(
        f"{'+'.join(sorted(train))}_to_{test}",
        tuple(row for row in table if row.dataset in train),
        tuple(row for row in table if row.dataset == test),
    )


def _official(table: Rows, config: ProtocolConfig) -> list[Division]:
    found = sorted({row.split for row in table} - {""})
    tests = config.test_splits or tuple(s for s in found if s != config.train_split)
    for name in (config.train_split, *tests):
        if name not in found:
            raise ConfigError(
                f"no clip is in split '{name}'",
                f"one of the splits found: {found}",
                "choose train_split and test_splits among them, or a database that has them",
            )
    if not tests or config.train_split in tests:
        raise ConfigError(
            f"train split '{config.train_split}' with test splits {list(tests)}",
            "test splits other than the training split",
        )
    train = tuple(row for row in table if row.split == config.train_split)
    return [
        Division(
            f"{config.train_split}_to_{test}",
            train,
            tuple(row for row in table if row.split == test),
        )
        for test in tests
    ]


def _fold_names(n_splits: int) -> list[str]:
    width = max(2, len(str(n_splits)))
    return [f"fold-{number:0{width}d}" for number in range(1, n_splits + 1)]


def _no_division(table: Rows, config: ProtocolConfig) -> list[Division]:
    """``make_folds`` reads the manifest of ``frozen``."""
    return []


LOSO = Protocol("loso", "leave one subject out", _loso, tested_once=True)
COMPOSITE = Protocol(
    "composite",
    "leave one subject out over several databases (MEGC2019 CDE)",
    _composite,
    tested_once=True,
)
GROUP_KFOLD = Protocol("group_kfold", "k folds of subjects", _group_kfold, tested_once=True)
STRATIFIED_KFOLD = Protocol(
    "stratified_kfold",
    "k folds of clips, classes balanced",
    _stratified_kfold,
    tested_once=True,
    subject_dependent=True,
)
HOLDOUT_DATABASE = Protocol(
    "holdout_database",
    "train on one database, test on another, every direction (MEGC2018 HDE)",
    _holdout_database,
    folds_matter=True,
    adaptable=True,
)
LEAVE_ONE_DATABASE_OUT = Protocol(
    "leave_one_database_out",
    "train on all databases but one, test on that one (CD6ME)",
    _leave_one_database_out,
    tested_once=True,
    folds_matter=True,
    adaptable=True,
)
CROSS_DATABASE = Protocol(
    "cross_database",
    "train databases to test databases",
    _cross_database,
    folds_matter=True,
    adaptable=True,
)
OFFICIAL = Protocol(
    "official",
    "the split printed with the database",
    _official,
    folds_matter=True,
    reads="the official split of each clip",
)
FROZEN = Protocol(
    "frozen", "a manifest written before", _no_division, reads="the clip ids of a manifest"
)
