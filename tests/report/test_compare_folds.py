"""Folds side by side, and the whole cross-database experiment at its smallest."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

import tiny_pipeline as tiny
from finished_runs import CLASSES, predictions
from merkit.cli.experiment import run as experiment
from merkit.overrides import shipped_files
from merkit.report.result import Result
from merkit.report.text import fold_table
from merkit.scoring.scores import FoldTraining, PartScore, score_run
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database

CONFIG = shipped_files()["cross-database-synthetic"]


def finished(name: str, folds: dict[str, tuple[float, float]], *marks: str) -> Result:
    table = predictions(0.5)
    training = FoldTraining("a_to_b", 0, 1, 1.0, 2, 1, ())
    parts = tuple(
        PartScore(fold, 10, {"uf1": uf1, "uar": uar, "acc": 0.0})
        for fold, (uf1, uar) in folds.items()
    )
    scores = replace(score_run(table, CLASSES, [training], resamples=10), per_fold=parts)
    return Result(Path(name), {}, replace(scores, marks=marks), table, name)


def test_folds_stand_side_by_side_with_their_mean() -> None:
    plain = finished("plain", {"a_to_b": (0.25, 0.5), "b_to_a": (0.75, 0.625)})
    adapted = finished("adapted", {"a_to_b": (0.5, 0.5), "b_to_a": (0.5, 1.0)}, "transductive")
    found = fold_table([plain, adapted])
    assert found is not None
    assert found[0] == [
        *("fold", "clips", "plain UF1", "UAR", "ACC"),
        *("adapted (transductive) UF1", "UAR", "ACC"),
    ]
    assert found[1] == [
        [
            "a_to_b",
            "10",
            "0.250",
            "0.500",
            "0.000",
            "0.500",
            "0.500",
            "0.000",
        ],
        ["b_to_a", "10", "0.750", "0.625", "0.000", "0.500", "1.000", "0.000"],
        ["mean", "", "0.500", "0.562", "0.000", "0.500", "0.750", "0.000"],
    ]


@pytest.mark.parametrize("folds", [{}, {"a_to_b": (0.1, 0.1)}, {"a": (0.1, 0.1), "b": (0.1, 0.1)}])
def test_other_folds_give_no_table(folds: dict[str, tuple[float, float]]) -> None:
    first = finished("x", {"a_to_b": (0.25, 0.5), "b_to_a": (0.75, 0.625)})
    assert fold_table([first, finished("y", folds)]) is None
    assert fold_table([finished("x", {}), finished("y", {})]) is None


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three people in each; other frame rates, label sets, light and noise."""
    folder = tmp_path_factory.mktemp("databases")
    made: list[Path] = []
    for name, fps, classes, flicker, noise in (
        ("slow", 30.0, "3", 0.0, 1.0),
        ("middle", 50.0, "3", 0.01, 3.0),
        ("fast", 100.0, "4", 0.02, 5.0),
    ):
        config = SynthConfig(
            subjects=3,
            classes=classes,
            clips_per_class=1,
            seed=len(made),
            fps_hz=fps,
            size_px=(160, 160),
            face_width_px=120.0,
            duration_s=(0.1, 0.15),
            flicker=flicker,
            noise_std=noise,
        )
        made.append(write_database(folder / name, config))
    return made


@pytest.mark.thorough
def test_six_directions_with_and_without_adaptation_in_one_table(
    databases: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small: dict[str, Any] = {f"model.{k}": v for k, v in tiny.MODEL.items()}
    small |= {f"training.{k}": v for k, v in tiny.TRAINING.items()} | {"resamples": 50}
    words = [str(CONFIG), "--data", *["synthetic"] * 3, "--root", *map(str, databases)]
    words += ["--store", str(tmp_path / "store"), "--workers", "1", "--device", "cpu"]
    words += ["--set", *(f"{name}={json.dumps(value)}" for name, value in small.items())]
    assert experiment([*words, "--out", str(tmp_path / "runs")]) == 0
    table = capsys.readouterr().out.partition("score of each fold\n")[2].splitlines()
    assert "plain UF1" in table[0]
    assert "adapted (transductive) UF1" in table[0]
    names = [f"synthetic:{path.name}" for path in databases]
    directions = sorted(f"{a}_to_{b}" for a, b in permutations(names, 2))
    rows = {line.split()[0]: line.split()[1:] for line in table[1:8]}
    assert sorted(rows) == sorted([*directions, "mean"])
    for column, run in ((1, "plain"), (4, "adapted")):
        metrics = json.loads((tmp_path / "runs" / run / "metrics.json").read_text())
        found = {part["name"]: part["values"]["uf1"] for part in metrics["per_fold"]}
        assert {d: f"{uf1:.3f}" for d, uf1 in found.items()} == {
            d: rows[d][column] for d in directions
        }
        assert rows["mean"][column - 1] == f"{fmean(found.values()):.3f}"  # it has no clips
        folds = json.loads((tmp_path / "runs" / run / "folds.json").read_text())["folds"]
        adapted = run == "adapted"
        assert [f["unlabelled"] == f["test"] for f in folds] == [adapted] * 6
        assert metrics["marks"] == (["transductive"] if adapted else [])
    page = (tmp_path / "runs" / "comparison.html").read_text()
    assert all(direction in page for direction in directions)
    fast = [row for row in rows if row.endswith("_to_synthetic:fast")]
    assert [rows[row][0] for row in fast] == ["9", "9"]  # its three clips of others have no class
