"""A finished run on action units, written and read in one place: run.json, metrics.json,
predictions.parquet. Their fields are a contract (docs/architecture.md)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from merkit.errors import ConfigError, StoreError
from merkit.report.result import (
    AGAIN,
    COLUMNS,
    AnyResult,
    read_document,
    read_metrics,
    read_result,
    read_task,
    short_names,
)
from merkit.scoring.subjects import Pooling, SubjectTables
from merkit.scoring.unit_scores import UnitScores, tabulate_units
from merkit.tables import read_parquet

UNITS_TASK = "au"


@dataclass(frozen=True)
class UnitResult(AnyResult):
    """A finished run of task ``au``; ``predictions`` have y_true_<unit>, y_pred_<unit> (0 or 1) and
    p_<unit>."""

    told_apart: ClassVar[str] = "action units"

    scores: UnitScores

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scores.units

    @property
    def truth(self) -> list[str]:
        return [f"y_true_{name}" for name in self.scores.units]

    def _counted(self, predictions: pd.DataFrame, pooling: Pooling) -> SubjectTables:
        return tabulate_units(predictions, self.scores.units, pooling)


def read_unit_result(folder: Path, name: str = "") -> UnitResult:
    """A finished run of task ``au``.

    Raises:
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
        ConfigError: a run of another task.
    """
    document, scores = read_document(folder, UNITS_TASK), read_metrics(folder, UnitScores)
    path = folder / "predictions.parquet"
    try:
        predictions = read_parquet(path)
        predictions[[*COLUMNS, *(f"y_true_{unit}" for unit in scores.units)]]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "a finished run", AGAIN) from None
    return UnitResult(folder, document, scores, predictions, name or folder.name)


def read_results(folders: Sequence[Path]) -> tuple[AnyResult, ...]:
    """Finished runs of one task, recognition or ``au``, in the given order; names are folder names,
    longer where they repeat.

    Raises:
        ConfigError: a folder is named twice, or a run of another task.
        MissingDataError, StoreError: as ``read_result``.
    """
    whole = [Path(os.path.realpath(path)) for path in folders]
    for path in whole:
        if whole.count(path) > 1:
            raise ConfigError(f"{path} is named twice", "every run once")
    read = read_unit_result if read_task(folders[0]) == UNITS_TASK else read_result
    named = zip(folders, short_names(whole), strict=True)
    return tuple(read(path, name) for path, name in named)
