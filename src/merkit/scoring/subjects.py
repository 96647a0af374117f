"""The predictions of a run as one confusion matrix a seed, fold and subject.

Clips of one person are not independent, so whatever resamples, swaps or pools does so by subject:
a resample of subjects is a weighted sum of their matrices, and thousands of resamples cost one
matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError
from merkit.scoring.metrics import ACC, Metric, class_indices
from merkit.types import F64


@dataclass(frozen=True, eq=False)
class SubjectTables:
    """``counts``: confusion matrices (K seeds, F folds, S subjects, C, C), zero where a fold does
    not test a subject; one fold stands for all where scores are pooled. ``subjects``: their keys,
    sorted.

    A score is the mean over folds (one where pooled) and then over seeds. A class may have no clips
    in a resample; ``merkit.scoring.metrics`` says how it is scored.
    """

    counts: F64
    subjects: tuple[str, ...]

    @property
    def n_seeds(self) -> int:
        return len(self.counts)

    def values(self, metric: Metric) -> F64:
        """The score of each seed (K,)."""
        return np.asarray(self.scores(metric, np.ones((1, len(self.subjects))))[0])

    def scores(self, metric: Metric, weights: F64) -> F64:
        """Scores (R, K) of subjects weighted by (R, S).

        A fold's score does not grow with how often its subjects are drawn, so its weight in the
        mean over folds does: the mean number of draws of its subjects. With one subject a fold this
        is the bootstrap of the mean of the subjects' scores. A fold without a score is left out.
        """
        folds = self.counts.swapaxes(0, 1)
        found = [metric.of(_weighted(tables, weights), "skip") for tables in folds]
        if len(found) == 1:
            return found[0]
        values = np.stack(found)
        tested = (folds.sum(axis=(1, 3, 4)) > 0).astype(np.float64)
        drawn = (tested / tested.sum(axis=1, keepdims=True)) @ weights.T
        used = np.where(np.isnan(values), 0.0, drawn[:, :, None])
        with np.errstate(invalid="ignore"):  # no fold has a score: neither has the mean
            return np.asarray((np.nan_to_num(values) * used).sum(axis=0) / used.sum(axis=0))

    def accuracies(self) -> F64:
        """Accuracy of each subject alone, averaged over seeds (S,).

        It is the one metric that a handful of clips can carry; UF1 of one subject rests on the
        classes that subject happens to show.
        """
        return np.asarray(ACC.of(self.counts.sum(axis=1), "skip").mean(axis=0))


def subject_tables(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    seeds: npt.ArrayLike | None = None,
    folds: npt.ArrayLike | None = None,
) -> SubjectTables:
    """Count predictions, one entry a clip (and seed).

    Args:
        y_true, y_pred: class indices.
        subjects: subject keys.
        n_classes: C.
        seeds: training seed of each prediction, where there are several.
        folds: fold of each prediction, for the mean of the folds' scores in place of the pooled
            one.

    Raises:
        ConfigError: arrays of different length, no rows, class indices out of range, or
            seeds that scored different clips.
    """
    true, predicted = class_indices(y_true, n_classes), class_indices(y_pred, n_classes)
    columns = [
        np.zeros(true.size, np.int64) if column is None else np.asarray(column).ravel()
        for column in (seeds, folds, np.asarray(subjects).astype(str))
    ]
    if len({true.size, predicted.size, *(len(c) for c in columns)}) > 1 or true.size == 0:
        raise ConfigError(
            f"{true.size} true classes, {predicted.size} predictions, {len(columns[2])} subjects, "
            f"{len(columns[0])} seeds",
            "as many of each, at least one",
        )
    keys, places = zip(*(np.unique(c, return_inverse=True) for c in columns), strict=True)
    shape = (*(len(key) for key in keys), n_classes, n_classes)
    cells = np.ravel_multi_index((*places, true, predicted), shape)
    counts = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    true_counts = counts.sum(axis=-1)
    if (true_counts != true_counts[0]).any():
        raise ConfigError(
            f"the {len(counts)} seeds did not score the same clips",
            "every clip once a seed",
            "finish the run, or leave the unfinished seed out",
        )
    return SubjectTables(counts, tuple(str(key) for key in keys[2]))


def _weighted(tables: F64, weights: F64) -> F64:
    """Weighted sums over subjects: (K,S,C,C) and (R,S) -> (R,K,C,C)."""
    n_seeds, n_subjects, n_classes, _ = tables.shape
    flat = tables.transpose(1, 0, 2, 3).reshape(n_subjects, -1)
    return (weights @ flat).reshape(len(weights), n_seeds, n_classes, n_classes)
