"""Scores of action units from predictions: parts, seeds, folds, intervals, leaked epochs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from merkit.errors import ConfigError
from merkit.scoring.scores import FoldTraining
from merkit.scoring.unit_scores import UnitScores, best_unit_epochs, score_units

NAMES = ("AU1", "AU4", "AU12")
TRAINING = [FoldTraining("f", 0, 3, 1.0, 10, 10, ())]


def table(seeds: int = 1) -> pd.DataFrame:
    """Two databases of four people with five clips each; the second never shows AU12."""
    random, rows = np.random.default_rng(5), []
    truth = {}
    for seed in range(seeds):
        for dataset in ("a", "b"):
            for who in range(4):
                for clip in range(5):
                    clip_id = f"{dataset}/{who}/{clip}"
                    shares = (0.6, 0.4, 0.3 * (dataset == "a"))
                    drawn = (random.random(3) < shares).astype(int)
                    true = truth.setdefault(clip_id, drawn)
                    called = np.where(random.random(3) < 0.3, 1 - true, true)
                    row = {"clip_id": clip_id, "subject": f"{dataset}/{who}", "dataset": dataset}
                    row |= {"fold": dataset, "seed": seed}
                    row |= {f"y_true_{n}": t for n, t in zip(NAMES, true, strict=True)}
                    row |= {f"y_pred_{n}": c for n, c in zip(NAMES, called, strict=True)}
                    rows.append(row)
    return pd.DataFrame(rows)


def scored(predictions: pd.DataFrame, **more: object) -> UnitScores:
    return score_units(predictions, NAMES, TRAINING, resamples=200, **more)  # type: ignore[arg-type]


def sides(predictions: pd.DataFrame) -> list[np.ndarray]:
    return [predictions[[f"{s}_{n}" for n in NAMES]].to_numpy() for s in ("y_true", "y_pred")]


def f1(predictions: pd.DataFrame) -> np.ndarray:
    return np.asarray(f1_score(*sides(predictions), average=None, zero_division=0))


def test_databases_and_folds_are_scored_by_themselves() -> None:
    predictions = table()
    scores = scored(predictions, list_folds=True)
    assert scores.main.value == pytest.approx(f1(predictions).mean())
    for parts in (scores.per_dataset, scores.per_fold):
        for part, occurring in zip(parts, (3, 2), strict=True):
            each = f1(predictions[predictions.dataset == part.name])
            assert part.values["f1"] == pytest.approx(each[:occurring].mean())
            assert part.values["f1_all"] == pytest.approx(each.mean())
            alone = scored(predictions[predictions.dataset == part.name])
            assert part.f1 == alone.main
            assert part.f1.n_subjects == 4
    assert scores.per_dataset[1].clips["AU12"] == 0
    assert (scores.n_clips, scores.n_subjects, scores.n_folds) == (40, 8, 2)


def test_counts_of_a_unit_are_those_of_its_calls() -> None:
    predictions = table()
    true, called = sides(predictions)
    for place, unit in enumerate(scored(predictions).per_unit):
        t, c = true[:, place], called[:, place]
        counts = (unit.clips, unit.tp, unit.fp, unit.fn)
        assert counts == (t.sum(), (t & c).sum(), (c & ~t & 1).sum(), (t & ~c & 1).sum())
        assert unit.precision == pytest.approx(unit.tp / (unit.tp + unit.fp))
        assert unit.recall == pytest.approx(unit.tp / unit.clips)
        assert unit.floor == pytest.approx(2 * unit.clips / (unit.clips + 40))


def test_the_mean_over_databases_is_that_of_fold_means() -> None:
    """As MEB averages databases, but for units that a database does not show."""
    predictions = table()
    scores = scored(predictions, pooling="fold_mean")
    means = [f1(part).mean() for _, part in predictions.groupby("dataset")]
    assert scores.scores["f1_all"].value == pytest.approx(np.mean(means))


def test_seeds_are_averaged_and_counted() -> None:
    predictions = table(seeds=2)
    scores = scored(predictions)
    each = [f1(part).mean() for _, part in predictions.groupby("seed")]
    assert scores.main.value == pytest.approx(np.mean(each))
    assert [part.values["f1"] for part in scores.per_seed] == pytest.approx(each)
    true, called = sides(predictions)
    assert [unit.clips for unit in scores.per_unit] == (true.sum(axis=0) // 2).tolist()
    assert [unit.tp for unit in scores.per_unit] == (true & called).sum(axis=0).tolist()


def test_the_interval_resamples_people() -> None:
    """Against a bootstrap of people written out by hand."""
    predictions = table()
    random, drawn = np.random.default_rng(1), []
    groups = [part for _, part in predictions.groupby("subject")]
    for _ in range(400):
        sample = pd.concat([groups[i] for i in random.integers(0, 8, 8)])
        true, called = sides(sample)
        shown = true.any(axis=0)
        drawn.append(f1_score(true, called, average=None, zero_division=0)[shown].mean())
    low, high = np.quantile(drawn, (0.025, 0.975))
    main = score_units(predictions, NAMES, TRAINING, resamples=2000).main
    assert main.low == pytest.approx(low, abs=0.03)
    assert main.high == pytest.approx(high, abs=0.03)


def test_the_epoch_that_leaked_scoring_keeps() -> None:
    """F1 over all calls: epoch 1 has 2/3, epoch 2 has 1, and epoch 3 as much; a fold in which
    nothing is shown keeps the epoch that calls nothing."""
    rows = []
    calls = {1: (1, 1), 2: (1, 0), 3: (1, 0)}
    for epoch, called in calls.items():
        rows.append(("a", 0, epoch, 1, 0, *called))
        rows.append(("b", 0, epoch, 0, 0, *((0, 1) if epoch < 3 else (0, 0))))
    names = ["fold", "seed", "epoch", "y_true_AU1", "y_true_AU4", "y_pred_AU1", "y_pred_AU4"]
    kept = best_unit_epochs(pd.DataFrame(rows, columns=names), ("AU1", "AU4"))
    assert list(zip(kept.fold, kept.epoch, strict=True)) == [("a", 2), ("b", 3)]


def test_predictions_that_cannot_be_scored() -> None:
    predictions = table(seeds=2)
    with pytest.raises(ConfigError, match="no predictions"):
        scored(predictions[:0])
    with pytest.raises(ConfigError, match="neither 0 nor 1"):
        scored(predictions.assign(y_pred_AU4=2))
    with pytest.raises(ConfigError, match="2 seeds did not score the same clips"):
        scored(predictions[:-1])
