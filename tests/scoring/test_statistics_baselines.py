"""Chance levels against formulas, and the inflation of choosing epochs on test clips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from merkit.errors import ConfigError
from merkit.scoring.metrics import confusion_matrix, metrics_of, uf1
from merkit.scoring.scores import best_test_epochs
from merkit.scoring.subjects import tabulate

COUNTS = (250, 109, 83)  # MEGC2019
CLASSES = ("negative", "positive", "surprise")


def chance_scores(true, classes=CLASSES, folds=None) -> dict[str, float]:
    table = pd.DataFrame({"y_true": true, "y_pred": 0, "seed": 0})
    table = table.assign(subject=np.arange(len(true)) % 7, fold=0 if folds is None else folds)
    tables = tabulate(table, len(classes), "pooled" if folds is None else "fold_mean")
    return tables.chance(metrics_of(classes))


def test_shuffled_has_the_expectation_of_a_random_pairing():
    """F1 of class c is TP/n_c when as many are called c as are c; E(TP) = n_c^2 / n."""
    got = chance_scores(np.repeat([0, 1, 2], COUNTS))
    shares = np.array(COUNTS) / 442
    assert got["uf1"] == pytest.approx(shares.mean(), abs=0.003)
    assert got["uar"] == pytest.approx(1 / 3, abs=0.003)
    assert got["acc"] == pytest.approx((shares**2).sum(), abs=0.003)
    by_class = [got[f"f1_{name}"] for name in CLASSES]
    assert by_class == pytest.approx(shares, abs=0.005)


def test_shuffled_equals_shuffling_labels():
    true = np.repeat([0, 1, 2], (20, 7, 4))
    random = np.random.default_rng(3)
    tables = [confusion_matrix(true, random.permutation(true), 3) for _ in range(2000)]
    assert chance_scores(true)["uf1"] == pytest.approx(uf1(tables).mean(), abs=0.01)


def test_chance_of_fold_means_scores_each_fold_of_a_shuffle():
    true = np.repeat([0, 1, 2], (20, 7, 4))
    folds = np.arange(31) % 5
    random = np.random.default_rng(3)
    direct = []
    for _ in range(1000):
        guess = random.permutation(true)
        each = [uf1(confusion_matrix(true[folds == f], guess[folds == f], 3)) for f in range(5)]
        direct.append(np.mean(each))
    got = chance_scores(true, folds=folds)
    assert got["uf1"] == pytest.approx(np.mean(direct), abs=0.01)
    assert got["uf1"] < chance_scores(true)["uf1"] - 0.01


def test_class_without_clips_does_not_break_chance():
    got = chance_scores([0] * 5 + [2] * 5)
    assert got["uf1"] == pytest.approx(0.5, abs=0.02)
    assert np.isnan(got["f1_positive"])
    assert chance_scores([0, 0, 0, 0], ["only"])["acc"] == 1.0


def epochs(folds, numbers, true, predicted) -> pd.DataFrame:
    columns = {"fold": folds, "epoch": numbers, "y_true": true, "y_pred": predicted}
    return pd.DataFrame(columns).assign(seed=0)


def test_oracle_takes_the_best_epoch_of_each_fold_and_the_first_of_equals():
    #            fold a, epochs 1-3          fold b, epochs 1-2
    table = epochs(
        ["a"] * 6 + ["b"] * 4,
        [1, 1, 2, 2, 3, 3, 1, 1, 2, 2],
        [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        [0, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    )
    chosen = best_test_epochs(table)
    assert chosen.groupby("fold").epoch.unique().map(list).to_dict() == {"a": [2], "b": [1]}
    assert chosen.y_pred.tolist() == [0, 1, 1, 1]


def test_each_seed_chooses_its_own_epoch():
    one = epochs(["a", "a"], [1, 2], [0, 0], [0, 1])
    two = epochs(["a", "a"], [1, 2], [0, 0], [1, 0]).assign(seed=1)
    chosen = best_test_epochs(pd.concat([one, two], ignore_index=True))
    assert chosen.set_index("seed").epoch.to_dict() == {0: 1, 1: 2}


def test_oracle_inflates_the_accuracy_of_pure_guessing():
    """50 epochs of guesses on 20 subjects of 5 clips: the leak alone makes a 'good' score."""
    random = np.random.default_rng(0)
    fold = np.repeat(np.arange(20), 50 * 5)
    epoch = np.tile(np.repeat(np.arange(50), 5), 20)
    true = np.tile(random.integers(0, 3, (20, 1, 5)), (1, 50, 1)).ravel()
    table = epochs(fold, epoch, true, random.integers(0, 3, len(true)))
    best, last = best_test_epochs(table), table[table.epoch == 49]
    claimed, honest = ((part.y_true == part.y_pred).mean() for part in (best, last))
    assert len(best) == len(last) == 100
    assert honest < 0.5
    assert claimed > 0.7
    assert claimed - honest > 0.25


def test_oracle_bad_input():
    with pytest.raises(ConfigError, match="no epochs"):
        best_test_epochs(epochs([], [], [], []))
