"""Metrics with scikit-learn's signature: equal to its own, and taken by its scorers."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

import merkit.metrics
from merkit.errors import ConfigError
from merkit.metrics import accuracy, f1, uar, uf1, war
from merkit.scoring.metrics import METRICS, Metric

WORDS = ["surprise", "negative", "positive", "others"]


@st.composite
def words(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    pairs = draw(st.lists(st.tuples(*[st.sampled_from(WORDS)] * 2), min_size=1, max_size=40))
    return [t for t, _ in pairs], [p for _, p in pairs]


@settings(max_examples=20, deadline=None)
@given(words(), st.booleans())
def test_equal_to_scikit_learn_on_words(case, named: bool) -> None:
    true, predicted = case
    labels = WORDS if named else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for absent, division in (("skip", np.nan), ("zero", 0.0)):
            options = {"labels": labels, "zero_division": division}
            for ours, theirs in ((uf1, reference.f1_score), (uar, reference.recall_score)):
                wanted = theirs(true, predicted, average="macro", **options)
                assert ours(true, predicted, labels=labels, absent=absent) == pytest.approx(wanted)
            each = reference.f1_score(true, predicted, average=None, **options)
            np.testing.assert_allclose(f1(true, predicted, labels=labels, absent=absent), each)
    assert accuracy(true, predicted) == pytest.approx(reference.accuracy_score(true, predicted))


def test_numbers_series_and_words_say_the_same() -> None:
    true, predicted = np.array([2, 0, 1, 1]), np.array([2, 1, 1, 0])
    named = [np.take(["a", "b", "c"], side) for side in (true, predicted)]
    wanted = pytest.approx((1 + 0 + 0.5) / 3)
    assert uf1(true, predicted) == wanted
    assert uf1(*named) == wanted
    assert uf1(*(pd.Series(side, index=[9, 8, 7, 6]) for side in named)) == wanted


def test_a_scorer_of_scikit_learn_takes_them() -> None:
    features, classes = np.zeros((12, 1)), np.array(list("aab" * 4))
    model = DummyClassifier(strategy="most_frequent")
    for metric, wanted in ((uf1, 0.4), (uar, 0.5), (accuracy, 2 / 3)):  # each fold has two a, one b
        scorer = reference.make_scorer(metric)
        assert metric.name in repr(scorer)
        scorer = pickle.loads(pickle.dumps(scorer))  # for processes of its own
        found = cross_val_score(model, features, classes, cv=4, scoring=scorer)
        np.testing.assert_allclose(found, wanted)


def test_they_are_the_registered_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uf1 is METRICS["uf1"]
    assert war is accuracy is METRICS["acc"]
    monkeypatch.setattr(METRICS, "_scripts", {})
    mine = METRICS.register(Metric("hits", "Hits", lambda m, absent: np.trace(np.asarray(m))))
    assert merkit.metrics.hits(["a", "b"], ["a", "a"]) == 1.0
    assert merkit.metrics.hits is mine
    with pytest.raises(AttributeError, match="no metric 'kapa': uf1"):
        _ = merkit.metrics.kapa


@pytest.mark.parametrize(
    ("true", "predicted", "labels", "told"),
    [
        (["a"], ["a", "b"], None, "1 true labels and 2 predictions"),
        ([], [], None, "no predictions"),
        (["a", "b"], ["a", "c"], ["a", "b"], "label 'c' is not among"),
        (["a"], ["a"], ["a", "a"], "every class once"),
        (["a", "b"], [0, 1], None, "kinds int and str"),
        ([1.0, np.nan], [1.0, 0.0], None, "NaN"),
        ([0, 1], np.eye(2), None, r"y_pred of shape \(2, 2\)"),
    ],
)
def test_labels_that_cannot_be_are_refused(true, predicted, labels, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        uf1(true, predicted, labels=labels)
