"""Recognition of what was spotted: a recording of a training subject is never scored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny_pipeline as tiny
from merkit.datasets import load_recordings
from merkit.errors import LeakError
from merkit.protocols import (
    ClipRow,
    FoldSet,
    ProtocolConfig,
    audit_windows,
    make_folds,
    window_folds,
)
from merkit.runs import spot_recognise
from merkit.runs.config import EvaluateConfig
from merkit.runs.long_videos import evaluate_spotting
from merkit.types import Fold

LOSO = ProtocolConfig("loso")
CLIPS = [ClipRow(f"db/s{s}/{i}", "db", f"db/s{s}", i % 3) for s in range(5) for i in range(3)]
WINDOWS = [ClipRow(f"db/s{s}/window", "db", f"db/s{s}", 0) for s in range(5)]
FOLDS = window_folds(make_folds(CLIPS, LOSO), CLIPS, WINDOWS, LOSO)


def changed(change: Callable[[Fold], Fold]) -> FoldSet:
    return replace(FOLDS, folds=(change(FOLDS.folds[0]), *FOLDS.folds[1:]))


def test_the_folds_as_they_are_pass() -> None:
    audit_windows(FOLDS, CLIPS, WINDOWS)
    assert [fold.test for fold in FOLDS.folds] == [(row.clip_id,) for row in WINDOWS]


PLANTS: dict[str, tuple[Callable[[Fold], Fold], str]] = {
    "of a training subject": (
        lambda fold: replace(fold, test=(*fold.test, "db/s3/window")),
        "has the subject 'db/s3'",
    ),
    "trained on": (
        lambda fold: replace(fold, train=(*fold.train, "db/s0/window"), test=()),
        "is trained on",
    ),
    "the subject's own clip in training": (
        lambda fold: replace(fold, train=(*fold.train, "db/s0/1")),
        "has the subject 'db/s0'",
    ),
    "never predicted": (lambda fold: replace(fold, test=()), "is tested in 0 folds"),
    "unknown": (lambda fold: replace(fold, test=("who",)), "not in the table"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_windows_are_refused(plant: str) -> None:
    change, told = PLANTS[plant]
    with pytest.raises(LeakError, match=told):
        audit_windows(changed(change), CLIPS, WINDOWS)


def test_a_window_predicted_twice_is_refused() -> None:
    again = replace(FOLDS.folds[0], name="again")
    with pytest.raises(LeakError, match="is tested in 2 folds"):
        audit_windows(replace(FOLDS, folds=(*FOLDS.folds, again)), CLIPS, WINDOWS)


@pytest.fixture
def config(long_database: Path, long_store: Path, tmp_path: Path) -> EvaluateConfig:
    settings: dict[str, Any] = {"task": "spot-recognise", "method": "majority"}
    settings |= {"model": {}, "training": {}}
    return tiny.evaluation(long_database, long_store, tmp_path / "run", **settings)


def test_every_fold_read_others_and_predicted_its_own(config: EvaluateConfig) -> None:
    """By the record that the readers kept."""
    method = {"method": "hoof", "model": {}}
    evaluate_spotting(replace(config, **method))
    summaries = [json.loads(p.read_text()) for p in config.out.glob("folds/*/summary.json")]
    assert len(summaries) == 3
    for summary in summaries:
        who = summary["fold"].removeprefix("synthetic/")
        served = summary["served"]
        assert served["fit"]
        assert served["predict"]
        assert not [c for use in ("fit", "select") for c in served.get(use, ()) if who in c]
        assert all(c.startswith(f"{who}_L") for c in served["predict"])
        assert set(served) <= {"fit", "select", "predict", "normalise"}


def test_windows_of_a_training_subject_stop_the_run(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds whose windows were handed on to the next fold."""

    def leaky(*args: Any) -> FoldSet:
        found = window_folds(*args)
        tests = [fold.test for fold in found.folds]
        moved = [
            replace(fold, test=test)
            for fold, test in zip(found.folds, [*tests[1:], *tests[:1]], strict=True)
        ]
        return replace(found, folds=tuple(moved))

    monkeypatch.setattr(spot_recognise, "window_folds", leaky)
    with pytest.raises(LeakError, match="every subject on one side only"):
        evaluate_spotting(config)
    assert not config.out.exists()
    monkeypatch.undo()
    evaluate_spotting(config)  # so that it is the plant that is caught


def test_one_recording_under_two_names_is_a_leak(config: EvaluateConfig, tmp_path: Path) -> None:
    """The events of a recording train; the same recording stands under another person."""
    root = shutil.copytree(config.root[0], tmp_path / "db")
    one, other, _ = load_recordings("synthetic", root)
    shutil.copy(one.media, other.media)
    config = replace(config, variant=("long",))
    with pytest.raises(LeakError, match="the same frames on one side only"):
        evaluate_spotting(replace(config, root=(root,)))
    assert not config.out.exists()
    evaluate_spotting(config)  # and without the copy it runs
