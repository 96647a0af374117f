"""Chance levels against formulas, and the inflation of choosing epochs on test clips."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.errors import ConfigError
from merkit.scoring.chance import chance_scores, oracle_selection
from merkit.scoring.metrics import scores

COUNTS = (250, 109, 83)  # MEGC2019


def test_shuffled_has_the_expectation_of_a_random_pairing():
    """F1 of class c is TP/n_c when as many are called c as are c; E(TP) = n_c^2 / n."""
    got = chance_scores(COUNTS)
    shares = np.array(COUNTS) / 442
    assert got["uf1"] == pytest.approx(shares.mean(), abs=0.003)
    assert got["uar"] == pytest.approx(1 / 3, abs=0.003)
    assert got["acc"] == pytest.approx((shares**2).sum(), abs=0.003)


def test_shuffled_equals_shuffling_labels():
    true = np.repeat([0, 1, 2], (20, 7, 4))
    random = np.random.default_rng(3)
    direct = np.mean([scores(true, random.permutation(true), 3)["uf1"] for _ in range(2000)])
    assert chance_scores((20, 7, 4))["uf1"] == pytest.approx(direct, abs=0.01)


def test_class_without_clips_does_not_break_chance():
    assert chance_scores((5, 0, 5))["uf1"] == pytest.approx(0.5, abs=0.02)
    assert chance_scores((4,))["acc"] == 1.0


@pytest.mark.parametrize(("counts", "draws"), [((), 9), ((0, 0), 9), ((-1, 2), 9), ((3, 3), 0)])
def test_bad_chance_input(counts, draws):
    with pytest.raises(ConfigError):
        chance_scores(counts, draws)


def test_oracle_takes_the_best_epoch_of_each_fold_and_the_first_of_equals():
    #            fold a, epochs 1-3          fold b, epochs 1-2
    folds = ["a"] * 6 + ["b"] * 4
    epochs = [1, 1, 2, 2, 3, 3, 1, 1, 2, 2]
    true = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    predicted = [0, 0, 0, 1, 0, 1, 1, 1, 0, 0]
    oracle = oracle_selection(folds, epochs, true, predicted, 2)
    assert oracle.epochs == {"a": 2, "b": 1}
    assert oracle.scores == scores([0, 1, 0, 1], [0, 1, 1, 1], 2)
    honest = scores([0, 1, 0, 1], [0, 0, 0, 0], 2)
    assert oracle.scores["acc"] - honest["acc"] == pytest.approx(0.25)


def test_oracle_inflates_the_accuracy_of_pure_guessing():
    """50 epochs of guesses on 20 subjects of 5 clips: the leak alone makes a 'good' score."""
    random = np.random.default_rng(0)
    fold = np.repeat(np.arange(20), 50 * 5)
    epoch = np.tile(np.repeat(np.arange(50), 5), 20)
    true = np.tile(random.integers(0, 3, (20, 1, 5)), (1, 50, 1)).ravel()
    guesses = random.integers(0, 3, len(true))
    oracle = oracle_selection(fold, epoch, true, guesses, 3)
    last = epoch == 49
    honest = scores(true[last], guesses[last], 3)
    assert honest["acc"] < 0.5
    assert oracle.scores["acc"] > 0.7
    assert oracle.scores["acc"] - honest["acc"] > 0.25


def test_oracle_bad_input():
    with pytest.raises(ConfigError, match="1 epochs"):
        oracle_selection(["a", "a"], [1], [0, 1], [0, 1], 2)
