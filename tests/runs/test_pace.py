"""A run trains its folds one by one or at once, as a measurement says, with the same result."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.report.result import Result
from merkit.runs import pace
from merkit.runs.config import EvaluateConfig
from merkit.runs.evaluate import evaluate
from merkit.runs.pace import Pace

SUBJECTS, EACH = 5, 4


@pytest.fixture
def config(tmp_path: Path) -> EvaluateConfig:
    """Five people with four maps each, and a method that needs a few seconds."""
    root, random = tmp_path / "maps", np.random.default_rng(0)
    root.mkdir()
    rows = [["dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename"]]
    for subject in (f"s{i:02d}" for i in range(1, SUBJECTS + 1)):
        for number in range(EACH):
            clip = f"{subject}_x_{number:02d}"
            picture = random.integers(0, 256, (28, 28, 3), dtype=np.uint8)
            assert cv2.imwrite(str(root / f"{subject}_{clip} .png"), picture)
            rows.append(["smic", subject, clip, str(number % 3), "", f"{subject}_{clip}.jpg", ""])
    with (root / "combined_3_class2_for_optical_flow.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return EvaluateConfig(
        data=("flow-maps",),
        root=(root,),
        variant=("flat",),
        method="ststnet",
        training={"epochs": 3, "batch_size": 6},
        store=tmp_path / "store",
        workers=1,
        device="cpu",
        resamples=20,
        seeds=(0, 1),
        out=tmp_path / "run",
    )


def predictions(result: Result) -> pd.DataFrame:
    return result.predictions.sort_values(["seed", "fold", "clip_id"], ignore_index=True)


def document(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    return found


def test_a_measured_run_has_the_predictions_of_the_simple_loop(
    config: EvaluateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = evaluate(replace(config, plain=True, out=tmp_path / "plain"))
    told = document(tmp_path / "plain")["pace"]
    assert (told["width"], told["why"]) == (1, "as was asked for")
    monkeypatch.setattr(pace, "_WORTH_S", 0.0)
    monkeypatch.setattr(pace, "_GAIN", 1e-9)  # whatever this machine says
    together = evaluate(config)
    told = document(config.out)["pace"]
    assert told["width"] in (4, 8)
    assert told["alone_s"] > 0
    assert told["together_s"] > 0
    one, other = predictions(plain), predictions(together)
    assert list(one.y_pred) == list(other.y_pred)
    columns = [c for c in one.columns if c.startswith("p_")]
    np.testing.assert_allclose(one[columns], other[columns], atol=1e-5)


def test_a_run_of_one_way_is_resumed_by_the_other(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "merkit.runs.together.choose_pace", lambda *_: Pace(3, "because it is a test")
    )
    before = predictions(evaluate(config))
    folds = sorted((config.out / "folds").iterdir())
    (config.out / "metrics.json").unlink()
    for folder in folds[::2]:
        (folder / "summary.json").unlink()
    after = predictions(evaluate(replace(config, plain=True)))
    assert list(before.y_pred) == list(after.y_pred)


@pytest.mark.parametrize(
    ("method", "jobs", "why"),
    [("majority", 10, "not trained by gradient steps"), ("ststnet", 3, "few trainings")],
)
def test_what_gains_nothing_is_not_measured(
    config: EvaluateConfig, method: str, jobs: int, why: str
) -> None:
    made = replace(config, method=method, training={}).make()
    steps = method == "ststnet"
    job: Any = SimpleNamespace(method=made, takes_steps=steps)
    assert pace.choose_pace(lambda _: job, jobs, 1, 4.0) == Pace(1, why)


def test_stacks_share_the_work_among_the_workers() -> None:
    jobs: list[Any] = list(range(68))
    sizes = [len(group) for group in Pace(16, "").groups(jobs, 2)]
    assert sum(sizes) == 68
    assert max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1
    assert [len(group) for group in Pace(64, "").groups(jobs, 4)] == [17] * 4
    assert [len(group) for group in Pace(1, "").groups(jobs, 4)] == [1] * 68


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (("--seeds", "5"), (0, 1, 2, 3, 4)),
        (("--seeds=2", "--bf16"), (0, 1)),
        (("--seeds", "3", "7"), (3, 7)),
        (("--set", "seeds=3"), (0, 1, 2)),
        (("--set", "seeds=[3]"), (3,)),
    ],
)
def test_seeds_are_a_number_of_them_or_a_list(words: tuple[str, ...], seeds: Any) -> None:
    assert parse_config(EvaluateConfig, "evaluate", words).seeds == seeds


@pytest.mark.parametrize("seeds", [0, 1001, 10**9, []])
def test_no_seeds_and_too_many_are_refused(seeds: Any) -> None:
    with pytest.raises(ConfigError, match="seeds"):
        TypeAdapter(EvaluateConfig).validate_python({"seeds": seeds})
