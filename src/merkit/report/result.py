"""A run as it is read back: run.json, metrics.json and predictions.parquet, checked in one place.

Their fields are a contract (docs/architecture.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.errors import ConfigError, MissingDataError, StoreError

#: of run.json
FORMAT = 1
_RUN_FIELDS = {"identity", "settings", "fold_hash", "classes", "method_marks", "refused_clips"}
_METRIC_FIELDS = {
    *("scores", "classes", "chance", "confusion", "per_class", "per_subject", "folds", "marks"),
    *("training", "n_clips", "n_subjects"),
}
_COLUMNS = ["clip_id", "subject", "dataset", "fold", "seed", "y_true", "y_pred"]
_AGAIN = "run the same 'merkit evaluate' again; it goes on where it stopped"


@dataclass(frozen=True)
class Result:
    """A finished run: ``document`` of run.json, ``metrics`` of metrics.json, and ``predictions``,
    one row a test prediction: clip_id, subject, dataset, fold, seed, y_true, y_pred, p_<class>."""

    folder: Path
    document: Mapping[str, Any]
    metrics: Mapping[str, Any]
    predictions: pd.DataFrame
    name: str = ""

    @property
    def method(self) -> str:
        """Registered name of the method."""
        return str(self.document["settings"]["method"])

    @property
    def data(self) -> str:
        """The databases, as named in the settings."""
        return ", ".join(self.document["settings"]["data"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds, ascending."""
        return tuple(sorted(int(s) for s in self.predictions.seed.unique()))

    @property
    def table(self) -> pd.DataFrame:
        """The predictions in the order in which runs on the same clips are paired."""
        return self.predictions.sort_values(["seed", "clip_id", "fold"], ignore_index=True)


def read_document(folder: Path) -> dict[str, Any]:
    """The content of ``run.json``.

    Raises:
        MissingDataError: no such run.
        StoreError: not readable, or of another format.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise MissingDataError(
            f"{folder} is no run folder (it has no run.json)", "a folder that merkit wrote"
        )
    document = _read_json(path, _RUN_FIELDS, "a run.json of merkit", "")
    if document.get("format") != FORMAT:
        raise StoreError(f"{path} has format {document.get('format')}", f"format {FORMAT}")
    return document


def read_metrics(folder: Path) -> dict[str, Any]:
    """The content of ``metrics.json``.

    Raises:
        StoreError: the run is not finished, or the file is damaged.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise StoreError(
            f"{folder} has no metrics.json: the run is not finished", "a finished run", _AGAIN
        )
    return _read_json(path, _METRIC_FIELDS, "JSON written by merkit", _AGAIN)


def read_result(folder: Path, name: str = "") -> Result:
    """A finished run.

    Raises:
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
    """
    document, metrics = read_document(folder), read_metrics(folder)
    path = folder / "predictions.parquet"
    try:
        predictions = pd.read_parquet(path)
        predictions[_COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "a finished run", _AGAIN) from None
    return Result(folder, document, metrics, predictions, name or folder.name)


def read_results(folders: Sequence[Path]) -> tuple[Result, ...]:
    """Finished runs in the given order; names are folder names, longer where they repeat.

    Raises:
        ConfigError: a folder is named twice.
        MissingDataError, StoreError: as ``read_result``.
    """
    whole = [path.resolve() for path in folders]
    for path in whole:
        if whole.count(path) > 1:
            raise ConfigError(f"{path} is named twice", "every run once")
    names = short_names(whole)
    return tuple(read_result(path, name) for path, name in zip(folders, names, strict=True))


def short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last parts of each path, as many as it takes to make all of them different."""
    longest = max((len(path.parts) for path in paths), default=1)
    for length in range(1, longest + 1):
        names = tuple("/".join(path.parts[-length:]) for path in paths)
        if len(set(names)) == len(names):
            break
    return names


def _read_json(path: Path, fields: set[str], wanted: str, fix: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = sorted(fields - set(content))
    except (ValueError, TypeError, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}", wanted, fix) from None
    if missing or not isinstance(content, dict):
        raise StoreError(f"{path} lacks {missing}", wanted, fix)
    return content
