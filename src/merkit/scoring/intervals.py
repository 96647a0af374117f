"""How sure a score is: intervals and paired tests that take the subject as the unit.

Subjects are resampled, or swapped, never clips; SciPy draws them.

Seeds are a factor of their own. A score over several is the mean over seeds of the score of each.
With ``seed_factor="nested"`` each resample draws subjects and, beside them, seeds with
replacement, so the interval speaks of a training with another seed; with ``"average"`` the
seeds are held fixed and the interval speaks of these trainings alone. A resample draws the
same subjects for every seed, and for both methods of a pair.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.stats import bootstrap, permutation_test

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.scoring.metrics import UF1, Metric
from merkit.scoring.subjects import SubjectTables
from merkit.types import F64, I64, Number, nan_equal

IntervalMethod: TypeAlias = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Args:
        n_resamples: bootstrap resamples of the subjects.
        level: coverage aimed at, in (0, 1).
        method: ``percentile``, or ``bca`` (bias-corrected and accelerated; acceleration by
            the jackknife over subjects).
        seed: of the resampling.
        seed_factor: see the module.

    Raises:
        ConfigError: a value out of its range.
    """

    n_resamples: int = 2000
    level: float = 0.95
    method: IntervalMethod = "percentile"
    seed: int = 0
    seed_factor: Literal["nested", "average"] = "nested"

    def __post_init__(self) -> None:
        wanted = {
            "n_resamples": (self.n_resamples >= 1, "1 or more"),
            "level": (0 < self.level < 1, "between 0 and 1, such as 0.95"),
            "method": (self.method in ("percentile", "bca"), "percentile or bca"),
            "seed_factor": (self.seed_factor in ("nested", "average"), "nested or average"),
        }
        check_settings(self, "", wanted)

    def __str__(self) -> str:
        return f"{self.n_resamples} resamples of subjects, {self.method}"


@nan_equal
@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval; ``low`` and ``high`` are NaN over fewer than two subjects, and
    where there is no value, as for a class without clips."""

    value: Number
    low: Number
    high: Number
    level: float
    method: IntervalMethod
    n_subjects: int
    n_seeds: int = 1

    def bounds(self, form: str = ".3f") -> str:
        """The bounds in words, such as "0.512 to 0.633"."""
        if np.isnan(self.low):
            return "not known over 1 subject" if self.n_subjects == 1 else "not known"
        return f"{self.low:{form}} to {self.high:{form}}"

    def excludes_zero(self) -> bool:
        """Whether a difference is told from none."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class PermutationResult:
    """Observed difference, two-sided p, and how many swaps were looked at: none, and p = 1, where
    one of the methods has no score."""

    difference: float
    p_value: float
    exact: bool
    n_permutations: int


def bootstrap_interval(
    tables: SubjectTables, metric: Metric = UF1, how: Resampling | None = None
) -> Interval:
    """Interval of a score over subjects (Efron and Tibshirani 1993, ch. 13 and 14)."""
    return _interval(lambda weights: tables.scores(metric, weights), tables, how or Resampling())


def paired_difference(
    a: SubjectTables, b: SubjectTables, metric: Metric = UF1, how: Resampling | None = None
) -> Interval:
    """Interval of score(a) - score(b) of two methods on the same clips. Every resample draws the
    same subjects for both."""

    def gap(weights: F64) -> F64:
        return a.scores(metric, weights) - b.scores(metric, weights)

    return _interval(gap, a, how or Resampling())


def paired_permutation_test(
    a: SubjectTables,
    b: SubjectTables,
    metric: Metric = UF1,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> PermutationResult:
    """Do two methods differ? Their predictions are swapped, a whole subject at a time.

    Under the null hypothesis the two are exchangeable within each subject. All 2^S swaps are
    looked at when there are no more than ``n_permutations``; otherwise that many are drawn,
    and p = (1 + extreme) / (1 + drawn), never 0 (Phipson and Smyth 2010). All seeds of a
    subject are swapped together.

    Raises:
        ConfigError: no permutations.
    """
    if n_permutations < 1:
        raise ConfigError(f"n_permutations is {n_permutations}", "1 or more")
    n_subjects = len(a.subjects)
    both = a.beside(b)

    def gap(ours: F64, theirs: F64) -> F64:
        """Difference where ``ours`` (..., S) is 0 for subjects that stay and 1 for swapped ones."""
        stay, swap = theirs.reshape(-1, n_subjects), ours.reshape(-1, n_subjects)
        first = both.scores(metric, np.hstack([stay, swap]))
        second = both.scores(metric, np.hstack([swap, stay]))
        return np.asarray((first - second).mean(axis=1)).reshape(ours.shape[:-1])

    observed = float(gap(np.zeros(n_subjects), np.ones(n_subjects)))
    if np.isnan(observed):
        return PermutationResult(observed, 1.0, False, 0)
    found = permutation_test(
        (np.zeros(n_subjects), np.ones(n_subjects)),
        # a swap without a score counts as extreme, so that it never speaks for a difference
        lambda ours, theirs, axis: np.nan_to_num(np.abs(gap(ours, theirs)), nan=np.inf),
        permutation_type="samples",
        vectorized=True,
        n_resamples=n_permutations,
        batch=1000,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    exact = 2**n_subjects <= n_permutations
    return PermutationResult(observed, float(found.pvalue), exact, len(found.null_distribution))


def _interval(scores: Callable[[F64], F64], tables: SubjectTables, how: Resampling) -> Interval:
    """SciPy resamples the places of subjects and, nested, of seeds; ``scores``: weights of subjects
    (R, S) -> value of each resample and seed (R, K)."""
    n_subjects, n_seeds = len(tables.subjects), len(tables.seeds)
    value = float(scores(np.ones((1, n_subjects))).mean())
    low = high = np.nan
    nested = how.seed_factor == "nested" and n_seeds > 1
    data = (np.arange(n_subjects), np.arange(n_seeds)) if nested else (np.arange(n_subjects),)

    def statistic(subjects: I64, seeds: I64 | None = None, axis: int = -1) -> F64:
        values = scores(_counts(subjects, n_subjects))
        weights = 1.0 if seeds is None else _counts(seeds, n_seeds) * (n_seeds / seeds.shape[-1])
        return np.asarray((values * weights).mean(axis=1)).reshape(subjects.shape[:-1])

    if n_subjects > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no spread around the value: nothing to correct by
            found = bootstrap(
                data,
                statistic,
                n_resamples=how.n_resamples,
                vectorized=True,
                confidence_level=how.level,
                method="BCa" if how.method == "bca" else "percentile",
                rng=np.random.default_rng(how.seed),
            )
            low, high = map(float, found.confidence_interval)
            if np.isnan(low) or np.isnan(high):  # resamples without a score are left out
                ends = (0.5 - how.level / 2, 0.5 + how.level / 2)
                low, high = map(float, np.nanquantile(found.bootstrap_distribution, ends))
    return Interval(value, low, high, how.level, how.method, n_subjects, n_seeds)


def _counts(places: I64, n: int) -> F64:
    """How often each of n places stands in each row of (..., m), as (rows, n)."""
    rows = places.reshape(-1, places.shape[-1])
    at = rows + n * np.arange(len(rows))[:, None]
    return np.bincount(at.ravel(), minlength=n * len(rows)).reshape(-1, n).astype(np.float64)
