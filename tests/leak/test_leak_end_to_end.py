"""Leaks planted into the real pipeline are caught; a test subject's data reaches nothing.

The last test is the strong one: it trains a fold twice, the second time with the held-out
subject's pixels and labels replaced by garbage, and compares what was trained bit by bit.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import tiny_pipeline as tiny
from merkit.errors import LeakError
from merkit.methods import METHODS
from merkit.methods.base import Method
from merkit.methods.sfa_dgat import SfaDgat
from merkit.protocols import FoldSet, audit_folds, make_folds
from merkit.runs import opened as runner
from merkit.runs import together
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import LabelledClips, load_clips, prepare_clips
from merkit.runs.evaluate import evaluate
from merkit.runs.fold import FoldJob, Trainings, run_fold
from merkit.samples.prepare import SampleSet
from merkit.training.loop import FitContext, Fitted, Observer, predict
from merkit.training.network import Model
from merkit.training.reader import ClipReader
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


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(job: FoldJob) -> None:
        raise AssertionError("training began in spite of the leak")

    monkeypatch.setattr(together, "run_fold", never)


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


# planted in what is read: each of these methods trains honestly but for one thing


def everyone(clips: ClipReader) -> tuple[str, ...]:
    return (*clips.fold.train, *clips.fold.val, *clips.fold.test)


@dataclass(frozen=True, kw_only=True)
class Leaky(SfaDgat):
    """Reads what it must not, and trains on."""

    name: ClassVar[str] = "leaky"
    leak: str = "none"

    def fit(
        self, clips: ClipReader, context: FitContext, observer: Observer | None = None
    ) -> Fitted:
        test = clips.fold.test
        if self.leak == "normaliser on all clips":
            clips.inputs(everyone(clips), "normalise")["tokens"].float().mean()
        if self.leak == "normaliser that does not report itself":
            clips.inputs(everyone(clips), "fit")["tokens"].float().mean()
        if self.leak == "epoch chosen on test clips":
            predict(self, self.build(clips.n_classes), clips, test, "select")
        if self.leak == "normaliser on validation clips":
            clips.inputs(clips.fold.val, "normalise")
        if self.leak == "adapts to undeclared clips":
            clips.inputs(test, "adapt")
        if self.leak == "classes of test clips":
            clips.labels(test, "select")
        if self.leak == "predicts by itself":
            predict(self, self.build(clips.n_classes), clips, test, "predict")
        return super().fit(clips, context, observer)


PLANTS = {
    "normaliser on all clips": ("sub01_EP01', a test clip", "'normalise'"),
    "normaliser that does not report itself": ("sub01_EP01', a test clip", "'fit'"),
    "epoch chosen on test clips": ("sub01_EP01', a test clip", "'select'"),
    "normaliser on validation clips": ("a validation clip", "'normalise'"),
    "adapts to undeclared clips": ("sub01_EP01', a test clip", "'adapt'"),
    "classes of test clips": ("the class of clip 'sub01_EP01'", "validation clips only"),
    "predicts by itself": ("asked for to 'predict'", "this reader serves for fit"),
}


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS._scripts, "leaky", Leaky)


@pytest.mark.parametrize("leak", PLANTS)
@pytest.mark.usefixtures("leaky")
def test_a_training_that_read_what_it_must_not_is_refused(
    leak: str, config: EvaluateConfig
) -> None:
    words = PLANTS[leak]
    with pytest.raises(LeakError, match="synthetic/sub01") as caught:
        evaluate(replace(config, method="leaky", model={**tiny.MODEL, "leak": leak}))
    assert all(word in str(caught.value) for word in words)
    assert "rule:" in str(caught.value)
    assert not (config.out / "predictions.parquet").exists()
    assert not list((config.out / "folds").glob("*")), "the leaking fold was kept"


@pytest.mark.usefixtures("leaky")
def test_the_same_method_without_a_plant_is_clean(config: EvaluateConfig) -> None:
    """So that it is the plant that is caught, and not the method."""
    result = evaluate(replace(config, method="leaky", model={**tiny.MODEL, "leak": "none"}))
    assert len(result.predictions) == 12


def test_the_record_is_of_what_was_read(config: EvaluateConfig) -> None:
    """Every training clip, no test clip but to predict it, as the reader saw it."""
    method, data, samples, folds = opened(config)
    job = Trainings(method, data, samples, FitContext()).job(folds.folds[0], 0)
    served, fold = run_fold(job).summary.served, folds.folds[0]
    assert set(served["fit"]) == set(fold.train)
    assert set(served["select"]) == set(fold.val)
    assert set(served["predict"]) == set(fold.test)
    assert set(served) == {"fit", "select", "predict"}


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


def opened(config: EvaluateConfig) -> tuple[Method, LabelledClips, SampleSet, FoldSet]:
    """What an evaluation opens before it trains."""
    method = config.make()
    data, samples = prepare_clips(load_clips(config), method.recipe, config)
    folds = make_folds(data.rows, config.protocol)
    audit_folds(folds, data.rows)
    return method, data, samples, folds


def trained(config: EvaluateConfig, subject: str, oracle: bool = False) -> tuple[Any, Any, Any]:
    """Weights, history and test predictions of the fold that holds out ``subject``."""
    method, data, samples, folds = opened(config)
    (fold,) = (fold for fold in folds.folds if fold.name == f"synthetic/{subject}")
    assert {clip_id.split("_")[0] for clip_id in fold.test} == {subject}
    trainings = Trainings(method, data, samples, FitContext()).encoded([0])
    job = trainings.job(fold, 0)
    watched: list[Any] = []

    def watch(epoch: int, model: Model) -> None:
        watched.append(predict(method, model, job.tests, fold.test))

    fitted = job.fit(watch if oracle else None)
    history = [(e.epoch, e.train_loss, e.val_loss, e.val_uf1) for e in fitted.summary.history]
    predictions = run_fold(trainings.job(fold, 0)).predictions
    return fitted.model.state_dict(), (fitted.summary.chosen_epoch, history), predictions


SETTINGS: dict[str, dict[str, Any]] = {
    "sfa-dgat": {"model": tiny.MODEL, "training": {**tiny.TRAINING, "epochs": 3}},
    "lbp-top": {
        "method": "lbp-top",
        "model": {"frames": 4, "size_px": 48, "blocks": [2, 2, 1]},
        "training": {},
    },
}


@pytest.mark.parametrize("method", SETTINGS)
def test_the_test_subject_reaches_nothing_that_is_trained(
    method: str, tiny_database: Path, config: EvaluateConfig, tmp_path: Path
) -> None:
    root = shutil.copytree(tiny_database, tmp_path / "db")
    config = replace(config, store=tmp_path / "store", **SETTINGS[method])
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
