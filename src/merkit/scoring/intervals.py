"""How sure a score is: intervals and paired tests that take the subject as the unit.

Clips of one person are not independent, so subjects are resampled, or swapped, never clips.
Everything works on one confusion matrix a subject: a resample of subjects is a weighted sum
of them, so thousands of resamples cost one matrix product.

Seeds are a factor of their own. Long tables with one row a clip and seed take ``seeds``; a
score is then the mean over seeds of the pooled score of each. With
``seed_factor="nested"`` each resample draws subjects and, beside them, seeds with
replacement, so the interval speaks of a training with another seed; with ``"average"`` the
seeds are held fixed and the interval speaks of these trainings alone. A resample draws the
same subjects for every seed, and for both methods of a pair.

A class may have no clips in a resample; ``merkit.scoring.metrics`` says how it is scored.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from merkit.errors import ConfigError
from merkit.scoring.metrics import MAIN_METRIC, Absent, class_indices, score
from merkit.types import F64, I64

IntervalMethod: TypeAlias = Literal["percentile", "bca"]
SeedFactor: TypeAlias = Literal["nested", "average"]
#: weights of subjects (R, S) -> value of each resample and seed (R, K)
_Evaluate: TypeAlias = Callable[[F64], F64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval; ``low`` and ``high`` are NaN over fewer than two subjects."""

    value: float
    low: float
    high: float
    level: float
    method: IntervalMethod
    n_subjects: int
    n_seeds: int = 1


@dataclass(frozen=True, slots=True)
class PermutationResult:
    """Observed difference, two-sided p, and how many swaps were looked at."""

    difference: float
    p_value: float
    exact: bool
    n_permutations: int


def bootstrap_interval(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    *,
    metric: str = MAIN_METRIC,
    level: float = 0.95,
    n_resamples: int = 2000,
    method: IntervalMethod = "percentile",
    seed: int = 0,
    seeds: npt.ArrayLike | None = None,
    seed_factor: SeedFactor = "nested",
    absent: Absent = "skip",
    folds: npt.ArrayLike | None = None,
) -> Interval:
    """Interval of a pooled score over subjects (Efron and Tibshirani 1993, ch. 13 and 14).

    Args:
        y_true, y_pred: class indices, one a clip (and seed).
        subjects: subject keys, one a clip (and seed).
        n_classes: C.
        metric: a name of ``METRICS``.
        level: coverage aimed at, in (0, 1).
        n_resamples: bootstrap resamples.
        method: ``percentile``, or ``bca`` (bias-corrected and accelerated; acceleration by
            the jackknife over subjects).
        seed: of the resampling.
        seeds: training seed of each row, where there are several.
        seed_factor: see the module.
        absent: how a class without clips is scored.
        folds: fold of each row, for the mean of the folds' scores in place of the pooled one.

    Raises:
        ConfigError: arrays that do not fit, a setting out of range, or seeds that scored
            different clips.
    """
    tables, _ = subject_confusions(y_true, y_pred, subjects, n_classes, seeds)
    scored = [tables]
    if folds is not None:
        scored = _by_fold(y_true, y_pred, subjects, n_classes, seeds, folds)

    def evaluate(weights: F64) -> F64:
        values = [_scores(part, weights, metric, absent) for part in scored]
        return values[0] if len(values) == 1 else _mean_of_folds(values, scored, weights)

    return _interval(
        evaluate,
        (tables.shape[1], tables.shape[0]),
        (level, n_resamples, method, seed, seed_factor),
    )


def paired_difference(
    y_true: npt.ArrayLike,
    pred_a: npt.ArrayLike,
    pred_b: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    *,
    metric: str = MAIN_METRIC,
    level: float = 0.95,
    n_resamples: int = 2000,
    method: IntervalMethod = "percentile",
    seed: int = 0,
    seeds: npt.ArrayLike | None = None,
    seed_factor: SeedFactor = "nested",
    absent: Absent = "skip",
) -> Interval:
    """Interval of score(a) - score(b) of two methods on the same clips; see
    ``bootstrap_interval``. Every resample draws the same subjects for both."""
    a, _ = subject_confusions(y_true, pred_a, subjects, n_classes, seeds)
    b, _ = subject_confusions(y_true, pred_b, subjects, n_classes, seeds)
    return _interval(
        lambda weights: _scores(a, weights, metric, absent) - _scores(b, weights, metric, absent),
        (a.shape[1], a.shape[0]),
        (level, n_resamples, method, seed, seed_factor),
    )


def paired_permutation_test(
    y_true: npt.ArrayLike,
    pred_a: npt.ArrayLike,
    pred_b: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    *,
    metric: str = MAIN_METRIC,
    n_permutations: int = 10_000,
    seed: int = 0,
    seeds: npt.ArrayLike | None = None,
    absent: Absent = "skip",
) -> PermutationResult:
    """Do two methods differ? Their predictions are swapped, a whole subject at a time.

    Under the null hypothesis the two are exchangeable within each subject. All 2^S swaps are
    looked at when there are no more than ``n_permutations``; otherwise that many are drawn,
    and p = (1 + extreme) / (1 + drawn), never 0 (Phipson and Smyth 2010). All seeds of a
    subject are swapped together.

    Raises:
        ConfigError: as ``bootstrap_interval``.
    """
    if n_permutations < 1:
        raise ConfigError(f"n_permutations is {n_permutations}", "1 or more")
    a, keys = subject_confusions(y_true, pred_a, subjects, n_classes, seeds)
    b, _ = subject_confusions(y_true, pred_b, subjects, n_classes, seeds)
    n_subjects = len(keys)
    exact = n_subjects < 63 and 2**n_subjects <= n_permutations
    if exact:
        swaps = np.array(list(product((0.0, 1.0), repeat=n_subjects)))
    else:
        random = np.random.default_rng(seed)
        swaps = random.integers(0, 2, size=(n_permutations, n_subjects)).astype(np.float64)
    stayed = 1.0 - swaps

    def difference(keep: F64, swap: F64) -> F64:
        first = _pool(a, keep) + _pool(b, swap)
        second = _pool(b, keep) + _pool(a, swap)
        gap = score(metric, first, absent) - score(metric, second, absent)
        return np.asarray(gap.mean(axis=1))

    observed = float(difference(np.ones((1, n_subjects)), np.zeros((1, n_subjects)))[0])
    # the tolerance keeps swaps that give the same difference in another order of summation
    extreme = int((np.abs(difference(stayed, swaps)) >= abs(observed) - 1e-12).sum())
    p_value = extreme / len(swaps) if exact else (1 + extreme) / (1 + len(swaps))
    return PermutationResult(observed, p_value, exact, len(swaps))


def subject_confusions(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    seeds: npt.ArrayLike | None = None,
) -> tuple[F64, tuple[str, ...]]:
    """One confusion matrix a seed and subject.

    Returns:
        matrices (K seeds, S subjects, C, C) and the subject keys, sorted.

    Raises:
        ConfigError: arrays of different length, no rows, class indices out of range, or
            seeds that scored different clips.
    """
    true, predicted = class_indices(y_true, n_classes), class_indices(y_pred, n_classes)
    names = np.asarray(subjects).astype(str).ravel()
    runs = np.zeros(true.size, np.int64) if seeds is None else np.asarray(seeds).ravel()
    lengths = {true.size, predicted.size, names.size, runs.size}
    if len(lengths) > 1 or true.size == 0:
        raise ConfigError(
            f"{true.size} true classes, {predicted.size} predictions, {names.size} subjects, "
            f"{runs.size} seeds",
            "as many of each, at least one",
        )
    keys, subject = np.unique(names, return_inverse=True)
    seed_values, run = np.unique(runs, return_inverse=True)
    cell = ((run * len(keys) + subject) * n_classes + true) * n_classes + predicted
    shape = (len(seed_values), len(keys), n_classes, n_classes)
    tables = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    true_counts = tables.sum(axis=-1)
    if (true_counts != true_counts[0]).any():
        raise ConfigError(
            f"the {len(seed_values)} seeds did not score the same clips",
            "every clip once a seed",
            "finish the run, or leave the unfinished seed out",
        )
    return tables, tuple(str(key) for key in keys)


def subject_scores(tables: F64, metric: str = "acc", absent: Absent = "skip") -> F64:
    """Score of each subject alone, averaged over seeds, (S,), from ``subject_confusions``.

    Accuracy is the one that a handful of clips can carry; UF1 of one subject rests on the
    classes that subject happens to show.
    """
    return np.asarray(score(metric, tables, absent).mean(axis=0))


def _by_fold(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    subjects: npt.ArrayLike,
    n_classes: int,
    seeds: npt.ArrayLike | None,
    folds: npt.ArrayLike,
) -> list[F64]:
    """Tables (K,S,C,C) of each fold; subjects that it does not test have zeros."""
    true, predicted, names = np.asarray(y_true), np.asarray(y_pred), np.asarray(subjects)
    runs = np.zeros(len(true), np.int64) if seeds is None else np.asarray(seeds)
    keys = np.unique(names.astype(str))
    of = np.asarray(folds).astype(str)
    parts = []
    for name in np.unique(of):
        here = of == name
        tables, found = subject_confusions(
            true[here], predicted[here], names[here], n_classes, runs[here]
        )
        whole = np.zeros((len(tables), len(keys), n_classes, n_classes))
        whole[:, np.searchsorted(keys, found)] = tables
        parts.append(whole)
    return parts


def _mean_of_folds(values: Sequence[F64], parts: Sequence[F64], weights: F64) -> F64:
    """Mean over folds (R,K). A fold's score does not grow with how often its subjects are drawn, so
    its weight does: the mean number of draws of its subjects. With one subject a fold this is the
    bootstrap of the mean of the subjects' scores. A fold without a score is left out."""
    stacked = np.stack(values)
    tested = np.stack([part.sum(axis=(0, 2, 3)) > 0 for part in parts]).astype(np.float64)
    drawn = (tested / tested.sum(axis=1, keepdims=True)) @ weights.T
    used = np.where(np.isnan(stacked), 0.0, drawn[:, :, None])
    return np.asarray((np.nan_to_num(stacked) * used).sum(axis=0) / used.sum(axis=0))


def _pool(tables: F64, weights: F64) -> F64:
    """Weighted sums over subjects: (K,S,C,C) and (R,S) -> (R,K,C,C)."""
    n_seeds, n_subjects, n_classes, _ = tables.shape
    flat = tables.transpose(1, 0, 2, 3).reshape(n_subjects, -1)
    return (weights @ flat).reshape(len(weights), n_seeds, n_classes, n_classes)


def _scores(tables: F64, weights: F64, name: str, absent: Absent) -> F64:
    return score(name, _pool(tables, weights), absent)


def _interval(
    evaluate: _Evaluate,
    sizes: tuple[int, int],
    settings: tuple[float, int, IntervalMethod, int, SeedFactor],
) -> Interval:
    """SciPy resamples the places of subjects and, nested, of seeds."""
    (n_subjects, n_seeds), (level, n_resamples, method, seed, seed_factor) = sizes, settings
    _check_settings(level, n_resamples, method, seed_factor)
    value = float(evaluate(np.ones((1, n_subjects))).mean())
    if n_subjects < 2:
        return Interval(value, np.nan, np.nan, level, method, n_subjects, n_seeds)
    nested = seed_factor == "nested" and n_seeds > 1
    data = (np.arange(n_subjects), np.arange(n_seeds)) if nested else (np.arange(n_subjects),)

    def statistic(subjects: I64, seeds: I64 | None = None, axis: int = -1) -> F64:
        values = evaluate(_counts(subjects, n_subjects))
        weights = 1.0 if seeds is None else _counts(seeds, n_seeds) * (n_seeds / seeds.shape[-1])
        return np.asarray((values * weights).mean(axis=1)).reshape(subjects.shape[:-1])

    def interval(kind: str) -> tuple[float, float]:
        found = bootstrap(
            data,
            statistic,
            n_resamples=n_resamples,
            vectorized=True,
            confidence_level=level,
            method=kind,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        return float(found.low), float(found.high)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no spread around the value: nothing to correct by
        low, high = interval("BCa" if method == "bca" else "percentile")
    if np.isnan(low) or np.isnan(high):
        low, high = interval("percentile")
    return Interval(value, low, high, level, method, n_subjects, n_seeds)


def _counts(places: I64, n: int) -> F64:
    """How often each of n places stands in each row of (..., m), as (rows, n)."""
    rows = places.reshape(-1, places.shape[-1])
    at = rows + n * np.arange(len(rows))[:, None]
    return np.bincount(at.ravel(), minlength=n * len(rows)).reshape(-1, n).astype(np.float64)


def _check_settings(
    level: float, n_resamples: int, method: IntervalMethod, seed_factor: SeedFactor
) -> None:
    if not 0 < level < 1:
        raise ConfigError(f"level is {level}", "between 0 and 1, such as 0.95")
    if n_resamples < 1:
        raise ConfigError(f"n_resamples is {n_resamples}", "1 or more")
    if method not in ("percentile", "bca"):
        raise ConfigError(f"unknown interval method '{method}'", "percentile or bca")
    if seed_factor not in ("nested", "average"):
        raise ConfigError(f"unknown seed factor '{seed_factor}'", "nested or average")
