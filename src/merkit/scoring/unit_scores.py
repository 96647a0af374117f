"""What a run on action units scored: every number of its metrics.json, made of its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from merkit.errors import ConfigError
from merkit.scoring.intervals import Interval, Resampling, bootstrap_interval
from merkit.scoring.metrics import Metric, class_scores
from merkit.scoring.scores import FoldTraining, TrainingCost, cost_of
from merkit.scoring.subjects import Pooling, SubjectTables, places, refuse_other_clips
from merkit.scoring.unit_counts import (
    MAIN_UNIT_METRIC,
    all_called,
    unit_cells,
    unit_metrics,
)
from merkit.types import F64, Number, nan_equal


@nan_equal
@dataclass(frozen=True)
class UnitScore:
    """One unit, which ``clips`` show. ``tp``, ``fp`` and ``fn`` are of all seeds together, and so
    are ``precision`` and ``recall``; ``f1`` is the mean over seeds of what each gives. ``floor``:
    F1 of calling it on every clip."""

    name: str
    clips: int
    tp: int
    fp: int
    fn: int
    precision: Number
    recall: Number
    f1: Interval
    floor: Number


@nan_equal
@dataclass(frozen=True)
class UnitPart:
    """A part of a run: a database, a fold or a seed. ``n``: its clips; ``clips``: those that show
    each unit; ``f1``: the mean F1; ``values`` and ``floor``: every metric, and what calling
    everything would give."""

    name: str
    n: int
    clips: Mapping[str, int]
    f1: Interval
    values: Mapping[str, Number]
    floor: Mapping[str, Number]


@nan_equal
@dataclass(frozen=True)
class UnitScores:
    """A scored run on action units.

    ``scores``: every metric of ``scoring.unit_counts`` with its interval, pooled over all test
    clips or the mean over folds (``pooling``), as are the parts, ``floor`` (every unit called on
    every clip) and ``oracle`` (each training's epoch chosen on its own test clips, where that was
    recorded). Over several seeds each is their mean. ``per_fold``: where a fold means something
    of its own.
    """

    main_metric: ClassVar[str] = MAIN_UNIT_METRIC

    units: tuple[str, ...]
    scores: Mapping[str, Interval]
    floor: Mapping[str, Number]
    interval: str
    pooling: Pooling
    per_unit: tuple[UnitScore, ...]
    per_dataset: tuple[UnitPart, ...]
    per_fold: tuple[UnitPart, ...]
    per_seed: tuple[UnitPart, ...]
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
        """The metric that ranks: mean F1 over the units that occur."""
        return self[MAIN_UNIT_METRIC]

    def metrics(self) -> dict[str, Metric]:
        """Every metric of these units, by name."""
        return unit_metrics(self.units)

    def titles(self, per_class: bool = False) -> dict[str, str]:
        """Title of every metric, by name: of the means over units, or of F1 of each unit."""
        return {
            name: metric.title
            for name, metric in self.metrics().items()
            if bool(metric.class_name) == per_class
        }


def score_units(
    predictions: pd.DataFrame,
    units: Sequence[str],
    trainings: Sequence[FoldTraining],
    *,
    epochs: pd.DataFrame | None = None,
    pooling: Pooling = "pooled",
    resamples: int = 2000,
    list_folds: bool = False,
    marks: Sequence[str] = (),
    fold_hash: str = "",
) -> UnitScores:
    """Score the predictions of a run.

    Args:
        predictions: one row a test prediction, with y_true_<unit> and y_pred_<unit>, 0 or 1.
        units: names, such as AU12.
        trainings: how each fold was trained, one or more.
        epochs: the same after every epoch, in the column ``epoch``, where that was recorded.
        list_folds: whether a fold means something by itself.
    """
    tables, how = tabulate_units(predictions, units, pooling), Resampling(resamples)
    datasets = predictions.groupby("subject").dataset.first()
    leaked = None if epochs is None else best_unit_epochs(epochs, units)
    oracle = None if leaked is None else _values(tabulate_units(leaked, units, pooling), units)
    scores = {name: bootstrap_interval(tables, m, how) for name, m in unit_metrics(units).items()}
    return UnitScores(
        units=tuple(units),
        scores=scores,
        floor=_floor(tables, units),
        interval=str(how),
        pooling=pooling,
        per_unit=_per_unit(tables, units, scores),
        per_dataset=_parts(tables, units, how, 2, [datasets[who] for who in tables.subjects]),
        per_fold=_parts(tables, units, how, 1, tables.folds) if list_folds else (),
        per_seed=_parts(tables, units, how, 0, tables.seeds),
        oracle=oracle,
        n_clips=int(predictions.clip_id.nunique()),
        n_subjects=len(tables.subjects),
        n_folds=len(tables.folds),
        marks=tuple(marks),
        fold_hash=fold_hash,
        training=cost_of(trainings),
        folds=tuple(trainings),
    )


def tabulate_units(
    predictions: pd.DataFrame, units: Sequence[str], pooling: Pooling
) -> SubjectTables:
    """Count predictions: tables (K seeds, F folds, S subjects, U, 2, 2) of true and called.

    Raises:
        ConfigError: no rows, values other than 0 and 1, or seeds that scored different clips.
    """
    if predictions.empty:
        raise ConfigError("no predictions to score", "at least one")
    columns = [places(predictions[name]) for name in ("seed", "fold", "subject")]
    (seeds, seed), (folds, fold), (subjects, subject) = columns
    counts = np.zeros((len(seeds), len(folds), len(subjects), len(units), 2, 2))
    np.add.at(counts, (seed, fold, subject), _cells(predictions, units))
    refuse_other_clips(counts.sum(axis=-1))
    return SubjectTables(counts, seeds, folds, subjects, pooling)


def best_unit_epochs(table: pd.DataFrame, units: Sequence[str]) -> pd.DataFrame:
    """The rows of the epoch of each fold and seed that has the best F1 over all calls on its own
    test clips (ties: the first); where nothing is shown or called that is 1. As
    ``scoring.scores.best_test_epochs``, what they score is no score.

    Args:
        table: columns fold, seed, epoch, y_true_<unit> and y_pred_<unit>.
    """
    cells = _cells(table, units).sum(axis=1)
    counts = table[["fold", "seed", "epoch"]].assign(
        hits=2 * cells[:, 1, 1], both=2 * cells[:, 1, 1] + cells[:, 0, 1] + cells[:, 1, 0]
    )
    sums = counts.groupby(["fold", "seed", "epoch"])[["hits", "both"]].sum()
    f1 = (sums.hits / sums.both).fillna(1.0)
    chosen = f1.groupby(["fold", "seed"]).idxmax()
    rows = pd.MultiIndex.from_frame(table[["fold", "seed", "epoch"]])
    return table[rows.isin(chosen.to_list())]


def _cells(predictions: pd.DataFrame, units: Sequence[str]) -> F64:
    """The table of each row and unit, (N,U,2,2)."""
    true, called = (
        predictions[[f"{side}_{name}" for name in units]].to_numpy()
        for side in ("y_true", "y_pred")
    )
    if not (np.isin(true, (0, 1)).all() and np.isin(called, (0, 1)).all()):
        raise ConfigError("a truth or call of a unit that is neither 0 nor 1", "0 or 1")
    return unit_cells(true.astype(np.int64), called.astype(np.int64))


def _values(tables: SubjectTables, units: Sequence[str]) -> dict[str, float]:
    return {name: tables.value(metric) for name, metric in unit_metrics(units).items()}


def _floor(tables: SubjectTables, units: Sequence[str]) -> dict[str, float]:
    called = SubjectTables(
        all_called(tables.counts), tables.seeds, tables.folds, tables.subjects, tables.pooling
    )
    return _values(called, units)


def _parts(
    tables: SubjectTables, units: Sequence[str], how: Resampling, axis: int, names: Sequence[str]
) -> tuple[UnitPart, ...]:
    """The parts of one name each, along seeds (0), folds (1) or subjects (2)."""
    found = []
    for name in dict.fromkeys(names):
        part = tables.part(axis, [other == name for other in names])
        tested = part.counts.sum(axis=(0, 1, 3, 4, 5)) > 0
        part = part.part(2, tested.tolist())  # people of other folds have no part in an interval
        first = part.counts[0].sum(axis=(0, 1))  # (U,2,2)
        clips = dict(zip(units, first[:, 1].sum(axis=1).astype(int).tolist(), strict=True))
        f1 = bootstrap_interval(part, unit_metrics(units)[MAIN_UNIT_METRIC], how)
        values, floor = _values(part, units), _floor(part, units)
        found.append(UnitPart(name, int(first[0].sum()), clips, f1, values, floor))
    return tuple(found)


def _per_unit(
    tables: SubjectTables, units: Sequence[str], scores: Mapping[str, Interval]
) -> tuple[UnitScore, ...]:
    floor = _floor(tables, units)
    rows = []
    for name, cells in zip(units, tables.counts.sum(axis=(0, 1, 2)), strict=True):
        shown = class_scores(cells, ("not shown", "shown"))[1]
        rows.append(
            UnitScore(
                name=name,
                clips=round(shown.support / len(tables.seeds)),
                tp=int(cells[1, 1]),
                fp=int(cells[0, 1]),
                fn=int(cells[1, 0]),
                precision=shown.precision,
                recall=shown.recall,
                f1=scores[f"f1_{name}"],
                floor=floor[f"f1_{name}"],
            )
        )
    return tuple(rows)
