"""Metrics: equal to scikit-learn, to hand-computed values, and blind to the order of folds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from merkit.errors import ConfigError
from merkit.scoring.metrics import (
    accuracy,
    class_scores,
    confusion_matrix,
    f1_by_class,
    metrics_of,
    uar,
    uf1,
)

QUICK = settings(max_examples=150, deadline=None)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    n_classes = draw(st.integers(2, 7))
    pair = st.tuples(st.integers(0, n_classes - 1), st.integers(0, n_classes - 1))
    pairs = draw(st.lists(pair, min_size=1, max_size=60))
    return [t for t, _ in pairs], [p for _, p in pairs], n_classes


@QUICK
@given(predictions())
def test_equal_to_scikit_learn(case):
    true, predicted, n = case
    labels = list(range(n))
    ours = confusion_matrix(true, predicted, n)
    assert (ours == reference.confusion_matrix(true, predicted, labels=labels)).all()
    for absent, zero_division in (("skip", np.nan), ("zero", 0.0)):
        options = {"labels": labels, "average": "macro", "zero_division": zero_division}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f1 = reference.f1_score(true, predicted, **options)
            recall = reference.recall_score(true, predicted, **options)
        assert uf1(ours, absent) == pytest.approx(f1)
        assert uar(ours, absent) == pytest.approx(recall)
    assert accuracy(ours) == pytest.approx(reference.accuracy_score(true, predicted))


@QUICK
@given(predictions())
def test_skipping_absent_classes_is_scikit_learns_default_over_seen_labels(case):
    true, predicted, n = case
    ours = confusion_matrix(true, predicted, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = reference.balanced_accuracy_score(true, predicted)
    assert uf1(ours) == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    assert uar(ours) == pytest.approx(balanced)


@QUICK
@given(predictions())
def test_class_table_equal_to_scikit_learn(case):
    true, predicted, n = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = reference.precision_recall_fscore_support(
            true, predicted, labels=list(range(n)), zero_division=np.nan
        )
    matrix, names = confusion_matrix(true, predicted, n), [f"c{i}" for i in range(n)]
    np.testing.assert_allclose(f1_by_class(matrix), wanted[2])
    np.testing.assert_allclose(f1_by_class(matrix, "zero"), np.nan_to_num(wanted[2]))
    for i, row in enumerate(class_scores(matrix, names)):
        assert row.name == names[i]
        assert metrics_of(names)[f"f1_c{i}"].of(matrix, "zero") == np.nan_to_num(wanted[2][i])
        got = [row.precision, row.recall, row.f1, row.support]
        np.testing.assert_allclose(got, [column[i] for column in wanted])


def test_hand_computed_matrix():
    matrix = np.array([[5, 2, 1], [1, 3, 0], [2, 0, 6]])
    # F1: 10/16, 6/9, 12/15; recall: 5/8, 3/4, 6/8; 14 of 20 right
    assert uf1(matrix) == pytest.approx((10 / 16 + 6 / 9 + 12 / 15) / 3)
    assert uar(matrix) == pytest.approx((5 / 8 + 3 / 4 + 6 / 8) / 3)
    assert accuracy(matrix) == pytest.approx(14 / 20)
    assert f1_by_class(matrix) == pytest.approx([10 / 16, 6 / 9, 12 / 15])


def test_absent_class_by_hand():
    """Class 2 neither occurs nor is predicted: skipped, or zero. Class 1 is predicted once
    and never true: F1 is 0 either way, recall is undefined."""
    true, predicted = [0, 0, 0], [0, 0, 1]
    matrix = confusion_matrix(true, predicted, 3)
    assert uf1(matrix) == pytest.approx((4 / 5 + 0) / 2)
    assert uf1(matrix, "zero") == pytest.approx((4 / 5 + 0 + 0) / 3)
    assert uar(matrix) == pytest.approx(2 / 3)
    assert uar(matrix, "zero") == pytest.approx(2 / 9)


@QUICK
@given(predictions(), st.data())
def test_pooling_does_not_depend_on_folds_or_their_order(case, data):
    true, predicted, n = case
    fold = data.draw(st.lists(st.integers(0, 4), min_size=len(true), max_size=len(true)))
    parts = [
        confusion_matrix(
            [t for t, f in zip(true, fold, strict=True) if f == k],
            [p for p, f in zip(predicted, fold, strict=True) if f == k],
            n,
        )
        for k in data.draw(st.permutations(sorted(set(fold))))
    ]
    assert (sum(parts) == confusion_matrix(true, predicted, n)).all()


def test_pooling_is_not_averaging_fold_scores():
    """Two folds in which each class is absent once: averages mislead, the pool does not."""
    folds = [([0, 0, 0, 0], [0, 0, 0, 1]), ([1], [1])]
    tables = [confusion_matrix(t, p, 2) for t, p in folds]
    average = np.mean([uf1(table) for table in tables])
    assert uf1(sum(tables)) == pytest.approx((6 / 7 + 2 / 3) / 2)
    assert average != pytest.approx(float(uf1(sum(tables))))


def test_stack_of_matrices_is_scored_one_by_one():
    stack = np.random.default_rng(0).integers(0, 9, size=(4, 5, 3, 3))
    metrics = metrics_of(["a", "b", "c"])
    assert list(metrics) == ["uf1", "uar", "acc", "f1_a", "f1_b", "f1_c"]
    for metric in metrics.values():
        values = metric.of(stack, "skip")
        assert values.shape == (4, 5)
        assert values[2, 3] == pytest.approx(float(metric.of(stack[2, 3], "skip")))


def test_no_clip_of_any_class_is_not_a_number():
    empty = np.zeros((3, 3))
    assert np.isnan(uf1(empty))
    assert np.isnan(accuracy(empty))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: confusion_matrix([0, 1], [0], 2), "2 true classes and 1 predictions"),
        (lambda: confusion_matrix([0, 2], [0, 1], 2), "class index 2"),
        (lambda: confusion_matrix([0, -1], [0, 1], 2), "class index -1"),
        (lambda: confusion_matrix([0.5], [0], 2), "whole numbers"),
        (lambda: uf1(np.zeros((2, 3))), "shape"),
        (lambda: uf1(np.eye(2), "drop"), "skip or zero"),
        (lambda: f1_by_class(np.eye(2), "drop"), "skip or zero"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ConfigError, match=words):
        call()
