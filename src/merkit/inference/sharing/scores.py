"""The run whose score belongs to a model: of the same method, settings and data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merkit.config import told_differences
from merkit.errors import ConfigError, MerkitError
from merkit.inference.modelfolder import LoadedModel
from merkit.report.result import RECOGNITION, Result, as_written, read_result, read_task


def run_of(loaded: LoadedModel, run: Path | None = None) -> Result | None:
    """A run folder that was named, or else one that lies beside the model's folder and has its
    method, settings, data and classes; None where there is none.

    Raises:
        ConfigError: the run that was named is of something else.
        MissingDataError, StoreError: it is none, not finished, or damaged.
    """
    if run is not None:
        result = _read(run)
        different = told_differences(_settings(result.settings), _own(loaded))
        if different:
            raise ConfigError(
                f"{run} is not a run of this model's settings ({different})",
                "a run of the same method, settings and data",
                "run 'merkit evaluate' with the settings that the model was trained with",
            )
        return result
    if loaded.folder is None:
        return None
    for path in sorted(loaded.folder.absolute().parent.glob("*/run.json")):
        try:
            result = _read(path.parent)
        except MerkitError:  # not finished, or of another kind: no score to tell
            continue
        if not told_differences(_settings(result.settings), _own(loaded)):
            return result
    return None


def _read(run: Path) -> Result:
    task = read_task(run)
    if task != RECOGNITION:
        raise ConfigError(f"{run} is a run of task '{task}'", f"one of task '{RECOGNITION}'")
    with as_written([run]):
        return read_result(run)


def _own(loaded: LoadedModel) -> dict[str, Any]:
    settings = {"method": loaded.method.name, **loaded.method.settings()}
    return _settings({**settings, "data": list(loaded.data)})


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a score, as plain values; the names of classes follow from the data."""
    groups = ("method", "model", "training", "recipe", "data")
    kept = json.loads(json.dumps({name: values.get(name) for name in groups}, default=str))
    kept["init"] = values.get("init") or ""
    kept["model"] = {k: v for k, v in (kept["model"] or {}).items() if k != "classes"}
    return dict(kept)
