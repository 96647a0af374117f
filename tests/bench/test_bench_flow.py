"""The estimators against the plain calls: what is told, and by how much flow is apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from merkit.bench.config import BenchFlowConfig
from merkit.bench.cost import Cost
from merkit.bench.flow import EstimatorBench, FlowBench, apart_px, face_pairs, flows_of, plain_dis
from merkit.cli import main
from merkit.flow import estimate_flow


def test_flow_apart_by_hand() -> None:
    one = np.zeros((1, 2, 2, 2), np.float32)
    other = one.copy()
    other[0, 0, 1] = 3, 4
    assert apart_px(one, other) == (5.0, 1.25)


def test_lines_by_hand() -> None:
    cost = Cost(0.6, 0.6, 10_000_000), Cost(0.2, 0.3, 20_000_000)
    told = FlowBench(3, 2, 64, (EstimatorBench("tvl1", *cost, 0.25, 0.125),)).lines()
    assert told == [
        "3 pairs of 64 x 64 px",
        "tvl1: 100.0 ms a pair by scikit-image, 33.3 ms by merkit: 3.00 times as fast "
        "(2.00 by processor time)",
        "  flow differs by 0.25 px at most, 0.12 px in the mean; 10 MB, 20 MB",
    ]


def test_faces_move_and_dis_is_its_preset_but_for_the_patches() -> None:
    pairs = face_pairs(BenchFlowConfig(pairs=2, crop_size_px=128))
    assert (pairs.shape, pairs.dtype) == ((2, 2, 128, 128), np.uint8)
    assert not (pairs[0, 0] == pairs[1, 0]).all()  # two people
    plain = flows_of(plain_dis, pairs)()
    preset = np.stack([estimate_flow(*pair, "dis", dis_stride_px=3) for pair in pairs])
    assert (plain == preset).all()
    assert 0.5 < np.linalg.norm(plain, axis=-1).max() < 8  # a micro-expression at this size


@pytest.mark.thorough
def test_a_small_run_is_measured_and_tvl1_agrees_to_the_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "flow.json"
    words = ["--estimators", "tvl1", "--pairs", "1", "--repeats", "1", "--crop-size-px", "96"]
    assert main(["bench", "flow", *words, "--out", str(out)]) == 0
    assert "px at most" in capsys.readouterr().out
    stored = json.loads(out.read_text())
    assert stored["settings"]["crop_size_px"] == 96
    assert "out" not in stored["settings"]
    assert stored["machine"]["cores"] >= 1
    (found,) = stored["found"]["estimators"]
    assert (found["estimator"], found["largest_px"]) == ("tvl1", 0.0)
    assert found["plain"]["seconds"] > found["ours"]["seconds"] > 0
