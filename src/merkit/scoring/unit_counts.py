"""Action units as counts: of each unit a table of true and called, and what it says in a number.

A table is (..., U, 2, 2): unit, whether a clip shows it, whether it was called. Tables are summed
over folds before anything is scored. Each is a confusion matrix of two classes, so its scores are
those of :mod:`merkit.scoring.metrics`.

A unit that no clip shows has F1 0 where it was called, and none where it was not. ``f1`` leaves it
out of the mean; ``f1_all`` counts it as 0 either way, which is scikit-learn's default and what the
code of MEB does, pooled and for each database (Varanka et al. 2022, arXiv:2211.11425;
``MultiLabelF1Score`` and ``Printer.results_to_list`` of github.com/tvaranka/meb, read at commits
1b42c09 and 013b879).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from merkit.scoring.metrics import Absent, Metric, f1_by_class, uf1
from merkit.types import F64

#: the metric that ranks
MAIN_UNIT_METRIC = "f1"


def unit_cells(shown: npt.ArrayLike, called: npt.ArrayLike) -> F64:
    """The table of each clip and unit by itself, (N,U,2,2), for 0/1 (N,U) each."""
    one_hot = np.eye(2)
    true, predicted = one_hot[np.asarray(shown)], one_hot[np.asarray(called)]
    return np.asarray(true[..., :, None] * predicted[..., None, :])


def all_called(cells: npt.ArrayLike) -> F64:
    """The tables of calling every unit on every clip."""
    shown = np.asarray(cells, np.float64).sum(axis=-1)
    return np.stack([np.zeros_like(shown), shown], axis=-1)


def unit_f1(cells: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """F1 of each unit, 2TP / (2TP + FP + FN): (..., U)."""
    return np.asarray(f1_by_class(cells, absent)[..., 1])


def mean_f1(cells: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Mean F1 over the units that a clip shows (...); NaN where none is shown."""
    return _mean_where(_occurs(cells), unit_f1(cells, "zero"))


def mean_f1_of_all(cells: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Mean F1 over all units (...), one that is never shown counting as 0."""
    return np.asarray(unit_f1(cells, "zero").mean(axis=-1))


def mean_macro_f1(cells: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Mean over the units that a clip shows of the mean F1 of shown and not shown (...)."""
    return _mean_where(_occurs(cells), uf1(cells))


def _occurs(cells: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    return np.asarray(np.asarray(cells)[..., 1, :].sum(axis=-1) > 0)


def _mean_where(chosen: npt.NDArray[np.bool_], values: F64) -> F64:
    n = chosen.sum(axis=-1)
    total = np.where(chosen, values, 0.0).sum(axis=-1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


MEAN_METRICS = (
    Metric(MAIN_UNIT_METRIC, "mean F1", mean_f1),
    Metric("f1_all", "mean F1, absent 0", mean_f1_of_all),
    Metric("macro_f1", "mean macro F1", mean_macro_f1),
)


def unit_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """Every metric of these units, by name: the means, then F1 of each unit."""
    each = Metric("f1", "F1", unit_f1, per_class=True)
    alone = [each.of_class(place, name) for place, name in enumerate(names)]
    return {metric.name: metric for metric in (*MEAN_METRICS, *alone)}
