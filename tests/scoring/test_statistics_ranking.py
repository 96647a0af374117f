"""Holm, Wilcoxon, critical differences, and refusing to rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from merkit.errors import ConfigError
from merkit.scoring.intervals import Interval
from merkit.scoring.ranking import (
    CriticalDifference,
    RankingRefusal,
    compare_methods,
    critical_difference,
    holm,
    ranking_refusal,
    wilcoxon_over_subjects,
)
from merkit.scoring.subjects import tabulate


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 -> 0.04, 0.06, 0.06 (kept), 0.06 (kept)
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # sorted 0.002, 0.01, 0.5 times 3, 2, 1 -> 0.006, 0.02, 0.5
    assert holm([0.5, 0.002, 0.01]) == pytest.approx([0.5, 0.006, 0.02])
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_raw_and_bonferroni_and_keeps_order(p):
    adjusted = np.array(holm(p))
    raw = np.array(p)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_wilcoxon_is_scipys_and_one_for_equal_scores():
    random = np.random.default_rng(0)
    a, b = random.random(20), random.random(20) + 0.2
    assert wilcoxon_over_subjects(a, b) == stats.wilcoxon(a, b).pvalue
    assert wilcoxon_over_subjects(a, a) == 1.0
    with pytest.raises(ConfigError, match="20 and 3"):
        wilcoxon_over_subjects(a, b[:3])


def _methods(n_subjects: int, rights: dict[str, float]):
    random = np.random.default_rng(1)
    subjects = np.repeat(np.arange(n_subjects), 6)
    true = np.tile([0, 1, 2], 2 * n_subjects)
    predictions = {
        name: np.where(random.random(len(true)) < right, true, (true + 1) % 3)
        for name, right in rights.items()
    }
    table = pd.DataFrame({"y_true": true, "subject": subjects, "seed": 0, "fold": 0})
    return {name: tabulate(table.assign(y_pred=p), 3, "pooled") for name, p in predictions.items()}


def test_clearly_better_method_is_told_apart():
    methods = _methods(20, {"a": 0.95, "b": 0.5, "c": 0.48})
    found = {(c.a, c.b): c for c in compare_methods(methods)}
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"].p_permutation_holm < 0.01
    assert found["a", "b"].p_wilcoxon_holm < 0.01
    assert found["a", "b"].difference.low > 0
    assert found["b", "c"].p_permutation_holm > 0.05
    assert found["b", "c"].p_permutation_holm >= found["b", "c"].p_permutation
    assert ranking_refusal(tuple(found.values())) is None


def test_comparison_against_a_reference():
    methods = _methods(8, {"a": 0.9, "b": 0.5, "ref": 0.5})
    found = compare_methods(methods, reference="ref")
    assert [(c.a, c.b) for c in found] == [("a", "ref"), ("b", "ref")]
    with pytest.raises(ConfigError, match="reference nobody"):
        compare_methods(methods, reference="nobody")
    with pytest.raises(ConfigError, match="two or more"):
        compare_methods({"a": methods["a"]})
    with pytest.raises(ConfigError, match="different subjects"):
        compare_methods({"a": methods["a"], "b": _methods(7, {"b": 0.5})["b"]})


def test_five_subjects_cannot_carry_a_ranking_however_clear():
    refusal = ranking_refusal(compare_methods(_methods(5, {"a": 1.0, "b": 0.0})))
    assert refusal is not None
    assert "5 subject(s)" in str(refusal)
    assert "0.0625" in str(refusal)


def test_alike_methods_are_not_ranked():
    refusal = ranking_refusal(compare_methods(_methods(20, {"a": 0.6, "b": 0.6})))
    assert "not evidence of a better method" in str(refusal)
    assert "a against b" in str(refusal)


#: methods in columns; the same clear order on every database, with one exchange
SCORES = np.array([[0.9, 0.7, 0.5, 0.3]] * 7 + [[0.7, 0.9, 0.5, 0.3]])
NAMES = ("best", "second", "third", "last")


def test_critical_difference_of_demsar_table_5():
    """q(0.05) of Demšar's Table 5a: 2.343 for 3 methods, 2.569 for 4, 2.728 for 5."""
    for k, q in ((3, 2.343), (4, 2.569), (5, 2.728)):
        scores = np.tile(np.linspace(0.9, 0.3, k), (10, 1))
        found = critical_difference(scores, [f"m{i}" for i in range(k)], [20] * 10)
        assert isinstance(found, CriticalDifference)
        assert found.cd == pytest.approx(q * np.sqrt(k * (k + 1) / 60), abs=1e-3)
        assert found.ranks == tuple(float(i + 1) for i in range(k))


def test_diagram_by_hand():
    found = critical_difference(SCORES[:, ::-1], NAMES[::-1], [20] * 8)
    assert isinstance(found, CriticalDifference)
    assert found.names == NAMES
    assert found.ranks == pytest.approx((1.125, 1.875, 3.0, 4.0))
    assert found.cd == pytest.approx(2.569 * np.sqrt(20 / 48), abs=1e-3)  # 1.658
    # within 1.658 ranks: best-second, second-third, third-last
    assert found.groups == ((0, 1), (1, 2), (2, 3))
    chi2, _ = stats.friedmanchisquare(*SCORES.T)
    statistic = 7 * chi2 / (8 * 3 - chi2)
    assert found.friedman_p == pytest.approx(stats.f.sf(statistic, 3, 21))


def test_bars_of_the_diagram_are_the_longest_runs():
    """Three methods take turns and one is always last: one bar over three, none inside it."""
    turns = [[*np.roll([0.9, 0.8, 0.7], i).tolist(), 0.1] for i in range(9)]
    found = critical_difference(turns, NAMES, [20] * 9)
    assert isinstance(found, CriticalDifference)
    assert found.ranks == pytest.approx((2.0, 2.0, 2.0, 4.0))
    assert found.groups == ((0, 2),)


def _interval(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half, 0.95, "percentile", 20)


@pytest.mark.parametrize(
    ("n", "subjects", "half", "words"),
    [
        (4, 20, 0.01, "4 database(s)"),
        (8, 5, 0.01, "fewer than 6 test subjects"),
        (8, 20, 0.7, "the ranks are mostly noise"),
    ],
)
def test_data_that_cannot_carry_a_ranking(n, subjects, half, words):
    intervals = [[_interval(v, half) for v in row] for row in SCORES[:n]]
    found = critical_difference(SCORES[:n], NAMES, [subjects] * n, intervals)
    assert isinstance(found, RankingRefusal)
    assert words in str(found)
    assert str(found).startswith("No ranking is given: ")


def test_narrow_intervals_do_not_stop_a_ranking():
    intervals = [[_interval(v, 0.05) for v in row] for row in SCORES]
    found = critical_difference(SCORES, NAMES, [20] * 8, intervals)
    assert isinstance(found, CriticalDifference)


def test_friedman_that_does_not_reject_gives_no_ranking():
    scores = np.random.default_rng(0).random((8, 4))
    found = critical_difference(scores, NAMES, [20] * 8)
    assert isinstance(found, RankingRefusal)
    assert "Friedman" in str(found)


@pytest.mark.parametrize(
    ("scores", "names", "subjects"),
    [
        (SCORES, NAMES[:3], [20] * 8),
        (SCORES, NAMES, [20] * 7),
        (SCORES[:, :2], NAMES[:2], [20] * 8),
        (np.where(SCORES > 0.8, np.nan, SCORES), NAMES, [20] * 8),
    ],
)
def test_bad_input(scores, names, subjects):
    with pytest.raises(ConfigError):
        critical_difference(scores, names, subjects)
