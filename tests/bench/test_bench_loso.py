"""What a measurement of a run says, by hand and on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from merkit.bench.loso import LosoBench
from merkit.bench.machine import machine, matrix_product_flops
from merkit.cli import main
from merkit.runs.pace import Pace

SMALL = ("--subjects", "4", "--clips", "40", "--seeds", "2", "--steps", "4", "--set")


def test_lines_by_hand() -> None:
    pace = Pace(8, "2.0 times as fast")
    told = LosoBench("m", 2, pace, 0.06, 0.03, 120_000, 1e-6, 1.0, None, None, 3e9, 1e12).lines()
    assert "60.0 ms by itself, 30.0 ms at once: 2.00 times as fast" in told[1]
    assert "60.0 min by itself, 30.0 min at once" in told[2]
    assert "(3.0 ms): by itself 5%, at once 10%" in told[3]


@pytest.mark.thorough
def test_a_small_run_is_measured_and_both_ways_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merkit.bench.loso.choose_pace", lambda *_: Pace(3, "because of the test"))
    out = tmp_path / "loso.json"
    assert main(["bench", "loso", *SMALL, "training.batch_size=16", "--out", str(out)]) == 0
    assert "3 trainings at once (because of the test)" in capsys.readouterr().out
    stored = json.loads(out.read_text())
    assert stored["machine"]["torch"] == torch.__version__
    found = stored["found"]
    assert found["difference"] < 1e-6
    assert found["same_calls"] == 1.0
    # 30 clips in batches of 16, 800 epochs, 4 folds, 2 seeds
    assert found["steps_in_all"] == 2 * 800 * 4 * 2
    # three convolutions of 27 x 30 x 30 products a filter and clip, forward and for their weights
    convolutions = 2 * 2 * 27 * 900 * 16 * 16
    assert found["flop"] == pytest.approx(convolutions, rel=0.05)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--method", "hoof"), "gradient steps"),
        (("--method", "sfa-dgat"), "benchmarks/encoder.py"),
        (("--subjects", "1"), "2 or more"),
        (("--clips", "70"), "two a subject"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: tuple[str, ...], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "loso", *words]) == 2
    assert wanted in capsys.readouterr().err


def test_a_machine_says_what_it_is() -> None:
    assert machine()["cores"] >= 1
    assert matrix_product_flops("cpu", side=64, seconds=0.01) > 1e6
