"""The run folder: whole or absent, told apart by name, refused when it is something else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.protocols import ClipRow, FoldSet, ProtocolConfig, make_folds
from merkit.report.result import read_document
from merkit.runs.config import EvaluateConfig
from merkit.runs.fold import FoldOutcome
from merkit.runs.folder import RunFolder
from merkit.scoring.scores import FoldTraining
from merkit.training.loop import FitSummary
from merkit.types import EpochRecord

CONFIG = EvaluateConfig(method="majority", data=("synthetic",))
EPOCH = EpochRecord(1, 0.5, 0.4, 0.3)
FACTS = {"classes": ["a", "b"], "refused_clips": {}}


def begin(run: RunFolder, folds: FoldSet, **changes: Any) -> None:
    config = replace(CONFIG, **changes)
    run.begin(config, config.make(), folds, FACTS, {"labels": "l", "samples": "s"})


@pytest.fixture
def folds() -> FoldSet:
    rows = [ClipRow(f"s{s}/{i}", "db", f"db/s{s}", i) for s in range(4) for i in range(2)]
    return make_folds(rows, ProtocolConfig())


def outcome(fold: str, seed: int = 0, oracle: bool = False) -> FoldOutcome:
    table = pd.DataFrame({"clip_id": ["x"], "y_pred": [1], "p_a": [0.25], "p_b": [0.75]})
    epochs = pd.DataFrame({"epoch": [1], "clip_id": ["x"], "y_pred": [0]}) if oracle else None
    summary = FitSummary(1, (EPOCH,), {"fit": ("y",)}, 10, 5)
    return FoldOutcome(fold, seed, table, summary, epochs)


def predicted(ids: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame({"clip_id": list(ids), "y_pred": 1, "p_a": 0.25, "p_b": 0.75})


def test_a_fold_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert not run.has_fold(0, "db/s1")
    run.write_fold(outcome("db/s1", oracle=True))
    assert run.has_fold(0, "db/s1")
    assert not run.has_fold(1, "db/s1")
    stored = run.read_fold(0, "db/s1")
    expected = outcome("db/s1").predictions.assign(fold="db/s1", seed=0)
    pd.testing.assert_frame_equal(stored.predictions, expected)
    assert stored.training == FoldTraining("db/s1", 0, 1, 0.0, 10, 5, (EPOCH,))
    assert stored.epochs is not None
    assert stored.epochs.iloc[0].to_dict() == {
        "epoch": 1, "clip_id": "x", "y_pred": 0, "fold": "db/s1", "seed": 0
    }  # fmt: skip
    run.write_fold(outcome("db/s2"))
    assert run.read_fold(0, "db/s2").epochs is None


def test_a_damaged_fold_is_named_and_said_how_to_mend(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_fold(outcome("s1"))
    for name, text in (("predictions.parquet", "x"), ("summary.json", '{"fold": "s1"}')):
        (run.fold_path(0, "s1") / name).write_text(text)
        with pytest.raises(StoreError, match="delete that folder"):
            run.read_fold(0, "s1")


def test_what_is_not_stored_is_pending(tmp_path: Path, folds: FoldSet) -> None:
    run = RunFolder(tmp_path)
    first, *others = folds.folds
    whole = outcome(first.name, seed=1)
    run.write_fold(replace(whole, predictions=predicted(first.test)))
    left = [(fold.name, seed) for fold, seed in run.pending((0, 1), folds)]
    assert left == [(f.name, 0) for f in folds.folds] + [(f.name, 1) for f in others]


def lose_a_row(path: Path) -> None:
    pd.read_parquet(path / "predictions.parquet").iloc[1:].to_parquet(path / "predictions.parquet")


def change_a_value(path: Path) -> None:
    table = pd.read_parquet(path / "predictions.parquet")
    table.assign(y_pred=0).to_parquet(path / "predictions.parquet")


def take_another_folds(path: Path) -> None:
    other = next(p for p in path.parent.iterdir() if p != path)
    for file in other.iterdir():
        shutil.copy(file, path / file.name)


def cut_the_summary(path: Path) -> None:
    (path / "summary.json").write_text('{"fold": ')


@pytest.mark.parametrize("harm", [lose_a_row, change_a_value, take_another_folds, cut_the_summary])
def test_a_fold_that_is_not_as_it_was_written_is_made_again(
    harm: Any, tmp_path: Path, folds: FoldSet
) -> None:
    run = RunFolder(tmp_path)
    for fold in folds.folds:
        run.write_fold(replace(outcome(fold.name), predictions=predicted(fold.test)))
    assert run.pending((0,), folds) == []
    first = folds.folds[0]
    harm(run.fold_path(0, first.name))
    assert run.pending((0,), folds) == [(first, 0)]
    with pytest.raises(StoreError, match="delete that folder"):
        run.read_fold(0, first.name)
    run.write_fold(replace(outcome(first.name), predictions=predicted(first.test)))
    assert run.pending((0,), folds) == []


def test_other_labels_samples_or_code_are_another_run(
    tmp_path: Path, folds: FoldSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, made = RunFolder(tmp_path / "run"), CONFIG.make()
    same = {"labels": "l", "samples": "s"}
    run.begin(CONFIG, made, folds, FACTS, same)
    for name in same:
        with pytest.raises(ConfigError, match=f"{name}: '.' there, 'other' now"):
            run.begin(CONFIG, made, folds, FACTS, same | {name: "other"})
    monkeypatch.setattr("merkit.runs.provenance.code_hash", lambda: "other")
    with pytest.raises(ConfigError, match=r"code: '[0-9a-f]{16}' there, 'other' now"):
        run.begin(CONFIG, made, folds, FACTS, same)


def test_an_edited_division_is_written_again(tmp_path: Path, folds: FoldSet) -> None:
    run = RunFolder(tmp_path / "run")
    begin(run, folds)
    manifest = run.path / "folds.json"
    written = manifest.read_text()
    manifest.write_text(written.replace("s1/0", "s2/0"))
    begin(run, folds)
    assert manifest.read_text() == written


@given(st.lists(st.text(min_size=1, max_size=40), min_size=2, max_size=6, unique=True))
def test_folds_of_different_names_never_share_a_folder(names: list[str]) -> None:
    paths = [RunFolder(Path("run")).fold_path(0, name) for name in names]
    assert len(set(paths)) == len(names)
    assert all(path.parent == Path("run/folds") for path in paths)
    assert all(len(path.name.encode()) < 200 for path in paths)


def test_names_that_read_alike_are_kept_apart(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_fold(outcome("s 1"))
    assert not run.has_fold(0, "s_1")


def test_beginning_writes_the_settings_once(tmp_path: Path, folds: FoldSet) -> None:
    run = RunFolder(tmp_path / "run")
    begin(run, folds)
    written = (run.path / "run.json").read_bytes()
    begin(run, folds, workers=8)  # not what decides a result
    assert (run.path / "run.json").read_bytes() == written
    assert read_document(run.path)["fold_hash"] == folds.hash


def test_another_division_is_another_run(tmp_path: Path, folds: FoldSet) -> None:
    run = RunFolder(tmp_path / "run")
    begin(run, folds)
    other = make_folds(
        [ClipRow(f"s{s}/0", "db", f"db/s{s}", s % 2) for s in range(5)], ProtocolConfig()
    )
    with pytest.raises(ConfigError, match="folds"):
        begin(run, other)
    with pytest.raises(ConfigError, match="shuffle_labels: False there, True now"):
        begin(run, folds, shuffle_labels=True)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="no run of merkit"):
        RunFolder(tmp_path).check_free()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ConfigError, match="no run of merkit"):
        RunFolder(tmp_path / "thesis.txt").check_free()


DAMAGE = {
    "not JSON": "{",
    "another format": json.dumps({"format": 99}),
    "no format": "{}",
    "a list": "[]",
    "fields lost": json.dumps({"format": 1, "identity": {}}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_json_is_named(damage: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(DAMAGE[damage])
    with pytest.raises(StoreError, match=r"run\.json"):
        read_document(tmp_path)


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no run folder"):
        read_document(tmp_path / "nowhere")
