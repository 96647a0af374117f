"""A whole evaluation: files, determinism, seeds, resume, controls, marks."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny_pipeline as tiny
from merkit.errors import ConfigError
from merkit.labels import LabelMap
from merkit.methods import make_method
from merkit.protocols import ClipRow, ProtocolConfig, load_folds
from merkit.report.result import read_scores
from merkit.report.text import score_lines
from merkit.runs import evaluate as runner
from merkit.runs import together
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import LabelledClips
from merkit.runs.evaluate import evaluate
from merkit.runs.fold import FoldJob, Trainings
from merkit.samples.prepare import prepare
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.training.loop import FitContext
from merkit.types import Clip, Fold

FILES = ["folds", "folds.json", "log.jsonl", "metrics.json", "predictions.parquet", "report.html"]


@pytest.fixture
def config(tiny_database: Path, tiny_store: Path, tmp_path: Path) -> EvaluateConfig:
    return tiny.evaluation(tiny_database, tiny_store, tmp_path / "run")


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "predictions.parquet")


def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def test_a_run_folder_holds_what_it_promises(tiny_run: Path) -> None:
    assert sorted(p.name for p in tiny_run.iterdir()) == [*FILES, "run.json"]
    table = predictions(tiny_run)
    first = ["clip_id", "subject", "dataset", "fold", "seed", "y_true", "y_pred"]
    assert list(table.columns) == [*first, "p_negative", "p_positive", "p_surprise"]
    assert len(table) == 12
    assert table.clip_id.is_unique
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, rtol=1e-5)
    assert (table.filter(regex="^p_").to_numpy().argmax(1) == table.y_pred).all()
    assert (table.fold == table.subject).all()
    assert table.groupby("fold").size().tolist() == [3, 3, 3, 3]


def test_run_json_says_what_made_the_score(tiny_run: Path) -> None:
    document = json.loads((tiny_run / "run.json").read_text())
    folds = load_folds(tiny_run / "folds.json")
    assert document["fold_hash"] == folds.hash == metrics(tiny_run)["fold_hash"]
    assert document["settings"]["seeds"] == [0]
    assert document["settings"]["model"]["encoder"]["name"] == "tiny"
    assert document["settings"]["training"]["optimiser"] == "adamw"  # decided by the method
    assert {"torch", "numpy", "merkit"} <= set(document["versions"])
    assert document["clips_per_class"] == {"negative": 4, "positive": 4, "surprise": 4}
    assert document["published_per_class"] == {}  # nobody has published on it
    assert (document["clips"], document["subjects"]) == (12, 4)
    assert document["refused_clips"] == {}


def test_scores_are_those_of_the_pooled_predictions(tiny_run: Path) -> None:
    table, found = predictions(tiny_run), metrics(tiny_run)
    matrix = confusion_matrix(table.y_true, table.y_pred, 3)
    assert found["confusion"] == matrix.tolist()
    assert found["scores"]["uf1"]["value"] == pytest.approx(uf1(matrix))
    assert found["scores"]["acc"]["value"] == pytest.approx((table.y_true == table.y_pred).mean())
    for score in found["scores"].values():
        assert score["low"] <= score["value"] <= score["high"]
    assert sum(row["clips"] for row in found["per_subject"]) == 12
    assert sum(row["correct"] for row in found["per_subject"]) == matrix.trace()


def test_every_fold_has_its_history_in_the_log(tiny_run: Path) -> None:
    lines = [json.loads(line) for line in (tiny_run / "log.jsonl").read_text().splitlines()]
    found = metrics(tiny_run)
    assert len(lines) == sum(len(fold["history"]) for fold in found["folds"]) == 4 * 2
    assert {line["fold"] for line in lines} == {fold["fold"] for fold in found["folds"]}
    assert all(1 <= fold["chosen_epoch"] <= 2 for fold in found["folds"])


def test_the_oracle_record_never_moves_the_score(tiny_run: Path, config: EvaluateConfig) -> None:
    plain = evaluate(config)
    pd.testing.assert_frame_equal(plain.predictions, predictions(tiny_run))
    assert plain.scores.oracle is None
    recorded = metrics(tiny_run)
    assert read_scores(tiny_run).scores == plain.scores.scores
    assert recorded["oracle"]["uf1"] >= recorded["scores"]["uf1"]["value"]


def test_same_seed_same_bytes_and_another_seed_another_result(
    config: EvaluateConfig, tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        evaluate(replace(config, out=tmp_path / name, seeds=(seed,)))
    read = {n: (tmp_path / n / "predictions.parquet").read_bytes() for n in "abc"}
    assert read["a"] == read["b"]
    columns = ["p_negative", "p_positive", "p_surprise"]
    a, c = predictions(tmp_path / "a"), predictions(tmp_path / "c")
    assert not np.allclose(a[columns], c[columns])


@pytest.mark.thorough
def test_the_number_of_workers_changes_nothing(config: EvaluateConfig, tiny_run: Path) -> None:
    result = evaluate(replace(config, workers=2))
    pd.testing.assert_frame_equal(result.predictions, predictions(tiny_run))


def test_several_seeds_are_trained_scored_and_told_apart(config: EvaluateConfig) -> None:
    result = evaluate(replace(config, seeds=(0, 1)))
    table = result.predictions
    assert table.groupby("seed").size().to_dict() == {0: 12, 1: 12}
    scores = result.scores
    assert [(part.name, part.n) for part in scores.per_seed] == [("0", 12), ("1", 12)]
    assert scores.main.value == pytest.approx(
        np.mean([part.values["uf1"] for part in scores.per_seed])
    )
    assert np.sum(scores.confusion) == 24
    assert scores.n_clips == 12
    assert len(scores.folds) == 8


def test_the_mean_over_folds_is_said_on_the_page(config: EvaluateConfig) -> None:
    result = evaluate(replace(config, metric_pooling="fold_mean"))
    table = result.predictions
    each = [float(uf1(confusion_matrix(p.y_true, p.y_pred, 3))) for _, p in table.groupby("fold")]
    assert result.scores.main.value == pytest.approx(np.mean(each))
    assert result.scores.per_seed[0].values["uf1"] == pytest.approx(np.mean(each))
    assert result.scores.pooling == "fold_mean"
    assert any("means over folds" in line for line in score_lines(result.scores))
    assert "means over folds" in (config.out / "report.html").read_text()
    again = evaluate(replace(config, metric_pooling="pooled"))  # trains nothing again
    assert again.scores.pooling == "pooled"


@pytest.mark.parametrize(
    ("patience", "counts", "workers"),
    [(1, "4 ended before by patience and 0", 2), (0, "0 ended before by", 1)],
)
@pytest.mark.thorough
def test_averaging_that_did_not_come_about_is_on_the_page(
    patience: int, counts: str, workers: int, config: EvaluateConfig
) -> None:
    """Weights that hardly move, so the first epoch is the best; in workers, and when resumed."""
    training = {**tiny.TRAINING, "epochs": 3, "swa_start": 0.9, "learning_rate": 1e-30}
    training |= {"patience": patience, "swa_learning_rate": 1e-30}
    config = replace(config, workers=workers, training=training)
    result = evaluate(config)
    wanted = f"Of 4 trainings, {counts}"
    assert any(wanted in line for line in score_lines(result.scores))
    page = config.out / "report.html"
    assert wanted in page.read_text()
    page.unlink()
    (config.out / "metrics.json").unlink()
    assert any(wanted in line for line in score_lines(evaluate(config).scores))
    assert wanted in page.read_text()


# resume


def test_a_finished_run_is_not_trained_again(
    tiny_run: Path, tiny_database: Path, tiny_store: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    monkeypatch.setattr(together, "run_fold", _never)
    result = evaluate(tiny.evaluation(tiny_database, tiny_store, copy, oracle_epoch=True))
    pd.testing.assert_frame_equal(result.predictions, predictions(tiny_run))


def _never(job: FoldJob) -> None:
    raise AssertionError(f"fold {job.clips.fold.name} was trained again")


def test_only_missing_folds_are_trained(
    tiny_run: Path, tiny_database: Path, tiny_store: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    lost = sorted((copy / "folds").iterdir())[1]
    shutil.rmtree(lost)
    (copy / "metrics.json").unlink()
    trained: list[str] = []

    def counting(job: FoldJob) -> Any:
        trained.append(job.clips.fold.name)
        return real(job)

    real = together.run_fold
    monkeypatch.setattr(together, "run_fold", counting)
    result = evaluate(tiny.evaluation(tiny_database, tiny_store, copy, oracle_epoch=True))
    assert trained == ["synthetic/sub02"]
    pd.testing.assert_frame_equal(result.predictions, predictions(tiny_run))
    assert metrics(copy)["scores"] == metrics(tiny_run)["scores"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"training": {**tiny.TRAINING, "epochs": 3}}, "training"),
        ({"seeds": (1,)}, "seeds"),
        ({"shuffle_labels": True}, "shuffle_labels"),
        ({"protocol": ProtocolConfig(name="group_kfold", n_splits=3)}, "protocol"),
    ],
)
def test_other_settings_do_not_resume_a_run(
    change: dict[str, Any], named: str, tiny_run: Path, tiny_database: Path, tiny_store: Path
) -> None:
    before = (tiny_run / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="holds another run") as caught:
        evaluate(tiny.evaluation(tiny_database, tiny_store, tiny_run, oracle_epoch=True, **change))
    assert named in str(caught.value)
    assert (tiny_run / "run.json").read_bytes() == before


def test_a_damaged_fold_is_trained_again(
    tiny_run: Path, tmp_path: Path, config: EvaluateConfig
) -> None:
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    damaged = sorted((copy / "folds").iterdir())[0]
    (damaged / "summary.json").write_text("{")
    result = evaluate(replace(config, out=copy, oracle_epoch=True))
    pd.testing.assert_frame_equal(result.predictions, predictions(tiny_run))


def test_a_changed_label_does_not_resume_a_run(
    tiny_run: Path, tmp_path: Path, config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    real = runner.load_clips

    def relabelled(config: EvaluateConfig) -> LabelledClips:
        data = real(config)
        first, *others = data.rows
        return replace(data, rows=(replace(first, label=2 - first.label), *others))

    monkeypatch.setattr(runner, "load_clips", relabelled)
    with pytest.raises(ConfigError, match=r"labels: '[0-9a-f]{16}' there"):
        evaluate(replace(config, out=copy, oracle_epoch=True))


# controls and marks


def test_shuffled_labels_are_marked_and_change_the_training(
    config: EvaluateConfig, tiny_run: Path
) -> None:
    result = evaluate(replace(config, shuffle_labels=True))
    assert "shuffled-labels" in result.scores.marks
    table = predictions(tiny_run)
    assert (result.predictions.y_true == table.y_true).all()  # the truth is not shuffled
    assert not np.allclose(result.predictions.p_negative, table.p_negative)


def test_shuffling_moves_training_and_validation_labels_and_nothing_else() -> None:
    ids = [f"c{i}" for i in range(40)]
    fold = Fold("f", tuple(ids[:24]), tuple(ids[24:32]), tuple(ids[32:]))

    def given(seed: int, shuffle: bool, test_label: int = 0) -> list[list[int]]:
        """Classes that a training learns of its clips, by side."""
        rows = [
            ClipRow(c, "db", "db/s", test_label if c in fold.test else i % 4)
            for i, c in enumerate(ids)
        ]
        clips = [Clip(c, "db", "s", Path("nowhere"), 100.0, "") for c in ids]
        maps = (LabelMap("m", ("a", "b", "c", "d"), {}),)
        data = LabelledClips(tuple(clips), tuple(rows), maps)
        samples = prepare(clips, None, Path("nowhere"))
        trainings = Trainings(make_method("majority"), data, samples, FitContext(), shuffle)
        reader = trainings.job(fold, seed).clips
        return [reader.labels(side, "select").tolist() for side in (fold.train, fold.val)]

    plain, mixed = given(0, False), given(0, True)
    assert plain == [[i % 4 for i in range(24)], [i % 4 for i in range(24, 32)]]
    assert sorted(mixed[0] + mixed[1]) == sorted(plain[0] + plain[1])
    assert mixed[0] != plain[0]
    assert given(0, True) == mixed
    assert given(1, True) != mixed
    assert given(0, True, test_label=3) == mixed


def test_a_subject_dependent_protocol_is_marked(config: EvaluateConfig) -> None:
    protocol = ProtocolConfig(name="stratified_kfold", n_splits=2)
    result = evaluate(replace(config, protocol=protocol))
    assert "subject-dependent" in result.scores.marks
    page = (config.out / "report.html").read_text()
    assert "Subject-dependent protocol" in page
    assert "No test subject had any part" not in page


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": ()},
        {"seeds": (0, 0)},
        {"seeds": (-1,)},
        {"resamples": 0},
        {"threads": 0},
        {"workers": -1},
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], config: EvaluateConfig) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        replace(config, **change)
