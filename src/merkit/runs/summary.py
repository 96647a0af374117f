"""From the finished folds of a run to predictions.parquet, metrics.json, log.jsonl, report.

This is where test labels meet predictions, and nowhere else (docs/architecture.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from merkit.files import atomic_file, write_json, write_text
from merkit.protocols import PROTOCOLS, ClipRow, FoldSet
from merkit.report.page import write_report
from merkit.report.result import Result
from merkit.runs.config import EvaluateConfig
from merkit.runs.folder import RunFolder
from merkit.scoring.chance import chance_scores, oracle_selection
from merkit.scoring.intervals import bootstrap_interval
from merkit.scoring.metrics import (
    class_scores,
    confusion_matrix,
    scores_by_part,
    usable_metrics,
)


def summarise(
    run: RunFolder, folds: FoldSet, rows: Sequence[ClipRow], config: EvaluateConfig
) -> Result:
    """Pool the folds, score them, and write every file of the finished run."""
    document = run.read_run()
    classes: list[str] = document["classes"]
    parts = [run.read_fold(seed, fold.name) for seed in config.seeds for fold in folds.folds]
    table = join_labels(parts, rows)
    with atomic_file(run.path / "predictions.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    summaries = [summary for _, summary in parts]
    metrics = score_table(table, classes, config.resamples, config.metric_pooling == "fold_mean")
    metrics |= {
        "marks": _marks(folds, config, document),
        "fold_hash": folds.hash,
        "n_folds": len(folds.folds),
        "per_fold": _parts(table, "fold", len(classes)) if _folds_matter(folds) else [],
        "oracle": _oracle(run, folds, table, config, len(classes)),
        "training": _training(summaries),
        "folds": [_fold_record(summary) for summary in summaries],
    }
    write_json(run.path / "metrics.json", metrics)
    write_text(run.path / "log.jsonl", _log(summaries))
    result = Result(run.path, document, metrics, table, run.path.name)
    write_report(result)
    return result


def join_labels(
    parts: Sequence[tuple[pd.DataFrame, Mapping[str, Any]]], rows: Sequence[ClipRow]
) -> pd.DataFrame:
    """One row a test prediction: clip_id, subject, dataset, fold, seed, y_true, y_pred, p_..."""
    known = pd.DataFrame(
        {
            "clip_id": [row.clip_id for row in rows],
            "subject": [row.subject_key for row in rows],
            "dataset": [row.dataset for row in rows],
            "y_true": [row.label for row in rows],
        }
    )
    frames = [frame.assign(fold=meta["fold"], seed=meta["seed"]) for frame, meta in parts]
    table = pd.concat(frames, ignore_index=True).merge(known, on="clip_id", validate="many_to_one")
    first = ["clip_id", "subject", "dataset", "fold", "seed", "y_true", "y_pred"]
    others = [name for name in table.columns if name not in first]
    return table[first + others].sort_values(["seed", "fold", "clip_id"], ignore_index=True)


def score_table(
    table: pd.DataFrame, classes: Sequence[str], resamples: int, fold_mean: bool = False
) -> dict[str, Any]:
    """Scores, intervals and tables of a predictions table; ``fold_mean``: the scores on top are
    means over folds, everything else is pooled."""
    n_classes = len(classes)
    matrix = confusion_matrix(table.y_true, table.y_pred, n_classes)
    once = table[table.seed == table.seed.iloc[0]]
    return {
        "classes": list(classes),
        "scores": {
            name: _interval(table, n_classes, name, resamples, fold_mean)
            for name in usable_metrics()
        },
        "interval": f"{resamples} resamples of subjects, percentile",
        "pooling": "fold_mean" if fold_mean else "pooled",
        "confusion": matrix.tolist(),
        "per_class": [
            {
                "name": classes[score.label],
                "support": score.support,
                "precision": _or_zero(score.precision),
                "recall": _or_zero(score.recall),
                "f1": _or_zero(score.f1),
            }
            for score in class_scores(matrix)
        ],
        "per_subject": _per_subject(table, n_classes),
        "per_dataset": _parts(table, "dataset", n_classes),
        "seeds": [{"seed": int(p.pop("name")), **p} for p in _parts(table, "seed", n_classes)],
        "chance": _chance(once, n_classes),
        "n_clips": int(once.clip_id.nunique()),
        "n_subjects": int(once.subject.nunique()),
    }


def _interval(
    table: pd.DataFrame, n_classes: int, name: str, resamples: int, fold_mean: bool
) -> dict[str, float]:
    seeds = table.seed.to_numpy() if table.seed.nunique() > 1 else None
    found = bootstrap_interval(
        table.y_true,
        table.y_pred,
        table.subject,
        n_classes,
        metric=name,
        n_resamples=resamples,
        seeds=seeds,
        folds=table.fold if fold_mean else None,
    )
    return {"value": found.value, "low": found.low, "high": found.high}


def _chance(table: pd.DataFrame, n_classes: int) -> dict[str, Any]:
    """Expected scores of the true labels in random order."""
    guess = chance_scores(np.bincount(table.y_true, minlength=n_classes).tolist())
    return {
        "values": dict(guess.values),
        "note": "what the true labels in random order would score.",
    }


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value


def _parts(table: pd.DataFrame, column: str, n_classes: int) -> list[dict[str, Any]]:
    parts = scores_by_part(table.y_true, table.y_pred, table[column].astype(str), n_classes)
    return [{"name": name, "n": part.n, **part.values} for name, part in parts.items()]


def _per_subject(table: pd.DataFrame, n_classes: int) -> list[dict[str, Any]]:
    rows = []
    for subject, part in table.groupby("subject", sort=True):
        right = part[part.y_true == part.y_pred]
        recalls = []
        for label in range(n_classes):
            there = int((part.y_true == label).sum())
            recalls.append(f"{int((right.y_true == label).sum())}/{there}" if there else "")
        rows.append(
            {
                "subject": subject,
                "clips": len(part),
                "correct": len(right),
                "acc": len(right) / len(part),
                "recalls": recalls,
            }
        )
    return rows


def _folds_matter(folds: FoldSet) -> bool:
    """Whether a fold means something by itself, so that its score is listed."""
    return folds.protocol in PROTOCOLS and PROTOCOLS[folds.protocol].folds_matter


def _marks(folds: FoldSet, config: EvaluateConfig, document: Mapping[str, Any]) -> list[str]:
    marks = list(folds.marks) + list(document["method_marks"])
    return [*marks, "shuffled-labels"] if config.shuffle_labels else marks


def _oracle(
    run: RunFolder, folds: FoldSet, table: pd.DataFrame, config: EvaluateConfig, n_classes: int
) -> dict[str, Any] | None:
    """What the best test epoch of each fold would have claimed, where it was recorded."""
    records = []
    for seed in config.seeds:
        for fold in folds.folds:
            record = run.read_oracle(seed, fold.name)
            if record is None:
                return None
            records.append(record.assign(fold=fold.name, seed=seed))
    labels = table.drop_duplicates("clip_id").set_index("clip_id").y_true
    epochs = pd.concat(records, ignore_index=True)
    found = []
    for _, part in epochs.groupby("seed"):
        truth = part.clip_id.map(labels)
        oracle = oracle_selection(part.fold, part.epoch, truth, part.y_pred, n_classes)
        found.append(oracle.scores)
    return {name: float(np.mean([s[name] for s in found])) for name in found[0].values}


def _training(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    lengths = [len(s["history"]) for s in summaries]
    chosen = [s["chosen_epoch"] for s in summaries]
    return {
        "seconds": sum(s["seconds"] for s in summaries),
        "parameters_total": summaries[0]["parameters_total"],
        "parameters_trainable": summaries[0]["parameters_trainable"],
        "epochs_min": min(lengths),
        "epochs_max": max(lengths),
        "chosen_min": min(chosen),
        "chosen_max": max(chosen),
    }


def _fold_record(summary: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("fold", "seed", "chosen_epoch", "seconds")
    history = [
        {key: record[key] for key in ("epoch", "train_loss", "val_loss", "val_uf1")}
        for record in summary["history"]
    ]
    return {key: summary[key] for key in kept} | {"history": history}


def _log(summaries: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        json.dumps({"seed": s["seed"], "fold": s["fold"], **record})
        for s in summaries
        for record in s["history"]
    ]
    return "".join(line + "\n" for line in lines)
