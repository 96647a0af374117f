"""Comparing several methods, and saying when the data cannot carry a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from merkit.errors import ConfigError
from merkit.scoring.intervals import (
    Interval,
    Resampling,
    paired_difference,
    paired_permutation_test,
)
from merkit.scoring.metrics import UF1, Metric
from merkit.scoring.subjects import SubjectTables
from merkit.types import F64

#: with 5 pairs the smallest two-sided p of a sign-flip or Wilcoxon test is 2/2^5 = 0.0625
MIN_SUBJECTS = 6
#: with fewer databases a critical-difference diagram says nothing (see docs/protocols.md)
MIN_DATABASES = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Methods a and b on the same clips: difference a - b of the pooled score with its
    interval, and two-sided p-values over subjects, each also adjusted by Holm over all
    comparisons made together."""

    a: str
    b: str
    difference: Interval
    p_permutation: float
    p_permutation_holm: float
    p_wilcoxon: float
    p_wilcoxon_holm: float

    def apart(self, alpha: float) -> bool:
        """Whether the two are told apart: the permutation test, after Holm's adjustment, reaches
        ``alpha``, and the interval of the difference does not cover zero."""
        return self.p_permutation_holm <= alpha and self.difference.excludes_zero()


@dataclass(frozen=True, slots=True)
class RankingRefusal:
    """Why no ranking is given, in words for the reader of the table."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "No ranking is given: " + "; ".join(self.reasons) + "."


@dataclass(frozen=True, slots=True)
class CriticalDifference:
    """What a critical-difference diagram shows (Demšar 2006, JMLR 7, section 3.2.2).

    ``names`` from best to worst mean rank; ``ranks`` beside them (1 is best); two methods
    whose ranks differ by less than ``cd`` are not told apart. ``groups`` are the bars of the
    diagram: maximal runs (first, last) of such methods, as places in ``names``.
    """

    names: tuple[str, ...]
    ranks: tuple[float, ...]
    cd: float
    alpha: float
    friedman_p: float
    n_databases: int
    groups: tuple[tuple[int, int], ...]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values of Holm's step-down procedure (Holm 1979), in the given order.

    Raises:
        ConfigError: a value outside 0 to 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ConfigError(f"p-values {list(p_values)}", "0 to 1")
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return tuple(adjusted.tolist())


def wilcoxon_over_subjects(scores_a: npt.ArrayLike, scores_b: npt.ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test over subjects' scores (S,); ties with zero
    difference are dropped, and 1 is returned when nothing is left.

    Raises:
        ConfigError: arrays of different length.
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.shape != b.shape:
        raise ConfigError(f"{a.size} and {b.size} subject scores", "one pair a subject")
    return _wilcoxon(tuple(a.tolist()), tuple(b.tolist()))


@lru_cache(maxsize=1024)
def _wilcoxon(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Kept, since it is the same in the comparison of every metric."""
    if np.allclose(a, b, rtol=0, atol=1e-12):
        return 1.0
    return float(wilcoxon(a, b).pvalue)


def compare_methods(
    methods: Mapping[str, SubjectTables],
    metric: Metric = UF1,
    *,
    reference: str | None = None,
    how: Resampling | None = None,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """All pairs of methods, or each method against a reference, on one database.

    The permutation test and the interval are about the ``metric``; Wilcoxon's test is about the
    subjects' accuracies (averaged over seeds), since UF1 of one subject is not defined on the
    classes that subject never shows.

    Args:
        methods: name -> predictions of the same clips.
        n_permutations, seed: of the permutation tests.

    Raises:
        ConfigError: fewer than two methods, an unknown reference, or other subjects.
    """
    names = list(methods)
    if len(names) < 2 or (reference is not None and reference not in names):
        raise ConfigError(
            f"methods {names}, reference {reference}", "two or more, the reference among them"
        )
    if len({tables.subjects for tables in methods.values()}) > 1:
        raise ConfigError(f"methods {names} were tested on different subjects", "the same clips")
    pairs = (
        list(combinations(names, 2))
        if reference is None
        else [(name, reference) for name in names if name != reference]
    )
    accuracy = {name: tables.accuracies() for name, tables in methods.items()}
    differences, permuted = [], []
    for first, second in pairs:
        a, b = methods[first], methods[second]
        differences.append(paired_difference(a, b, metric, how))
        test = paired_permutation_test(a, b, metric, n_permutations=n_permutations, seed=seed)
        permuted.append(test.p_value)
    ranked = [wilcoxon_over_subjects(accuracy[a], accuracy[b]) for a, b in pairs]
    columns = zip(pairs, differences, permuted, holm(permuted), ranked, holm(ranked), strict=True)
    return tuple(
        Comparison(a, b, difference, p, p_holm, w, w_holm)
        for (a, b), difference, p, p_holm, w, w_holm in columns
    )


def ranking_refusal(
    comparisons: Sequence[Comparison], alpha: float = 0.05
) -> RankingRefusal | None:
    """Why methods on one database cannot be put in order, or None when they can.

    Refused with fewer than six subjects, and when no pair is told apart: after Holm's
    adjustment no permutation test reaches ``alpha``, or every interval of a difference that
    does still covers zero.

    Raises:
        ConfigError: nothing was compared.
    """
    if not comparisons:
        raise ConfigError("no comparisons", "at least one pair of methods")
    n_subjects = comparisons[0].difference.n_subjects
    if n_subjects < MIN_SUBJECTS:
        smallest = 2 / 2**n_subjects
        return RankingRefusal(
            (
                f"the test side has {n_subjects} subject(s); swapping predictions within so few "
                f"subjects cannot give a two-sided p below {min(smallest, 1.0):.3g}, whatever "
                f"the scores (at least {MIN_SUBJECTS} subjects are needed)",
            )
        )
    if any(comparison.apart(alpha) for comparison in comparisons):
        return None
    closest = min(comparisons, key=lambda c: c.p_permutation_holm)
    gap = closest.difference
    return RankingRefusal(
        (
            f"no two of the methods are told apart over {n_subjects} subjects: the clearest pair, "
            f"{closest.a} against {closest.b}, differs by {gap.value:+.3f} "
            f"({gap.level:.0%} interval {gap.bounds('+.3f')}, "
            f"Holm-adjusted p = {closest.p_permutation_holm:.3f})",
            "a higher score in this table is not evidence of a better method",
        )
    )


def critical_difference(
    scores: npt.ArrayLike,
    names: Sequence[str],
    n_subjects: Sequence[int],
    intervals: Sequence[Sequence[Interval]] | None = None,
    *,
    alpha: float = 0.05,
) -> CriticalDifference | RankingRefusal:
    """Friedman test and Nemenyi critical difference of methods over databases.

    Args:
        scores: pooled score of each database and method, (N, k), higher is better.
        names: of the k methods.
        n_subjects: test subjects of each of the N databases.
        intervals: interval of each score, where known, (N, k).
        alpha: level of both tests; the Friedman statistic is used in the form of Iman and
            Davenport (1980).

    Returns:
        the numbers of the diagram, or a refusal: fewer than five databases, fewer than six
        subjects in one, intervals so wide that in most databases that of the best method
        covers the score of the worst, or a Friedman test that does not reject.

    Raises:
        ConfigError: fewer than three methods, or sizes that do not fit.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape != (len(n_subjects), len(names)) or len(names) < 3:
        raise ConfigError(
            f"scores of shape {table.shape} for {len(n_subjects)} databases and "
            f"{len(names)} methods",
            "one row a database, one column a method, three methods or more",
            "for two methods use compare_methods",
        )
    if not np.isfinite(table).all():
        raise ConfigError("a score that is not a number", "every method on every database")
    cd = _nemenyi(len(names), len(table), alpha)
    reasons = _too_little(table, n_subjects, intervals, cd)
    return RankingRefusal(reasons) if reasons else _diagram(table, names, cd, alpha)


def _diagram(
    table: F64, names: Sequence[str], cd: float, alpha: float
) -> CriticalDifference | RankingRefusal:
    n_databases, n_methods = table.shape
    ranks = rankdata(-table, axis=1).mean(axis=0)
    p_value = _friedman(table)
    if p_value > alpha:
        return RankingRefusal(
            (
                f"the Friedman test over {n_databases} databases does not reject that all "
                f"{n_methods} methods perform alike (p = {p_value:.3f}), so no pair may be "
                "tested after it",
            )
        )
    order = np.argsort(ranks, kind="stable")
    ordered = ranks[order]
    return CriticalDifference(
        tuple(names[i] for i in order),
        tuple(float(rank) for rank in ordered),
        cd,
        alpha,
        p_value,
        n_databases,
        _groups(ordered, cd),
    )


def _nemenyi(n_methods: int, n_databases: int, alpha: float) -> float:
    """CD = q sqrt(k(k+1)/6N), q the studentized range over sqrt 2 (Demšar 2006, eq. 4)."""
    q = studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_databases)))


def _friedman(table: F64) -> float:
    """p of the Iman-Davenport form of the Friedman statistic, from scores (N,k)."""
    n, k = table.shape
    chi2 = float(friedmanchisquare(*table.T).statistic)
    if np.isclose(chi2, n * (k - 1)):  # the same order in every database
        return 0.0
    statistic = (n - 1) * chi2 / (n * (k - 1) - chi2)
    return float(f_distribution.sf(statistic, k - 1, (k - 1) * (n - 1)))


def _too_little(
    table: F64,
    n_subjects: Sequence[int],
    intervals: Sequence[Sequence[Interval]] | None,
    cd: float,
) -> tuple[str, ...]:
    n_databases, n_methods = table.shape
    reasons = []
    if n_databases < MIN_DATABASES:
        reasons.append(
            f"{n_databases} database(s) with {n_methods} methods give a critical difference of "
            f"{cd:.2f} ranks, where {n_methods - 1} is the largest difference possible; at least "
            f"{MIN_DATABASES} databases are needed"
        )
    small = [n for n in n_subjects if n < MIN_SUBJECTS]
    if small:
        reasons.append(
            f"{len(small)} database(s) have fewer than {MIN_SUBJECTS} test subjects (the fewest: "
            f"{min(small)}), so the order of methods there rests on single persons"
        )
    if intervals is not None:
        wide = sum(
            row[int(values.argmax())].low <= values.min()
            for values, row in zip(table, intervals, strict=True)
        )
        if 2 * wide > n_databases:
            reasons.append(
                f"in {wide} of {n_databases} databases the interval of the best method covers "
                "the score of the worst, so the ranks are mostly noise"
            )
    return tuple(reasons)


def _groups(ordered: F64, cd: float) -> tuple[tuple[int, int], ...]:
    """Maximal runs of ascending mean ranks within one critical difference."""
    groups: list[tuple[int, int]] = []
    for first in range(len(ordered)):
        last = int(np.searchsorted(ordered, ordered[first] + cd, side="left")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return tuple(groups)
