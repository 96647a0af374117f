"""From the finished folds of a run to predictions.parquet, metrics.json, log.jsonl, report.

This is where test labels meet predictions, and nowhere else (docs/architecture.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from merkit.files import write_text
from merkit.protocols import PROTOCOLS, ClipRow, FoldSet
from merkit.report.page import write_report
from merkit.report.result import Result, read_document
from merkit.runs.config import EvaluateConfig
from merkit.runs.folder import RunFolder
from merkit.scoring.scores import FoldTraining, score_run


def summarise(
    run: RunFolder, folds: FoldSet, rows: Sequence[ClipRow], config: EvaluateConfig
) -> Result:
    """Pool the folds, score them, and write every file of the finished run."""
    document = read_document(run.path)
    trainings, predictions, epochs = gathered(
        run, folds, config, lambda parts: join_labels(parts, rows)
    )
    how = how_to_score(folds, config, document)
    scores = score_run(predictions, document["classes"], trainings, epochs=epochs, **how)
    result = Result(run.path, document, scores, predictions, run.path.name)
    result.write()
    write_log(run, trainings)
    write_report(result)
    return result


def gathered(
    run: RunFolder,
    folds: FoldSet,
    config: EvaluateConfig,
    join: Callable[[Sequence[pd.DataFrame]], pd.DataFrame],
) -> tuple[list[FoldTraining], pd.DataFrame, pd.DataFrame | None]:
    """Every stored fold: how it was trained, what it predicted, and the same after every epoch
    where each recorded that.

    Args:
        join: predictions of all folds, with what is known of their clips.
    """
    stored = [run.read_fold(seed, fold.name) for seed in config.seeds for fold in folds.folds]
    recorded = [fold.epochs for fold in stored if fold.epochs is not None]
    predictions = join([fold.predictions for fold in stored])
    epochs = join(recorded) if len(recorded) == len(stored) else None
    return [fold.training for fold in stored], predictions, epochs


def how_to_score(
    folds: FoldSet, config: EvaluateConfig, document: Mapping[str, Any]
) -> dict[str, Any]:
    """What scores follow from beside the predictions, as arguments of ``score_run``."""
    shuffled = ["shuffled-labels"] if config.shuffle_labels else []
    return {
        "pooling": config.metric_pooling,
        "resamples": config.resamples,
        "list_folds": folds.protocol in PROTOCOLS and PROTOCOLS[folds.protocol].folds_matter,
        "marks": [*folds.marks, *document["method_marks"], *shuffled],
        "fold_hash": folds.hash,
    }


def join_labels(parts: Sequence[pd.DataFrame], rows: Sequence[ClipRow]) -> pd.DataFrame:
    """One row a test prediction: clip_id, subject, dataset, fold, seed, y_true, y_pred, p_..."""
    columns = ["clip_id", "subject", "dataset", "y_true"]
    known = pd.DataFrame(
        [(row.clip_id, row.subject_key, row.dataset, row.label) for row in rows], columns=columns
    )
    return joined(parts, known, ["y_true", "y_pred"])


def joined(parts: Sequence[pd.DataFrame], known: pd.DataFrame, then: Sequence[str]) -> pd.DataFrame:
    """Predictions with what is known of their clips: who and where in front, ``then`` these."""
    table = pd.concat(parts, ignore_index=True).merge(known, on="clip_id", validate="many_to_one")
    first = ["clip_id", "subject", "dataset", "fold", "seed", *then]
    others = [name for name in table.columns if name not in first]
    return table[first + others].sort_values(["seed", "fold", "clip_id"], ignore_index=True)


def write_log(run: RunFolder, trainings: Sequence[FoldTraining]) -> None:
    """``log.jsonl``: one line an epoch of each training."""
    lines = [
        json.dumps({"seed": training.seed, "fold": training.fold} | asdict(record)) + "\n"
        for training in trainings
        for record in training.history
    ]
    write_text(run.path / "log.jsonl", "".join(lines))
