"""The settings of a protocol, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.protocols.splitters import Protocol

PROTOCOLS: Registry[Protocol] = Registry(
    "protocol",
    {
        "loso": "merkit.protocols.splitters:LOSO",
        "group_kfold": "merkit.protocols.splitters:GROUP_KFOLD",
        "stratified_kfold": "merkit.protocols.splitters:STRATIFIED_KFOLD",
        "holdout_database": "merkit.protocols.splitters:HOLDOUT_DATABASE",
        "leave_one_database_out": "merkit.protocols.splitters:LEAVE_ONE_DATABASE_OUT",
        "composite": "merkit.protocols.splitters:COMPOSITE",
        "cross_database": "merkit.protocols.splitters:CROSS_DATABASE",
        "official": "merkit.protocols.splitters:OFFICIAL",
        "frozen": "merkit.protocols.splitters:FROZEN",
    },
    group="merkit.protocols",
)


@dataclass(frozen=True)
class ProtocolConfig:
    """How clips are divided into training, validation and test.

    Args:
        name: of ``PROTOCOLS``. ``loso`` leave one subject out; ``group_kfold`` k folds of subjects;
            ``stratified_kfold`` k folds of clips, classes balanced, marked
            subject-dependent; ``holdout_database`` train on one database, test on another,
            every direction (MEGC2018 HDE); ``leave_one_database_out`` train on all databases but
            one, test on that one (CD6ME); ``composite`` leave one subject out over several
            databases (MEGC2019 CDE); ``cross_database`` train databases to test databases;
            ``official`` the split printed with the database (DFME test A and B); ``frozen``
            a manifest written before.
        n_splits: k of the k-fold protocols (DFME: 10).
        balance: what the folds of ``group_kfold`` balance: ``clips`` deals the largest
            subjects first to the smallest fold; ``subjects`` is scikit-learn's
            ``KFold(n_splits, shuffle=True, random_state=seed)`` over the sorted subject
            keys, as public DFME code does.
        seed: of every random choice; the same folds on every machine and library version.
        val_share: share of the training subjects held out for choosing the epoch; 0 for no
            validation side.
        val_min_subjects: at least this many of them.
        train_databases, test_databases: the sides of ``cross_database``; the training
            databases are joined, each test database is one fold.
        adapt: give the target's clips, without labels, to training
            (``Fold.unlabelled``); marked transductive.
        train_split, test_splits: the sides of ``official`` (``ClipRow.split``); no
            ``test_splits`` means every other split, one fold each.
        manifest: the file of ``frozen``.

    Raises:
        ConfigError: a value out of its range, or one the protocol has no use for.
    """

    name: str = "loso"
    n_splits: int = 5
    balance: Literal["clips", "subjects"] = "clips"
    seed: int = 0
    val_share: float = 0.1
    val_min_subjects: int = 1
    train_databases: tuple[str, ...] = ()
    test_databases: tuple[str, ...] = ()
    adapt: bool = False
    train_split: str = "train"
    test_splits: tuple[str, ...] = ()
    manifest: Path | None = None

    def __post_init__(self) -> None:
        wanted = {
            "n_splits": (self.n_splits >= 2, "2 or more"),
            "seed": (0 <= self.seed < 2**32, "0 to 4294967295"),
            "val_share": (
                0 <= self.val_share < 1,
                "a share of the training subjects, from 0 (no validation) to below 1",
            ),
            "val_min_subjects": (
                self.val_min_subjects >= 1,
                "1 or more; for no validation side set val_share to 0",
            ),
        }
        check_settings(self, "protocol", wanted)
        if self.name not in PROTOCOLS:
            PROTOCOLS[self.name]  # raises, with the nearest name
        if self.adapt and not PROTOCOLS[self.name].adaptable:
            usable, _ = PROTOCOLS.load_all()
            fit = [name for name, protocol in usable.items() if protocol.adaptable]
            raise ConfigError(
                f"adapt=True with protocol '{self.name}'",
                f"one of {', '.join(fit)}",
                "set adapt to false, or choose a protocol with a target database",
            )
        if (self.name == "frozen") != (self.manifest is not None):
            raise ConfigError(
                f"protocol '{self.name}' with manifest {self.manifest}",
                "a manifest with protocol 'frozen', and only there",
            )
        if self.name == "cross_database":
            self._check_sides()

    def _check_sides(self) -> None:
        train, test = set(self.train_databases), set(self.test_databases)
        if not train or not test or train & test:
            raise ConfigError(
                f"train_databases {sorted(train)}, test_databases {sorted(test)}",
                "at least one on each side, none on both",
                "name both sides of the cross-database protocol",
            )
