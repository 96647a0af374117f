"""The predictions of a run as one confusion matrix a seed, fold and subject.

Clips of one person are not independent, so whatever resamples, swaps or pools does so by subject:
a resample of subjects is a weighted sum of their matrices, and thousands of resamples cost one
matrix product.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from merkit.errors import ConfigError
from merkit.scoring.metrics import ACC, Metric
from merkit.types import F64, I64

#: simulated predictions of the whole database for the chance level: draws that are scored together,
#: which bounds memory, and how many times
_DRAWS, _CHUNKS = 100, 20
#: whether a score is that of all folds' clips together, or the mean of the folds' scores
Pooling: TypeAlias = Literal["pooled", "fold_mean"]


@dataclass(frozen=True)
class SubjectScore:
    """One person. ``recalls``: correct of the clips of each class, such as "1/2"; "" where there
    are none. Every seed counts."""

    subject: str
    clips: int
    correct: int
    acc: float
    recalls: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SubjectTables:
    """``counts``: confusion matrices (K seeds, F folds, S subjects, C, C), or (K, F, S, ...) of
    whatever else a metric is of; zero where a fold does not test a subject. ``seeds``, ``folds``
    and ``subjects``: their names, sorted.

    A score is that of the folds together, or the mean over folds (``pooling``), and then the mean
    over seeds. A class may have no clips in a resample; ``merkit.scoring.metrics`` says how it is
    scored.
    """

    counts: F64
    seeds: tuple[str, ...]
    folds: tuple[str, ...]
    subjects: tuple[str, ...]
    pooling: Pooling = "pooled"

    @property
    def n_clips(self) -> int:
        """Predictions of one seed."""
        return int(self.counts[0].sum())

    def part(self, axis: int, chosen: Sequence[bool]) -> SubjectTables:
        """Those of the chosen seeds (axis 0) or folds (1), or of clips of chosen subjects (2)."""
        names = [self.seeds, self.folds, self.subjects]
        names[axis] = tuple(n for n, wanted in zip(names[axis], chosen, strict=True) if wanted)
        counts = np.compress(chosen, self.counts, axis=axis)
        return replace(self, counts=counts, seeds=names[0], folds=names[1], subjects=names[2])

    def value(self, metric: Metric) -> float:
        """The score, the mean over seeds."""
        return float(self.scores(metric, np.ones((1, len(self.subjects)))).mean())

    def scores(self, metric: Metric, weights: F64) -> F64:
        """Scores (R, K) of subjects weighted by (R, S).

        A fold's score does not grow with how often its subjects are drawn, so its weight in the
        mean over folds does: the mean number of draws of its subjects. With one subject a fold this
        is the bootstrap of the mean of the subjects' scores. A fold without a score is left out.
        """
        if self.pooling == "pooled":
            return metric.of(_weighted(self.counts.sum(axis=1), weights), "skip")
        folds = self.counts.swapaxes(0, 1)
        values = np.stack([metric.of(_weighted(tables, weights), "skip") for tables in folds])
        tested = (folds.sum(axis=(1, *range(3, folds.ndim))) > 0).astype(np.float64)
        drawn = (tested / np.maximum(tested.sum(axis=1, keepdims=True), 1.0)) @ weights.T
        used = np.where(np.isnan(values), 0.0, drawn[:, :, None])
        with np.errstate(invalid="ignore"):  # no fold has a score: neither has the mean
            return np.asarray((np.nan_to_num(values) * used).sum(axis=0) / used.sum(axis=0))

    def accuracies(self) -> F64:
        """Accuracy of each subject alone, averaged over seeds (S,); of tables of several action
        units the mean over units, which is the share of calls that are right.

        It is the one metric that a handful of clips can carry; UF1 of one subject rests on the
        classes that subject happens to show.
        """
        each = np.asarray(ACC.of(self.counts.sum(axis=1), "skip").mean(axis=0))
        return np.asarray(each.reshape(len(self.subjects), -1).mean(axis=1))

    def chance(self, metrics: Mapping[str, Metric], seed: int = 0) -> dict[str, float]:
        """Expected scores of predictions that know nothing of the clips: the true labels in random
        order, by simulation; NaN for a class without clips.

        Args:
            metrics: by name.
            seed: of the simulation.
        """
        clips = self.counts[0].sum(axis=(1, 3)).astype(np.int64)  # (F, C)
        fold, true = (np.repeat(place.ravel(), clips.ravel()) for place in np.indices(clips.shape))
        random = np.random.default_rng(seed)
        shape = (_DRAWS, *clips.shape, clips.shape[1])
        found: dict[str, list[F64]] = {name: [] for name in metrics}
        for _ in range(_CHUNKS):
            guesses = random.permuted(np.tile(true, (_DRAWS, 1)), axis=1)
            cells = np.ravel_multi_index((np.arange(_DRAWS)[:, None], fold, true, guesses), shape)
            drawn = np.bincount(cells.ravel(), minlength=int(np.prod(shape))).reshape(shape)
            if self.pooling == "pooled":
                drawn = drawn.sum(axis=1, keepdims=True)
            for name, metric in metrics.items():
                found[name].append(metric.of(drawn, "skip"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
            each = {name: np.nanmean(np.concatenate(v), axis=1) for name, v in found.items()}
            return {name: float(np.nanmean(of_draws)) for name, of_draws in each.items()}

    def by_subject(self) -> tuple[SubjectScore, ...]:
        """Every person's own clips, those of all seeds."""
        rows = []
        for subject, matrix in zip(self.subjects, self.counts.sum(axis=(0, 1)), strict=True):
            of, right = matrix.sum(axis=1), np.diagonal(matrix)
            recalls = tuple(f"{r:.0f}/{n:.0f}" if n else "" for r, n in zip(right, of, strict=True))
            clips, correct = int(of.sum()), int(right.sum())
            rows.append(SubjectScore(subject, clips, correct, correct / clips, recalls))
        return tuple(rows)

    def beside(self, other: SubjectTables) -> SubjectTables:
        """Two methods' tables of the same clips (and folds, where scores are means over them), the
        subjects of one after those of the other."""
        tables = [self.counts, other.counts]
        if self.pooling == "pooled":  # whatever the folds of each were
            tables = [counts.sum(axis=1, keepdims=True) for counts in tables]
        counts = np.concatenate(tables, axis=2)
        return replace(self, counts=counts, subjects=self.subjects + other.subjects)


def tabulate(predictions: pd.DataFrame, n_classes: int, pooling: Pooling) -> SubjectTables:
    """Count predictions.

    Args:
        predictions: columns y_true and y_pred (class indices), subject, seed and fold; one row a
            clip and seed.
        n_classes: C.

    Raises:
        ConfigError: no rows, class indices out of range, or seeds that scored different clips.
    """
    if predictions.empty:
        raise ConfigError("no predictions to score", "at least one")
    columns = [places(predictions[name]) for name in ("seed", "fold", "subject")]
    (seeds, seed), (folds, fold), (subjects, subject) = columns
    true, predicted = (predictions[name].to_numpy() for name in ("y_true", "y_pred"))
    shape = (len(seeds), len(folds), len(subjects), n_classes, n_classes)
    try:
        cells = np.ravel_multi_index((seed, fold, subject, true, predicted), shape)
    except (TypeError, ValueError):
        named = sorted({*true.tolist(), *predicted.tolist()})
        raise ConfigError(
            f"class indices {named}", f"whole numbers from 0 to {n_classes - 1}"
        ) from None
    ones = np.ones(len(cells))  # so that the counts come as floats at once: they may be many
    counts = np.asarray(np.bincount(cells, ones, int(np.prod(shape))), np.float64).reshape(shape)
    refuse_other_clips(counts.sum(axis=-1))
    return SubjectTables(counts, seeds, folds, subjects, pooling)


def refuse_other_clips(clips: F64) -> None:
    """Refuse seeds that scored other clips than the first.

    Args:
        clips: numbers of clips (K,...), of each seed.

    Raises:
        ConfigError: they differ.
    """
    if (clips != clips[0]).any():
        raise ConfigError(
            f"the {len(clips)} seeds did not score the same clips",
            "every clip once a seed",
            "finish the run, or leave the unfinished seed out",
        )


def places(column: pd.Series) -> tuple[tuple[str, ...], I64]:
    """The sorted values of a column, and the place of each row's among them."""
    values, found = np.unique(np.asarray(column), return_inverse=True)
    return tuple(map(str, values)), found


def _weighted(tables: F64, weights: F64) -> F64:
    """Weighted sums over subjects: (K,S,...) and (R,S) -> (R,K,...)."""
    n_seeds, n_subjects, *cells = tables.shape
    flat = tables.swapaxes(0, 1).reshape(n_subjects, -1)
    return (weights @ flat).reshape(len(weights), n_seeds, *cells)
