"""Leaks planted into the real pipeline are caught; a test subject's data reaches nothing.

The last test is the strong one: it trains a fold twice, the second time with the held-out
subject's pixels and labels replaced by garbage, and compares what was trained bit by bit.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_pipeline as tiny
from merkit.errors import LeakError
from merkit.protocols import FitRecord, FoldSet, audit_folds, make_folds
from merkit.runs import evaluate as runner
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import open_task
from merkit.runs.evaluate import evaluate
from merkit.training.job import FoldJob, FoldOutcome, fit_job, run_fold
from merkit.training.setup import make_setup
from merkit.types import Fold


@pytest.fixture
def config(tiny_database: Path, tiny_store: Path, tmp_path: Path) -> EvaluateConfig:
    return tiny.evaluation(tiny_database, tiny_store, tmp_path / "run")


def plant_folds(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Fold], Fold]
) -> Callable[[], FoldSet]:
    """Make the runner's folds leak in the first fold."""
    planted: list[FoldSet] = []

    def leaky(*args: Any) -> FoldSet:
        folds = make_folds(*args)
        planted.append(replace(folds, folds=(change(folds.folds[0]), *folds.folds[1:])))
        return planted[-1]

    monkeypatch.setattr(runner, "make_folds", leaky)
    return lambda: planted[-1]


def plant_record(monkeypatch: pytest.MonkeyPatch, name: str, also: str) -> None:
    """Make the first training say it fitted ``name`` on the ``also`` side as well."""

    def leaky(job: FoldJob) -> FoldOutcome:
        outcome = run_fold(job)
        extra = job.test if also == "test" else tuple(job.keys)
        seen = (*outcome.summary.record.fitted.get(name, ()), *extra)
        record = FitRecord({**outcome.summary.record.fitted, name: seen})
        return replace(outcome, summary=replace(outcome.summary, record=record))

    monkeypatch.setattr(runner, "run_fold", leaky)


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(job: FoldJob) -> None:
        raise AssertionError("training began in spite of the leak")

    monkeypatch.setattr(runner, "run_fold", never)


def test_a_test_clip_in_training_stops_the_run(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_folds(monkeypatch, lambda fold: replace(fold, train=(*fold.train, fold.test[0])))
    no_training(monkeypatch)
    with pytest.raises(LeakError, match=r"sub01_EP01.* is also in train"):
        evaluate(config)
    assert not config.out.exists()


def test_validation_that_shares_a_subject_stops_the_run(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_folds(
        monkeypatch,
        lambda fold: replace(fold, train=fold.train[1:], val=(*fold.val, fold.train[0])),
    )
    no_training(monkeypatch)
    with pytest.raises(LeakError, match="every subject on one side only"):
        evaluate(config)
    assert not config.out.exists()


@pytest.mark.parametrize(
    ("name", "also", "clip"),
    [
        ("normaliser", "all", "sub01_EP01"),
        ("selection", "test", "sub01_EP01"),
        ("class_weights", "test", "sub01_EP01"),
        ("weights", "test", "sub01_EP01"),
    ],
)
def test_a_training_that_saw_test_clips_is_refused(
    name: str, also: str, clip: str, config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A normaliser fitted on all clips; an epoch chosen on test clips; and so on."""
    plant_record(monkeypatch, name, also)
    with pytest.raises(LeakError, match=f"'{name}' of fold 'synthetic/sub01'") as caught:
        evaluate(config)
    assert clip in str(caught.value)
    assert not (config.out / "predictions.parquet").exists()
    assert not list((config.out / "folds").glob("*")), "the leaking fold was kept"


def test_without_a_plant_the_same_run_is_clean(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_folds(monkeypatch, lambda fold: fold)
    assert len(evaluate(config).predictions) == 12


def test_one_recording_under_two_names_is_a_leak(
    tiny_database: Path, config: EvaluateConfig, tmp_path: Path
) -> None:
    """Subject sub02 is handed another one's clip under its own name."""
    root = shutil.copytree(tiny_database, tmp_path / "db")
    shutil.rmtree(root / "sub02/EP01")
    shutil.copytree(root / "sub01/EP01", root / "sub02/EP01")
    set_frames(root, ("sub01", "EP01"), ("sub02", "EP01"))
    with pytest.raises(LeakError, match="content"):
        evaluate(replace(config, root=(root,), store=tmp_path / "store"))


def set_frames(root: Path, source: tuple[str, str], target: tuple[str, str]) -> None:
    """Give one row of the annotation the frame numbers of another."""
    path = root / "annotation.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    by_clip = {(row["subject"], row["clip"]): row for row in rows}
    for column in ("first_frame", "last_frame", "onset", "apex", "offset"):
        by_clip[target][column] = by_clip[source][column]
    write_rows(path, rows)


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# the strong one


def spoil(root: Path, subject: str) -> None:
    """Replace a subject's pixels by noise under the face, and its labels by wrong ones."""
    import cv2

    random = np.random.default_rng(1)
    for path in sorted((root / subject).rglob("*.jpg")):
        image = cv2.imread(str(path))
        noise = random.integers(-25, 25, image.shape)
        spoiled = np.clip(image[:, ::-1].astype(int) // 2 + 60 + noise, 0, 255)
        cv2.imwrite(str(path), spoiled.astype(np.uint8))
    table = root / "annotation.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for row in rows:
        if row["subject"] == subject:
            row["emotion"] = {"happiness": "surprise"}.get(row["emotion"], "happiness")
    write_rows(table, rows)


def trained(config: EvaluateConfig, subject: str, oracle: bool = False) -> tuple[Any, Any, Any]:
    """Weights, history and test predictions of the fold that holds out ``subject``."""
    setup = make_setup(config.method, config.model, config.training, config.recipe)
    task = open_task(config, setup.recipe)
    folds = make_folds(task.rows, config.protocol)
    audit_folds(folds, task.rows)
    run = runner.RunFolder(config.out)
    jobs = runner._pending_jobs(config, setup, task, folds, run, "cpu", lambda *a: None)
    job = next(job for job in jobs if job.fold.name == f"synthetic/{subject}")
    assert {c.split("_")[0] for c in job.test} == {subject}
    watched: list[Any] = []

    def watch(epoch: int, predict: Any) -> None:
        watched.append(predict(job.test))

    model, summary = fit_job(job, watch if oracle else None)
    history = [(e.epoch, e.train_loss, e.val_loss, e.val_uf1) for e in summary.history]
    return model.state_dict(), (summary.chosen_epoch, history), run_fold(job).predictions


METHODS: dict[str, dict[str, Any]] = {
    "sfa-dgat": {"model": tiny.MODEL, "training": {**tiny.TRAINING, "epochs": 3}},
    "lbp-top": {
        "method": "lbp-top",
        "model": {"frames": 4, "size_px": 48, "blocks": [2, 2, 1]},
        "training": {},
    },
}


@pytest.mark.parametrize("method", METHODS)
def test_the_test_subject_reaches_nothing_that_is_trained(
    method: str, tiny_database: Path, config: EvaluateConfig, tmp_path: Path
) -> None:
    root = shutil.copytree(tiny_database, tmp_path / "db")
    config = replace(config, store=tmp_path / "store", **METHODS[method])
    clean = trained(replace(config, root=(tiny_database,)), "sub03")
    spoil(root, "sub03")
    spoiled = trained(replace(config, root=(root,)), "sub03", oracle=True)
    assert clean[0].keys() == spoiled[0].keys()
    for name, tensor in clean[0].items():
        assert torch.equal(tensor, spoiled[0][name]), f"{name} depends on the test subject"
    assert clean[1] == spoiled[1]  # chosen epoch, and every loss and score seen on the way
    columns = ["p_negative", "p_positive", "p_surprise"]
    assert not np.allclose(clean[2][columns], spoiled[2][columns])  # the garbage was really read
    other = trained(replace(config, root=(root,)), "sub02")[0]
    baseline = trained(replace(config, root=(tiny_database,)), "sub02")[0]
    assert any(not torch.equal(baseline[n], other[n]) for n in baseline)  # elsewhere it counts
