"""Writers of finished run folders, as ``merkit evaluate`` leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from merkit.report.result import Result
from merkit.report.unit_result import UnitResult
from merkit.scoring.scores import FoldTraining, score_run
from merkit.scoring.subjects import Pooling
from merkit.scoring.unit_scores import score_units

CLASSES = ["negative", "positive", "surprise"]
TRAINING = FoldTraining("s00", 0, 1, 3.4, 23456, 12345, ())


def predictions(
    right: float, subjects: int = 10, seeds: tuple[int, ...] = (0,), draw: int = 0
) -> pd.DataFrame:
    """Six clips a subject, two a class; ``right``: probability of the true class."""
    rows = []
    for seed in seeds:
        random = np.random.default_rng((draw, seed))
        for subject in range(subjects):
            for clip in range(6):
                true = clip % 3
                hit = random.random() < right
                y_pred = true if hit else int((true + random.integers(1, 3)) % 3)
                rows.append(
                    {
                        "clip_id": f"s{subject:02d}/c{clip}",
                        "subject": f"db/s{subject:02d}",
                        "dataset": "db",
                        "fold": f"s{subject:02d}",
                        "seed": seed,
                        "y_true": true,
                        "y_pred": y_pred,
                    }
                )
    return pd.DataFrame(rows)


def unit_predictions(right: float, draw: int = 0, seeds: tuple[int, ...] = (0,)) -> pd.DataFrame:
    """Six clips of each of ten subjects, of which every other shows AU1 and every third AU12;
    ``right``: probability that a call is right."""
    rows = predictions(0.5, seeds=seeds).drop(columns=["y_true", "y_pred"])
    random, clip = np.random.default_rng(draw), rows.groupby(["seed", "subject"]).cumcount()
    for name, every in (("AU1", 2), ("AU12", 3)):
        rows[f"y_true_{name}"] = shown = (clip % every == 0).astype(int)
        rows[f"y_pred_{name}"] = shown.where(random.random(len(rows)) < right, 1 - shown)
    return rows


def write_unit_run(path: Path, table: pd.DataFrame, **model: Any) -> Path:
    """The same of task ``au``."""
    path.mkdir(parents=True)
    units = [name.removeprefix("y_true_") for name in table if name.startswith("y_true_")]
    document = _document("hoof", "db", "f" * 64, model, task="au")
    scores = score_units(table, units, [TRAINING], resamples=200, fold_hash="f" * 64)
    (path / "run.json").write_text(json.dumps(document))
    UnitResult(path, document, scores, table).write()
    return path


def write_run(
    path: Path,
    table: pd.DataFrame,
    method: str = "hoof",
    data: str = "db",
    marks: tuple[str, ...] = (),
    fold_hash: str = "f" * 64,
    pooling: Pooling = "pooled",
    **model: Any,
) -> Path:
    """A finished run folder as ``merkit evaluate`` leaves it, as far as a comparison reads it."""
    path.mkdir(parents=True)
    document = _document(method, data, fold_hash, model)
    scores = score_run(
        table, CLASSES, [TRAINING], pooling=pooling, resamples=200, marks=marks, fold_hash=fold_hash
    )
    (path / "run.json").write_text(json.dumps(document))
    Result(path, document, scores, table).write()
    return path


def _document(
    method: str, data: str, fold_hash: str, model: dict[str, Any], **more: Any
) -> dict[str, Any]:
    settings = {
        "method": method,
        "data": [data],
        "protocol": {"name": "loso", "seed": 0},
        "model": {"bins": 8, "frames": 4, **model},
        "training": {"epochs": 1},
        "recipe": {"frames": model.get("frames", 4)},
    }
    return {
        "format": 1,
        "identity": {},
        "settings": settings,
        "fold_hash": fold_hash,
        "marks": [],
        "versions": {},
        "platform": "",
        "git_commit": "",
        "classes": CLASSES,
        "method_marks": [],
        "refused_clips": {},
        **more,
    }
