"""The run folder: its files are a contract (docs/architecture.md).

``run.json``: settings, versions, counts. ``folds.json``: the frozen division.
``folds/<seed>-<fold>/``: one finished fold, which appears whole or not at all, so a run resumes
by fold.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from merkit.config import to_mapping
from merkit.errors import ConfigError, StoreError
from merkit.files import atomic_folder, file_hash, write_json
from merkit.methods.base import Method
from merkit.protocols import FoldSet, save_folds
from merkit.runs.cluster.config import ClusterConfig
from merkit.runs.config import EvaluateConfig
from merkit.runs.fold import FoldOutcome
from merkit.runs.provenance import FREE, begin_run
from merkit.scoring.scores import FoldTraining
from merkit.tables import read_parquet, write_parquet
from merkit.types import Fold

#: in a run folder: scripts and logs of its jobs, where a cluster trains it
CLUSTER = "cluster"


@dataclass(frozen=True)
class StoredFold:
    """A finished fold: ``predictions`` of its test clips (clip_id, y_pred or y_pred_<unit>...,
    p_<class>..., fold, seed) and, where asked for, of every epoch."""

    training: FoldTraining
    predictions: pd.DataFrame
    epochs: pd.DataFrame | None


class RunFolder:
    """Reading and writing one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def finished(self) -> bool:
        """Whether every fold was trained and scored."""
        return (self.path / "metrics.json").is_file()

    def check_free(self) -> None:
        """Refuse a folder that holds something else, before any work is done.

        Raises:
            ConfigError: it is a file, or has files that are no run.
        """
        if (self.path / "run.json").is_file():
            return
        held = self.path.iterdir() if self.path.is_dir() else ()
        if self.path.is_file() or any(one.name != CLUSTER for one in held):
            raise ConfigError(
                f"{self.path} exists and is no run of merkit",
                "a new or empty folder, or one with a part of the same run",
                "choose another --out",
            )

    def pending(self, seeds: Sequence[int], folds: FoldSet) -> list[tuple[Fold, int]]:
        """The folds and seeds that are still to be trained: those that are not stored, or not as
        they were written."""
        every = [(fold, seed) for seed in seeds for fold in folds.folds]
        return [(fold, seed) for fold, seed in every if not self.has_whole(seed, fold)]

    def has_whole(self, seed: int, fold: Fold) -> bool:
        """Whether a fold is stored, of these test clips and as it was written."""
        if not self.has_fold(seed, fold.name):
            return False
        try:
            stored = self.read_fold(seed, fold.name)
        except StoreError:
            return False
        return sorted(stored.predictions.clip_id) == sorted(fold.test)

    def begin(
        self,
        config: EvaluateConfig,
        method: Method,
        folds: FoldSet,
        facts: Mapping[str, Any],
        contents: Mapping[str, str],
    ) -> None:
        """Write ``run.json`` and ``folds.json``, or check that they are of this same run.

        Args:
            facts: what a reader of the run wants to know of its clips.
            contents: hashes of what is scored, such as labels and samples.

        Raises:
            ConfigError: the folder holds another run.
        """
        elsewhere = {f.name for f in fields(ClusterConfig)}  # no part of what was done
        given = {k: v for k, v in to_mapping(config).items() if k not in elsewhere}
        settings = given | method.settings()
        identity = {k: v for k, v in settings.items() if k not in FREE} | {"folds": folds.hash}
        document = {
            "settings": settings,
            "fold_hash": folds.hash,
            "marks": list(folds.marks),
            "method_title": method.title,
            "method_citation": method.citation,
            "method_marks": list(method.marks()),
            "recipe_key": "" if method.recipe is None else method.recipe.key(),
            **facts,
        }
        begin_run(self.path, config.task, identity | dict(contents), document)
        save_folds(folds, self.path / "folds.json")

    def note(self, name: str, value: Any) -> None:
        """Add something to ``run.json`` that does not decide the result."""
        path = self.path / "run.json"
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | {name: value})

    def fold_path(self, seed: int, fold: str) -> Path:
        """Folder of one fold; the digest keeps apart names that read alike ("s 1", "s_1")."""
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", fold)[:80]
        digest = hashlib.sha256(fold.encode()).hexdigest()[:8]
        return self.path / "folds" / f"{seed}-{readable}-{digest}"

    def has_fold(self, seed: int, fold: str) -> bool:
        return (self.fold_path(seed, fold) / "summary.json").is_file()

    def write_fold(self, result: FoldOutcome) -> None:
        """Store one finished fold at once."""
        folder = self.fold_path(result.seed, result.fold)
        shutil.rmtree(folder, ignore_errors=True)  # one that is not whole, and is made again
        tables = {"predictions.parquet": result.predictions, "oracle.parquet": result.oracle}
        with atomic_folder(folder) as temporary:
            hashes = {}
            for name, table in tables.items():
                if table is not None:
                    write_parquet(temporary / name, table)
                    hashes[name] = file_hash(temporary / name)
            place = {"fold": result.fold, "seed": result.seed, "hashes": hashes}
            write_json(temporary / "summary.json", place | asdict(result.summary))

    def read_fold(self, seed: int, fold: str) -> StoredFold:
        """A finished fold.

        Raises:
            StoreError: damaged since it was written.
        """
        folder = self.fold_path(seed, fold)
        try:
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            training = TypeAdapter(FoldTraining).validate_python(summary)
            if (training.fold, training.seed) != (fold, seed):
                raise ValueError(f"it is fold '{training.fold}' with seed {training.seed}")
            tables = {
                name: _read_table(folder / name, wanted).assign(fold=fold, seed=seed)
                for name, wanted in summary["hashes"].items()
            }
            predictions, epochs = tables["predictions.parquet"], tables.get("oracle.parquet")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{folder} cannot be read: {error}",
                "a fold that merkit finished",
                "delete that folder and run the same 'merkit evaluate' again",
            ) from None
        return StoredFold(training, predictions, epochs)


def _read_table(path: Path, wanted: str) -> pd.DataFrame:
    if file_hash(path) != wanted:
        raise ValueError(f"{path.name} is not as it was written")
    return read_parquet(path)
