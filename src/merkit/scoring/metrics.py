"""Metrics: what a confusion matrix says in one number, or in one a class.

A matrix has true classes in rows and predicted classes in columns; functions of one also take a
stack of them, (..., C, C). Matrices are summed over folds before anything is scored (MEGC2019
guideline, docs/protocols.md); means over folds are an option of an evaluation, ``metric_pooling``.

Classes without clips. F1 of a class is 2TP/(2TP+FP+FN): 0/0 when the class is neither true
nor predicted anywhere; recall is TP/n, 0/0 when no clip is of the class. With
``absent="skip"`` (default) such a class is left out of the mean, which is scikit-learn's
``zero_division=nan`` and what the MEGC scripts do; with ``absent="zero"`` it counts as 0
(``zero_division=0``). A class that was predicted but is never true has F1 = 0 either way. On
a pooled result of a whole database no class is absent and the two agree.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, MerkitWarning
from merkit.registry import Registry
from merkit.scoring.given_labels import class_places
from merkit.types import F64, I64, Number, nan_equal

Absent: TypeAlias = Literal["skip", "zero"]

#: the metric that ranks, that differences are drawn of and that is read against leaked scoring
MAIN_METRIC = "uf1"


@dataclass(frozen=True)
class Metric:
    """A number that a confusion matrix gives; higher is better.

    ``of``: matrices (..., C, C) and ``absent`` -> (...), or (..., C) where it is ``per_class``;
    from it follow the pooled score, its interval and what chance gives. ``title``: as tables print
    it. ``class_name``: the one class that it is about, "" for all.

    Called with labels and predictions it is a function as scikit-learn has them
    (:mod:`merkit.metrics`).
    """

    name: str
    title: str
    of: Callable[[npt.ArrayLike, Absent], F64]
    per_class: bool = False
    class_name: str = ""

    @property
    def __name__(self) -> str:
        """The name, by which scikit-learn prints a scorer."""
        return self.name

    def __call__(
        self,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        labels: npt.ArrayLike | None = None,
        absent: Absent = "skip",
    ) -> float | F64:
        """The score of predictions; one value a class (C,) where the metric is ``per_class``.

        Args:
            y_true, y_pred: label of each clip (N,), words or numbers.
            labels: all classes, in order; None: those that occur, sorted.
            absent: see the top of this module.

        Raises:
            ConfigError: labels that cannot be; see ``class_places``.
        """
        true, predicted, n_classes = class_places(y_true, y_pred, labels)
        value = self.of(confusion_matrix(true, predicted, n_classes), absent)
        return value if self.per_class else float(value)

    def of_class(self, index: int, class_name: str) -> Metric:
        """This metric of one class alone, named ``<metric>_<class>``."""

        def one(confusion: npt.ArrayLike, absent: Absent) -> F64:
            return np.asarray(self.of(confusion, absent)[..., index])

        name, title = f"{self.name}_{class_name}", f"{self.title} {class_name}"
        return replace(self, name=name, title=title, of=one, per_class=False, class_name=class_name)


#: every metric of a run, of reports, comparisons, plots and chance levels
METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "uf1": "merkit.scoring.metrics:UF1",
        "uar": "merkit.scoring.metrics:UAR",
        "acc": "merkit.scoring.metrics:ACC",
        "f1": "merkit.scoring.metrics:F1",
    },
    group="merkit.metrics",
)


@nan_equal
@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class, of which ``support`` clips are. A ratio without a denominator is NaN."""

    name: str
    support: int
    precision: Number
    recall: Number
    f1: Number


def confusion_matrix(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, n_classes: int) -> I64:
    """Clips by true class (rows) and predicted class (columns), (C, C).

    Raises:
        ConfigError: arrays of different length, or a class index outside 0 to C-1.
    """
    true, predicted = class_indices(y_true, n_classes), class_indices(y_pred, n_classes)
    if true.shape != predicted.shape:
        raise ConfigError(
            f"{true.size} true classes and {predicted.size} predictions", "one prediction a clip"
        )
    cells = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def class_indices(values: npt.ArrayLike, n_classes: int) -> I64:
    """A flat array of class indices.

    Raises:
        ConfigError: not whole numbers, or outside 0 to C-1.
    """
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ConfigError(f"class indices of type {array.dtype}", "whole numbers")
    flat = array.astype(np.int64).ravel()
    wrong = flat[(flat < 0) | (flat >= n_classes)]
    if wrong.size:
        raise ConfigError(
            f"class index {int(wrong[0])} with {n_classes} classes",
            f"0 to {n_classes - 1}",
            "score with the label map the model was trained with",
        )
    return flat


def uf1(confusion: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Unweighted F1: mean over classes of 2TP/(2TP+FP+FN), (...) for matrices (..., C, C)."""
    hits, true, predicted = _margins(confusion)
    return _mean_over_classes(2 * hits, true + predicted, absent)


def uar(confusion: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Unweighted average recall: mean over classes of TP/n, (...) for (..., C, C)."""
    hits, true, _ = _margins(confusion)
    return _mean_over_classes(hits, true, absent)


def accuracy(confusion: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """Share of right predictions (ACC, WAR), (...) for (..., C, C); NaN without clips. Absent
    classes have no part in it."""
    hits, true, _ = _margins(confusion)
    return _divide(hits.sum(axis=-1), true.sum(axis=-1))


def f1_by_class(confusion: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """F1 of each class, (..., C) for (..., C, C); an absent class has NaN, or 0."""
    hits, true, predicted = _margins(confusion)
    values = _divide(2 * hits, true + predicted)
    return np.nan_to_num(values) if _checked(absent) == "zero" else values


UF1 = Metric("uf1", "UF1", uf1)
UAR = Metric("uar", "UAR", uar)
ACC = Metric("acc", "ACC", accuracy)
F1 = Metric("f1", "F1", f1_by_class, per_class=True)


def metrics_of(classes: Sequence[str]) -> dict[str, Metric]:
    """Every metric of results over these classes, by name; one that is per class stands once for
    each class. A metric of another package that cannot be loaded is warned of."""
    metrics, errors = METRICS.load_all()
    for error in errors:
        warnings.warn(error.found, MerkitWarning, stacklevel=2)
    found = []
    for metric in metrics.values():
        if metric.per_class:
            found += [metric.of_class(index, name) for index, name in enumerate(classes)]
        else:
            found.append(metric)
    return {metric.name: metric for metric in found}


def class_scores(confusion: npt.ArrayLike, classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall, F1 and support of every class of one (C, C) matrix."""
    hits, true, predicted = _margins(confusion)
    columns = (_divide(hits, predicted), _divide(hits, true), f1_by_class(confusion))
    return tuple(
        ClassScore(name, int(true[i]), *(float(values[i]) for values in columns))
        for i, name in enumerate(classes)
    )


def _margins(confusion: npt.ArrayLike) -> tuple[F64, F64, F64]:
    """True positives, clips of the class, clips called the class: each (..., C)."""
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ConfigError(f"a confusion matrix of shape {matrix.shape}", "(..., C, C)")
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return hits, matrix.sum(axis=-1), matrix.sum(axis=-2)


def _divide(top: F64, bottom: F64) -> F64:
    """top / bottom, NaN where bottom is 0."""
    safe = np.where(bottom == 0, 1.0, bottom)
    return np.where(bottom == 0, np.nan, top / safe)


def _mean_over_classes(top: F64, bottom: F64, absent: Absent) -> F64:
    """Mean of top / bottom over the last axis; classes with bottom 0 skipped or zero."""
    defined = bottom > 0
    ratio = np.where(defined, top / np.where(defined, bottom, 1.0), 0.0)
    if _checked(absent) == "zero":
        return np.asarray(ratio.mean(axis=-1))
    return _divide(ratio.sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _checked(absent: Absent) -> Absent:
    if absent not in ("skip", "zero"):
        raise ConfigError(f"absent is '{absent}'", "skip or zero")
    return absent
