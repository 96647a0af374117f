"""Intervals and paired tests over subjects, against SciPy and by hand."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from merkit.errors import ConfigError
from merkit.scoring.intervals import (
    Resampling,
    bootstrap_interval,
    paired_difference,
    paired_permutation_test,
)
from merkit.scoring.metrics import ACC, UF1, confusion_matrix, f1_by_class, metrics_of, uf1
from merkit.scoring.subjects import SubjectTables, tabulate


def _case(n_subjects=20, clips=6, n_classes=3, right=0.6, seed=0):
    """Subjects differ in how well they are recognised, so clips are not independent."""
    random = np.random.default_rng(seed)
    subjects = np.repeat([f"s{i:02d}" for i in range(n_subjects)], clips)
    true = random.integers(0, n_classes, len(subjects))
    ability = np.repeat(np.clip(random.normal(right, 0.25, n_subjects), 0, 1), clips)
    guess = random.integers(0, n_classes, len(subjects))
    return true, np.where(random.random(len(true)) < ability, true, guess), subjects


def _tables(true, predicted, subjects, n_classes=3, seeds=0, folds=None) -> SubjectTables:
    columns = {"y_true": true, "y_pred": predicted, "subject": subjects}
    table = pd.DataFrame(columns).assign(seed=seeds, fold="" if folds is None else folds)
    return tabulate(table, n_classes, "pooled" if folds is None else "fold_mean")


def _score(true, predicted, metric=UF1, n_classes=3) -> float:
    return float(metric.of(confusion_matrix(true, predicted, n_classes), "skip"))


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize(
    ("metric", "n_subjects", "n_classes"),
    [(UF1, 20, 3), (ACC, 20, 3), (UF1, 16, 7)],  # the last is strongly biased downwards
)
def test_interval_agrees_with_scipy(method, metric, n_subjects, n_classes):
    true, predicted, subjects = _case(n_subjects, 6 if n_classes == 3 else 3, n_classes)
    tables = _tables(true, predicted, subjects, n_classes)
    counts = tables.counts[0, 0]

    def statistic(index, axis=-1):
        return metric.of(counts[index].sum(axis=axis - 2 if axis < 0 else axis), "skip")

    reference = stats.bootstrap(
        (np.arange(n_subjects),),
        statistic,
        n_resamples=20_000,
        method=method,
        rng=np.random.default_rng(1),
        vectorized=True,
    ).confidence_interval
    ours = bootstrap_interval(tables, metric, Resampling(20_000, method=method, seed=1))
    assert ours.value == pytest.approx(_score(true, predicted, metric, n_classes))
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert ours.low < ours.value < ours.high
    assert ours.n_subjects == n_subjects


def test_bca_of_a_skewed_statistic_moves_away_from_percentile():
    tables = _tables(*_case(right=0.93, seed=3))
    percentile = bootstrap_interval(tables, ACC)
    bca = bootstrap_interval(tables, ACC, Resampling(method="bca"))
    assert bca.low < percentile.low
    assert bca.high <= percentile.high


def test_subjects_are_resampled_not_clips():
    """Ten subjects, each all right or all wrong: more clips a subject add no certainty."""
    right = np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 0])
    widths = []
    for clips in (2, 40):
        true = np.tile([0, 1], 10 * clips // 2)
        predicted = np.where(np.repeat(right, clips), true, 1 - true)
        subjects = np.repeat(np.arange(10), clips)
        interval = bootstrap_interval(_tables(true, predicted, subjects, 2), ACC)
        widths.append(interval.high - interval.low)
    assert widths[0] == pytest.approx(widths[1])
    assert widths[0] > 0.5


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """200 simulated databases of 30 subjects with a known expected accuracy."""
    random = np.random.default_rng(5)
    covered = 0
    subjects = np.repeat(np.arange(30), 5)
    for i in range(200):
        ability = np.repeat(random.beta(6, 4, 30), 5)  # mean 0.6
        predicted = np.where(random.random(150) < ability, 0, 1)
        tables = _tables(np.zeros(150, int), predicted, subjects, 2)
        interval = bootstrap_interval(tables, ACC, Resampling(400, seed=i))
        covered += interval.low <= 0.6 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_same_seed_same_interval_and_row_order_does_not_matter():
    true, predicted, subjects = _case()
    tables = _tables(true, predicted, subjects)
    first = bootstrap_interval(tables)
    order = np.random.default_rng(1).permutation(len(true))
    shuffled = _tables(true[order], predicted[order], subjects[order])
    assert bootstrap_interval(shuffled) == first
    assert bootstrap_interval(tables, how=Resampling(seed=9)) != first


def test_wider_level_gives_wider_interval():
    tables = _tables(*_case())
    narrow, wide = (
        bootstrap_interval(tables, how=Resampling(level=level)) for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_2000_resamples_are_fast():
    tables = _tables(*_case(n_subjects=68, clips=7))
    started = time.process_time()
    for _ in range(5):
        bootstrap_interval(tables)
    assert (time.process_time() - started) / 5 < 0.2  # about 0.01 s on one idle core


def test_perfect_predictions_and_single_subject():
    true = np.tile([0, 1, 2], 4)
    four = _tables(true, true, np.repeat(np.arange(4), 3))
    perfect = bootstrap_interval(four, how=Resampling(method="bca"))
    assert (perfect.low, perfect.value, perfect.high) == (1.0, 1.0, 1.0)
    assert perfect.bounds() == "1.000 to 1.000"
    alone = bootstrap_interval(_tables(true, true, np.zeros(12)))
    assert alone.value == 1.0
    assert np.isnan(alone.low)
    assert np.isnan(alone.high)
    assert alone.bounds() == "not known over 1 subject"


def _two_seeds(gap: float):
    true, predicted, subjects = _case()
    _, other, _ = _case(right=0.6 - gap, seed=0)
    return (
        np.tile(true, 2),
        np.concatenate([predicted, other]),
        np.tile(subjects, 2),
        np.repeat([0, 1], len(true)),
    )


def test_value_over_seeds_is_the_mean_of_pooled_scores():
    true, predicted, subjects, seeds = _two_seeds(0.3)
    tables = _tables(true, predicted, subjects, seeds=seeds)
    interval = bootstrap_interval(tables)
    each = [_score(true[seeds == s], predicted[seeds == s]) for s in (0, 1)]
    assert tables.value(UF1) == pytest.approx(np.mean(each))
    assert interval.value == pytest.approx(np.mean(each))
    assert (interval.n_seeds, interval.n_subjects) == (2, 20)


def test_nested_seeds_widen_the_interval_and_equal_seeds_do_not():
    true, predicted, subjects, seeds = _two_seeds(0.4)
    width = {}
    tables = _tables(true, predicted, subjects, seeds=seeds)
    for factor in ("nested", "average"):
        i = bootstrap_interval(tables, how=Resampling(seed_factor=factor))
        width[factor] = i.high - i.low
    assert width["nested"] > 1.2 * width["average"]
    half = len(true) // 2
    one = bootstrap_interval(_tables(true[:half], predicted[:half], subjects[:half]))
    alike = _tables(true, np.tile(predicted[:half], 2), subjects, seeds=seeds)
    twice = bootstrap_interval(alike, how=Resampling(seed_factor="nested"))
    assert (twice.value, twice.low, twice.high) == pytest.approx((one.value, one.low, one.high))


def test_paired_difference_of_a_method_with_itself_is_zero():
    tables = _tables(*_case())
    same = paired_difference(tables, tables, how=Resampling(method="bca"))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_pairing_is_narrower_than_two_separate_intervals():
    true, a, subjects = _case(right=0.5)
    b = a.copy()
    fixed = np.flatnonzero(a != true)[::4]
    b[fixed] = true[fixed]
    better, plain = _tables(true, b, subjects), _tables(true, a, subjects)
    gap = paired_difference(better, plain)
    alone = bootstrap_interval(plain)
    assert gap.low > 0
    assert gap.high - gap.low < alone.high - alone.low
    assert gap.excludes_zero()
    assert gap.value == pytest.approx(_score(true, b) - _score(true, a))
    swapped = paired_difference(plain, better)
    assert (swapped.low, swapped.high) == pytest.approx((-gap.high, -gap.low))


def test_exact_permutation_test_agrees_with_scipy():
    true, a, subjects = _case(n_subjects=8, seed=2)
    _, b, _ = _case(n_subjects=8, right=0.3, seed=2)
    first, second = _tables(true, a, subjects), _tables(true, b, subjects)
    both = np.stack([first.counts[0, 0], second.counts[0, 0]])  # (2, S, C, C)

    def statistic(x, y):
        place = np.arange(8)
        gap = uf1(both[x, place].sum(0)) - uf1(both[y, place].sum(0))
        return float(gap)

    reference = stats.permutation_test(
        (np.zeros(8, int), np.ones(8, int)),
        statistic,
        permutation_type="samples",
        vectorized=False,
        n_resamples=np.inf,
    )
    ours = paired_permutation_test(first, second)
    assert ours.exact
    assert ours.n_permutations == 256
    assert ours.p_value == pytest.approx(reference.pvalue)
    assert ours.difference == pytest.approx(reference.statistic)


def test_drawn_permutations_approach_the_exact_p():
    true, a, subjects = _case(n_subjects=12, right=0.65, seed=4)
    _, b, _ = _case(n_subjects=12, right=0.5, seed=5)
    pair = _tables(true, a, subjects), _tables(true, b, subjects)
    exact = paired_permutation_test(*pair, n_permutations=4096)
    drawn = paired_permutation_test(*pair, n_permutations=4000)
    assert exact.exact
    assert not drawn.exact
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.03)


def test_permutation_p_of_equal_and_of_opposite_methods():
    true, a, subjects = _case(n_subjects=10)
    some = _tables(true, a, subjects)
    assert paired_permutation_test(some, some).p_value == 1.0
    right, wrong = _tables(true, true, subjects), _tables(true, (true + 1) % 3, subjects)
    assert paired_permutation_test(right, wrong).p_value == 2 / 2**10


def test_drawn_permutations_never_give_p_zero():
    true, _, subjects = _case(n_subjects=30)
    right, wrong = _tables(true, true, subjects), _tables(true, (true + 1) % 3, subjects)
    drawn = paired_permutation_test(right, wrong, n_permutations=999)
    assert drawn.p_value == 1 / 1000


def test_permutation_p_is_uniform_when_methods_are_alike():
    """Two equally good methods: p below 0.1 in about a tenth of simulated comparisons."""
    random = np.random.default_rng(0)
    subjects = np.repeat(np.arange(9), 6)
    true = np.tile([0, 1, 2], 18)
    p = []
    for _ in range(200):
        guesses = (
            np.where(random.random(54) < 0.6, true, random.integers(0, 3, 54)) for _ in range(2)
        )
        a, b = (_tables(true, guess, subjects) for guess in guesses)
        p.append(paired_permutation_test(a, b).p_value)
    assert 0.04 <= np.mean(np.array(p) <= 0.1) <= 0.17


def test_subject_scores_are_each_subjects_accuracy():
    tables = _tables([0, 1, 1, 0], [0, 0, 1, 0], ["b", "b", "a", "a"], 2)
    assert tables.subjects == ("a", "b")
    assert tables.accuracies() == pytest.approx([1.0, 0.5])
    by_fold = _tables([0, 1, 1, 0], [0, 0, 1, 0], ["b", "b", "a", "a"], 2, folds=[1, 0, 1, 0])
    assert by_fold.accuracies() == pytest.approx([1.0, 0.5])


_T, _P, _S = [0, 1, 0], [0, 1, 1], ["a", "b", "c"]
_TWO = _tables(_T, _P, _S, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: _tables(*np.zeros((3, 0), int), 2), "at least one"),
        (lambda: Resampling(level=95), "level is 95"),
        (lambda: Resampling(0), "n_resamples"),
        (lambda: Resampling(method="t"), "percentile or bca"),
        (lambda: Resampling(seed_factor="x"), "nested or average"),
        (lambda: _tables(_T, _P, _S, 2, seeds=[0, 0, 1]), "same clips"),
        (lambda: _tables(_T, [0, 5, 0], _S, 2), r"class indices \[0, 1, 5\]"),
        (lambda: _tables(_T, [0, 0.5, 0], _S, 2), "whole numbers from 0 to 1"),
        (lambda: paired_permutation_test(_TWO, _TWO, n_permutations=0), "1 or more"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


def test_the_mean_over_folds_is_scikit_learns_fold_by_fold():
    from sklearn.metrics import f1_score

    true, predicted, subjects = _case(12, 6, 3)
    folds = np.array([f"f{int(s.strip('s')) % 4}" if isinstance(s, str) else s for s in subjects])
    each = [
        f1_score(true[folds == f], predicted[folds == f], average="macro") for f in np.unique(folds)
    ]
    tables = _tables(true, predicted, subjects, folds=folds)
    found = bootstrap_interval(tables, how=Resampling(500))
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high
    pooled = bootstrap_interval(_tables(true, predicted, subjects), how=Resampling(500))
    assert found.value != pooled.value
    one = _tables(true, predicted, subjects, folds=np.full(len(true), "all"))
    assert bootstrap_interval(one, how=Resampling(500)) == pooled


def test_interval_of_the_mean_over_subjects_is_the_bootstrap_of_their_scores():
    """One subject a fold: drawn twice, its score counts twice."""
    true, predicted, subjects = _case(n_subjects=30)
    each = np.array([(true == predicted)[subjects == s].mean() for s in np.unique(subjects)])
    reference = stats.bootstrap(
        (each,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    found = bootstrap_interval(_tables(true, predicted, subjects, folds=subjects), ACC)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_swaps_under_fold_means_are_those_of_the_subjects_scores():
    """One subject a fold: the paired test is SciPy's sign flip of the subjects' accuracies."""
    true, a, subjects = _case(n_subjects=10)
    _, b, _ = _case(n_subjects=10, right=0.4, seed=7)
    each = [
        np.array([(true == guess)[subjects == s].mean() for s in np.unique(subjects)])
        for guess in (a, b)
    ]
    reference = stats.permutation_test(
        each, lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    pair = (_tables(true, guess, subjects, folds=subjects) for guess in (a, b))
    ours = paired_permutation_test(*pair, ACC)
    assert ours.difference == pytest.approx(reference.statistic)
    assert ours.p_value == pytest.approx(reference.pvalue)


def test_the_interval_of_one_classs_f1_agrees_with_scikit_learn_and_scipy():
    from sklearn.metrics import f1_score

    true, predicted, subjects = _case(n_subjects=12)
    keys = np.unique(subjects)

    def statistic(chosen):
        rows = np.concatenate([np.flatnonzero(subjects == keys[int(i)]) for i in chosen])
        return f1_score(true[rows], predicted[rows], labels=[1], average=None)[0]

    reference = stats.bootstrap(
        (np.arange(12),), statistic, n_resamples=300, vectorized=False, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    metric = metrics_of(["negative", "positive", "surprise"])["f1_positive"]
    found = bootstrap_interval(_tables(true, predicted, subjects), metric, Resampling(300))
    assert found.value == pytest.approx(f1_by_class(confusion_matrix(true, predicted, 3))[1])
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def _rare_class():
    """Only two of twelve people show class 2, and only their clips are called it."""
    true, predicted, subjects = _case(n_subjects=12, clips=6, n_classes=2, seed=5)
    rare = np.isin(subjects, ["s03", "s07"]) & (np.arange(len(true)) % 6 < 2)
    return np.where(rare, 2, true), np.where(rare, 2, predicted), subjects


def test_resamples_without_the_class_are_left_out_of_its_interval():
    tables = _tables(*_rare_class())
    f1 = metrics_of(["a", "b", "c"])["f1_c"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in ("percentile", "bca"):
            found = bootstrap_interval(tables, f1, Resampling(500, method=method))
            assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


def test_a_class_that_is_nowhere_has_no_interval_and_no_test():
    true, predicted, subjects = _case(n_subjects=9, n_classes=2)
    tables = _tables(true, predicted, subjects)
    f1 = metrics_of(["a", "b", "c"])["f1_c"]
    found = bootstrap_interval(tables, f1, Resampling(50))
    assert np.isnan(found.value)
    assert found.bounds() == "not known"
    called = _tables(true, np.where(subjects == "s00", 2, predicted), subjects)
    gap = paired_difference(called, tables, f1, Resampling(50))
    assert np.isnan(gap.value)
    assert not gap.excludes_zero()
    assert paired_permutation_test(called, tables, f1).p_value == 1.0
