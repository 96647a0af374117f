"""Samples made clip by clip and by ``prepare``: the same ones, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merkit.bench.cost import Cost, _measured, measured
from merkit.bench.prepare import PrepareBench, RecipeBench, _plain, another, differences
from merkit.bench.searched import SearchingTracker
from merkit.cli import main
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig
from merkit.samples.recipes import FlowMapRecipe, RegionFlowRecipe, RgbRecipe
from merkit.types import Frame

SMALL = ("--subjects", "1", "--clips-per-class", "1", "--size-px", "320", "240")


def test_differences_by_hand() -> None:
    a, b = np.array([0, 255, 10], np.uint8), np.array([255, 255, 10], np.uint8)
    assert differences([(a, b), (b, b)]) == (255.0, 42.5)


def test_lines_by_hand() -> None:
    costs = Cost(20.0, 20.0, None), Cost(5.0, 10.0, None), Cost(2.0, 1.0, None)
    recipe = RecipeBench("empty store", *costs, largest=3.0, mean=0.5)
    told = PrepareBench("m", 10, 2, Cost(1.5, 2.0, None), (recipe,)).lines()
    assert told[0].startswith("m: 10 clips, 2 processes, whose start takes 1.5 s (2.0 s of")
    assert "0.50 clips a second clip by clip, 2.00 prepared: 4.00 times as fast (2.00" in told[1]
    assert "decoding alone is 10% of ours" in told[2]
    assert "samples differ by 3 at most, 0.5 in the mean" in told[2]


@pytest.mark.parametrize("recipe", [FlowMapRecipe(), RegionFlowRecipe(), RgbRecipe()])
def test_a_second_recipe_reads_the_same_frames_and_faces(
    recipe: FlowMapRecipe | RegionFlowRecipe | RgbRecipe,
) -> None:
    change, second = another(recipe)
    assert second.key() != recipe.key()
    assert second.track == recipe.track
    assert change.partition("=")[0] in ("flow.estimator", "align.size_px")


def test_every_frame_is_searched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, bool]] = []

    class Seeing(FaceTracker):
        name, title = "seeing", "sees a face in even frames, in others on a thorough look"

        def __init__(self, config: TrackConfig) -> None: ...

        def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
            asked.append((frame.number, quick))
            points = np.zeros((68, 2), np.float32)
            face = DetectedFace(points, np.array([0, 0, 9, 9], np.float32))
            return (face,) if frame.number % 2 == 0 or not quick else ()

        def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
            raise AssertionError("what was seen before is not to be used")

        def finish(self) -> None: ...

    monkeypatch.setattr("merkit.bench.searched.TRACKERS", {"mesh478": Seeing})
    tracker = SearchingTracker(TrackConfig("mesh478"))
    frames = [Frame(i, i / 30, np.zeros((9, 9, 3), np.uint8)) for i in range(2)]
    (first,) = tracker.landmarks(frames[0])
    assert tracker.carry(frames[1], first, confirm=False) is not None
    assert asked == [(0, True), (1, True), (1, False)]


@pytest.mark.thorough
def test_a_small_run_is_measured_and_both_ways_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(way: Any, *given: Any) -> Any:  # of its own is what puts scikit-image in our place
        return measured(way, *given) if way is _plain else _measured(way, given)

    monkeypatch.setattr("merkit.bench.prepare.measured", here)
    out = tmp_path / "prepare.json"
    words = [*SMALL, "--face-width-px", "150", "--workers", "1", "--set"]
    words += ["recipe.flow.crop_size_px=64", "--out", str(out)]
    assert main(["bench", "prepare", *words]) == 0
    assert "ststnet: 3 clips, 1 processes" in capsys.readouterr().out
    stored = json.loads(out.read_text())
    assert stored["settings"]["recipe"] == {"flow": {"crop_size_px": 64}}
    assert stored["found"]["start"]["seconds"] < 0.1  # one worker is the process itself
    first, second = stored["found"]["recipes"]
    assert second["name"] == "same store, flow.estimator=farneback"
    assert [(one["largest"], one["mean"]) for one in (first, second)] == [(0.0, 0.0)] * 2
    assert 0 < second["decoding"]["seconds"] < second["plain"]["seconds"]
    # the second finds the faces of the first in the store: the networks are not even loaded
    assert second["ours"]["seconds"] < first["ours"]["seconds"]


def test_a_method_without_samples_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "prepare", "--method", "majority"]) == 2
    assert "one that has samples" in capsys.readouterr().err
