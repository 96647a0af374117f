"""A finished run on action units, written and read in one place: run.json, metrics.json,
predictions.parquet. Their fields are a contract (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.errors import StoreError
from merkit.files import write_json
from merkit.report.result import AGAIN, read_document, read_metrics
from merkit.scoring.unit_scores import UnitScores
from merkit.tables import read_parquet, write_parquet

UNITS_TASK = "au"


@dataclass(frozen=True)
class UnitResult:
    """``document`` of run.json, ``scores`` of metrics.json, and ``predictions``, one row a test
    prediction: clip_id, subject, dataset, fold, seed, y_true_<unit>, y_pred_<unit>, p_<unit>."""

    folder: Path
    document: Mapping[str, Any]
    scores: UnitScores
    predictions: pd.DataFrame

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the evaluation, with those of the method in full."""
        return dict(self.document["settings"])

    def write(self) -> None:
        """Write metrics.json and predictions.parquet, each whole or not at all."""
        write_parquet(self.folder / "predictions.parquet", self.predictions)
        write_json(self.folder / "metrics.json", asdict(self.scores))


def read_unit_result(folder: Path) -> UnitResult:
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
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "a finished run", AGAIN) from None
    return UnitResult(folder, document, scores, predictions)
