"""What a run scored: every number of its metrics.json, typed, and made from its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from merkit.scoring.chance import best_test_epochs, chance_scores
from merkit.scoring.intervals import Interval, Resampling, bootstrap_interval
from merkit.scoring.metrics import (
    MAIN_METRIC,
    ClassScore,
    class_scores,
    confusion_matrix,
    metrics_of,
)
from merkit.scoring.subjects import SubjectTables, subject_tables
from merkit.types import EpochRecord, Number

Pooling: TypeAlias = Literal["pooled", "fold_mean"]


@dataclass(frozen=True)
class PartScore:
    """Every metric of a part of a run: a database, a fold or a seed. ``n``: its clips."""

    name: str
    n: int
    values: Mapping[str, Number]


@dataclass(frozen=True)
class SubjectScore:
    """One person. ``recalls``: correct of the clips of each class, such as "1/2"; "" where there
    are none. Every seed counts."""

    subject: str
    clips: int
    correct: int
    acc: float
    recalls: tuple[str, ...]


@dataclass(frozen=True)
class FoldTraining:
    """How one fold was trained with one seed."""

    fold: str
    seed: int
    chosen_epoch: int
    seconds: float
    parameters_total: int
    parameters_trainable: int
    history: tuple[EpochRecord, ...]


@dataclass(frozen=True)
class TrainingCost:
    """All trainings of a run together; the parameters are those of one."""

    seconds: float
    parameters_total: int
    parameters_trainable: int
    epochs_min: int
    epochs_max: int
    chosen_min: int
    chosen_max: int


@dataclass(frozen=True)
class Scores:
    """A scored run.

    ``scores``: every metric with its interval, pooled over all test clips or the mean over folds
    (``pooling``), as are the parts, ``chance`` (the true labels in random order) and ``oracle``
    (each training's epoch chosen on its own test clips, where that was recorded). Over several
    seeds each is their mean. ``confusion`` and ``per_class`` sum all predictions. ``per_fold``:
    where a fold means something of its own.
    """

    classes: tuple[str, ...]
    scores: Mapping[str, Interval]
    interval: str
    pooling: Pooling
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]
    per_subject: tuple[SubjectScore, ...]
    per_dataset: tuple[PartScore, ...]
    per_fold: tuple[PartScore, ...]
    per_seed: tuple[PartScore, ...]
    chance: Mapping[str, Number]
    oracle: Mapping[str, Number] | None
    n_clips: int
    n_subjects: int
    n_folds: int
    marks: tuple[str, ...]
    fold_hash: str
    training: TrainingCost
    folds: tuple[FoldTraining, ...]

    def __getitem__(self, metric: str) -> Interval:
        return self.scores[metric]

    @property
    def main(self) -> Interval:
        """The metric that ranks."""
        return self[MAIN_METRIC]

    def titles(self, per_class: bool = False) -> dict[str, str]:
        """Title of every metric that was scored, by name: of those about all classes, or of those
        about one each."""
        return {
            name: metric.title
            for name, metric in metrics_of(self.classes).items()
            if name in self.scores and bool(metric.class_name) == per_class
        }


def tables_of(predictions: pd.DataFrame, n_classes: int, pooling: Pooling) -> SubjectTables:
    """The predictions of a run by seed, fold (where scores are means over folds) and subject."""
    p = predictions
    folds = p.fold if pooling == "fold_mean" else None
    return subject_tables(p.y_true, p.y_pred, p.subject, n_classes, p.seed, folds)


def score_run(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    trainings: Sequence[FoldTraining],
    *,
    epochs: pd.DataFrame | None = None,
    pooling: Pooling = "pooled",
    resamples: int = 2000,
    list_folds: bool = False,
    marks: Sequence[str] = (),
    fold_hash: str = "",
) -> Scores:
    """Score the predictions of a run.

    Args:
        predictions: one row a test prediction (``report.result.Result``).
        classes: names in the order of their indices.
        trainings: how each fold was trained, one or more.
        epochs: predictions of test clips after every epoch, with the column ``epoch``.
        list_folds: whether a fold means something by itself.
    """
    once = predictions[predictions.seed == predictions.seed.iloc[0]]
    tables = tables_of(predictions, len(classes), pooling)
    how = Resampling(resamples)
    matrix = confusion_matrix(predictions.y_true, predictions.y_pred, len(classes))
    leaked = None if epochs is None else best_test_epochs(epochs)

    def parts(column: str) -> tuple[PartScore, ...]:
        return tuple(
            PartScore(str(name), len(part) // part.seed.nunique(), _values(part, classes, pooling))
            for name, part in predictions.groupby(column, sort=True)
        )

    return Scores(
        classes=tuple(classes),
        scores={n: bootstrap_interval(tables, m, how) for n, m in metrics_of(classes).items()},
        interval=str(how),
        pooling=pooling,
        confusion=tuple(map(tuple, matrix.tolist())),
        per_class=class_scores(matrix, classes),
        per_subject=_per_subject(predictions, len(classes)),
        per_dataset=parts("dataset"),
        per_fold=parts("fold") if list_folds else (),
        per_seed=parts("seed"),
        chance=chance_scores(once.y_true, classes, once.fold if pooling == "fold_mean" else None),
        oracle=None if leaked is None else _values(leaked, classes, pooling),
        n_clips=int(once.clip_id.nunique()),
        n_subjects=int(once.subject.nunique()),
        n_folds=int(once.fold.nunique()),
        marks=tuple(marks),
        fold_hash=fold_hash,
        training=_cost(trainings),
        folds=tuple(trainings),
    )


def _values(part: pd.DataFrame, classes: Sequence[str], pooling: Pooling) -> dict[str, float]:
    tables = tables_of(part, len(classes), pooling)
    metrics = metrics_of(classes)
    return {name: float(tables.values(metric).mean()) for name, metric in metrics.items()}


def _per_subject(predictions: pd.DataFrame, n_classes: int) -> tuple[SubjectScore, ...]:
    rows = []
    for subject, part in predictions.groupby("subject", sort=True):
        clips = np.bincount(part.y_true, minlength=n_classes)
        right = np.bincount(part.y_true[part.y_true == part.y_pred], minlength=n_classes)
        recalls = tuple(f"{r}/{n}" if n else "" for r, n in zip(right, clips, strict=True))
        correct = int(right.sum())
        rows.append(SubjectScore(str(subject), len(part), correct, correct / len(part), recalls))
    return tuple(rows)


def _cost(trainings: Sequence[FoldTraining]) -> TrainingCost:
    lengths = [len(training.history) for training in trainings]
    chosen = [training.chosen_epoch for training in trainings]
    return TrainingCost(
        seconds=sum(training.seconds for training in trainings),
        parameters_total=trainings[0].parameters_total,
        parameters_trainable=trainings[0].parameters_trainable,
        epochs_min=min(lengths),
        epochs_max=max(lengths),
        chosen_min=min(chosen),
        chosen_max=max(chosen),
    )
