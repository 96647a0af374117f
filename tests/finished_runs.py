"""Writers of finished run folders, as ``merkit evaluate`` leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from merkit.report.result import Result
from merkit.scoring.scores import FoldTraining, score_run
from merkit.scoring.subjects import Pooling

CLASSES = ["negative", "positive", "surprise"]


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
    settings = {
        "method": method,
        "data": [data],
        "protocol": {"name": "loso", "seed": 0},
        "model": {"bins": 8, "frames": 4, **model},
        "training": {"epochs": 1},
        "recipe": {"frames": model.get("frames", 4)},
    }
    document = {
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
    }
    training = FoldTraining("s00", 0, 1, 3.4, 23456, 12345, ())
    scores = score_run(
        table, CLASSES, [training], pooling=pooling, resamples=200, marks=marks, fold_hash=fold_hash
    )
    (path / "run.json").write_text(json.dumps(document))
    Result(path, document, scores, table).write()
    return path
