"""Finished runs, read for comparison: what each predicted, and on which clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.errors import ConfigError, StoreError
from merkit.report.page import read_metrics
from merkit.runs.folder import RunFolder

_METRICS = {"scores", "classes", "marks", "training", "n_clips", "n_subjects"}
_COLUMNS = ["clip_id", "subject", "dataset", "fold", "seed", "y_true", "y_pred"]
_AGAIN = ("a finished run", "run the same 'merkit evaluate' again")


@dataclass(frozen=True)
class FinishedRun:
    """One run folder: ``document`` run.json, ``metrics`` metrics.json, ``table`` one row a test
    prediction, sorted by seed, clip and fold."""

    name: str
    path: Path
    document: Mapping[str, Any]
    metrics: Mapping[str, Any]
    table: pd.DataFrame

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
        return tuple(sorted(int(s) for s in self.table.seed.unique()))


def read_finished(paths: Sequence[Path]) -> tuple[FinishedRun, ...]:
    """Read run folders in the given order; names are folder names, longer where they repeat.

    Raises:
        ConfigError: a folder is named twice.
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
    """
    whole = [path.resolve() for path in paths]
    for path in whole:
        if whole.count(path) > 1:
            raise ConfigError(f"{path} is named twice", "every run once")
    return tuple(_read(path, name) for path, name in zip(paths, short_names(whole), strict=True))


def short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last parts of each path, as many as it takes to tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=1)
    for length in range(1, longest + 1):
        names = tuple("/".join(path.parts[-length:]) for path in paths)
        if len(set(names)) == len(names):
            break
    return names


def _read(path: Path, name: str) -> FinishedRun:
    folder = RunFolder(path)
    document, metrics = folder.read_run(), read_metrics(folder)
    lacking = sorted(_METRICS - set(metrics))
    if lacking:
        raise StoreError(f"{path / 'metrics.json'} lacks {lacking}", *_AGAIN)
    file = path / "predictions.parquet"
    try:
        table = pd.read_parquet(file)[_COLUMNS]
        ordered = table.sort_values(["seed", "clip_id", "fold"], ignore_index=True)
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{file} cannot be read: {error}", *_AGAIN) from None
    return FinishedRun(name, path, document, metrics, ordered)


def check_same_clips(runs: Sequence[FinishedRun]) -> None:
    """Refuse runs that did not answer the same question.

    Raises:
        ConfigError: other classes, clips, subjects or true labels; names the difference.
    """
    first = runs[0]
    for run in runs[1:]:
        classes, wanted = list(run.metrics["classes"]), list(first.metrics["classes"])
        if classes != wanted:
            raise ConfigError(
                f"run '{run.name}' has the classes {classes}, run '{first.name}' {wanted}",
                "runs with the same classes",
                "evaluate both under one label map",
            )
        _check_rows(first, run)


def _check_rows(first: FinishedRun, run: FinishedRun) -> None:
    ours, theirs = _once(first), _once(run)
    only = [
        (name, sorted(set(a.index) - set(b.index)))
        for name, a, b in ((first.name, ours, theirs), (run.name, theirs, ours))
    ]
    if any(clips for _, clips in only):
        told = "; ".join(
            f"{len(clips)} only in '{name}', such as {clips[0][0]}" for name, clips in only if clips
        )
        raise ConfigError(
            f"runs '{first.name}' and '{run.name}' tested different clips: {told}",
            "runs on the same clips, so that differences can be paired",
            "evaluate both on the same databases with the same label map and bad-clips policy",
        )
    for column in ("y_true", "subject"):
        other = ours[column] != theirs[column].reindex(ours.index)
        if other.any():
            clip = ours.index[other.to_numpy()][0][0]
            raise ConfigError(
                f"runs '{first.name}' and '{run.name}' differ in {column} of {int(other.sum())} "
                f"clips, such as {clip}",
                "the same release and label map in both",
            )


def _once(run: FinishedRun) -> pd.DataFrame:
    """Each tested clip once, by clip id and how often it was tested before."""
    table = run.table[run.table.seed == run.seeds[0]]
    place = table.groupby("clip_id").cumcount()
    return table.set_index([table.clip_id, place])[["y_true", "subject"]]


def differences_told(runs: Sequence[FinishedRun]) -> list[str]:
    """What a reader must know before comparing these runs; empty when all is alike."""
    notes = []
    for title, value in (
        ("protocol", lambda r: r.document["settings"]["protocol"]["name"]),
        ("folds", lambda r: r.document["fold_hash"][:12]),
        ("seeds", lambda r: ", ".join(map(str, r.seeds))),
        ("marks", lambda r: ", ".join(r.metrics["marks"]) or "none"),
    ):
        found: dict[str, list[str]] = {}
        for run in runs:
            found.setdefault(value(run), []).append(run.name)
        if len(found) > 1:
            parts = "; ".join(f"{what} ({', '.join(who)})" for what, who in found.items())
            notes.append(f"The runs differ in {title}: {parts}.")
    return notes
