"""What a run scored: every number of its metrics.json, typed, and made from its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from merkit.errors import ConfigError
from merkit.scoring.intervals import Interval, Resampling, bootstrap_interval
from merkit.scoring.metrics import MAIN_METRIC, ClassScore, Metric, class_scores, metrics_of
from merkit.scoring.subjects import Pooling, SubjectScore, SubjectTables, tabulate
from merkit.types import Averaging, EpochRecord, Number, nan_equal


@nan_equal
@dataclass(frozen=True)
class PartScore:
    """Every metric of a part of a run: a database, a fold or a seed. ``n``: its clips."""

    name: str
    n: int
    values: Mapping[str, Number]


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
    averaging: Averaging = ""


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


@nan_equal
@dataclass(frozen=True)
class Scores:
    """A scored run.

    ``scores``: every metric with its interval, pooled over all test clips or the mean over folds
    (``pooling``), as are the parts, ``chance`` (the true labels in random order) and ``oracle``
    (each training's epoch chosen on its own test clips, where that was recorded). Over several
    seeds each is their mean. ``confusion`` and ``per_class`` sum all predictions. ``per_fold``:
    where a fold means something of its own.
    """

    main_metric: ClassVar[str] = MAIN_METRIC

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

    def metrics(self) -> dict[str, Metric]:
        """Every metric of these classes, by name."""
        return metrics_of(self.classes)

    def titles(self, per_class: bool = False) -> dict[str, str]:
        """Title of every metric that was scored, by name: of those about all classes, or of those
        about one each."""
        return {
            name: metric.title
            for name, metric in self.metrics().items()
            if name in self.scores and bool(metric.class_name) == per_class
        }


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
        epochs: the same after every epoch, in the column ``epoch``, where that was recorded.
        list_folds: whether a fold means something by itself.
    """
    cost, metrics, how = cost_of(trainings), metrics_of(classes), Resampling(resamples)
    leaked = None if epochs is None else best_test_epochs(epochs)
    tables = tabulate(predictions, len(classes), pooling)
    scores = {name: bootstrap_interval(tables, metric, how) for name, metric in metrics.items()}

    def values(part: SubjectTables) -> dict[str, float]:
        return {name: part.value(metric) for name, metric in metrics.items()}

    def parts(axis: int, names: Sequence[str]) -> tuple[PartScore, ...]:
        found = []
        for name in dict.fromkeys(names):
            part = tables.part(axis, [other == name for other in names])
            found.append(PartScore(name, part.n_clips, values(part)))
        return tuple(found)

    datasets = predictions.groupby("subject").dataset.first()
    matrix = tables.counts.sum(axis=(0, 1, 2)).astype(np.int64)
    return Scores(
        classes=tuple(classes),
        scores=scores,
        interval=str(how),
        pooling=pooling,
        confusion=tuple(map(tuple, matrix.tolist())),
        per_class=class_scores(matrix, classes),
        per_subject=tables.by_subject(),
        per_dataset=parts(2, [datasets[subject] for subject in tables.subjects]),
        per_fold=parts(1, tables.folds) if list_folds else (),
        per_seed=parts(0, tables.seeds),
        oracle=None if leaked is None else values(tabulate(leaked, len(classes), pooling)),
        chance=tables.chance(metrics),
        n_clips=int(predictions.clip_id.nunique()),
        n_subjects=len(tables.subjects),
        n_folds=len(tables.folds),
        marks=tuple(marks),
        fold_hash=fold_hash,
        training=cost,
        folds=tuple(trainings),
    )


def cost_of(trainings: Sequence[FoldTraining]) -> TrainingCost:
    """All trainings together."""
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


def best_test_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the epoch of each fold and seed that has the best accuracy on its own test clips
    (ties: the first), as much published work chooses it.

    What they score is no score: it uses test labels. It is for reading a run beside work that
    scores so.

    Args:
        table: columns fold, seed, epoch, y_true and y_pred, one row a test clip and epoch.

    Raises:
        ConfigError: no rows.
    """
    if table.empty:
        raise ConfigError("no epochs to choose among", "one row a test clip and epoch")
    right = table.assign(right=table.y_true == table.y_pred)
    shares = right.groupby(["fold", "seed", "epoch"]).right.mean()
    chosen = shares.groupby(["fold", "seed"]).idxmax()
    rows = pd.MultiIndex.from_frame(table[["fold", "seed", "epoch"]])
    return table[rows.isin(chosen.to_list())]
