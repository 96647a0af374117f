"""A model that was tuned from a recogniser still names action units, where those are untouched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from memory_samples import memory_reader
from merkit import Recognizer
from merkit.cli import main
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import make_method
from merkit.methods.bundled import UNITS, read_recogniser, save_bundled
from merkit.methods.limits import Limits
from merkit.methods.sim_flow import SimFlow
from merkit.training.loop import FitContext
from merkit.types import Fold, Sample

IDS = tuple(f"c{i}" for i in range(8))
CLASSES = ("happy", "other")
LIMITS = Limits(class_min=0.9, nothing_max=0.0, unit_min=tuple(u / 100 for u in UNITS))


def pictures() -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    return {i: {"flow_map": random.integers(0, 256, (3, 28, 28), dtype=np.uint8)} for i in IDS}


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With random weights, and limits that it hardly ever keeps."""
    torch.manual_seed(0)
    method = SimFlow(start="random")
    folder = tmp_path_factory.mktemp("recogniser") / "flow"
    save_bundled(folder, method, method.scratch(3), {}, "# For tests\n", limits=LIMITS)
    return folder


def tuned(recogniser: Path, out: Path, name: str = "sim-flow", **training: object) -> Path:
    """A model folder as ``merkit train --method NAME --init RECOGNISER`` leaves it."""
    settings = {"epochs": 2, "batch_size": 4, **training}
    method = make_method(name, {}, settings, init=str(recogniser)).for_classes(CLASSES)
    labels = {clip: n % 2 for n, clip in enumerate(IDS)}
    reader = memory_reader(Fold("f", IDS, (), ()), labels, "flow_map", pictures(), n_classes=2)
    save_model(out, method, method.fit(reader, FitContext(0)).model, CLASSES, {})
    return out


@pytest.mark.parametrize(
    ("name", "training"),
    [("sim-flow", {}), ("sim-flow", {"mirror_at_test": True}), ("ststnet", {"init_rate": 0.0})],
)
def test_an_untouched_recogniser_says_what_it_said(
    name: str, training: dict[str, object], recogniser: Path, tmp_path: Path
) -> None:
    model = Recognizer.from_pretrained(tuned(recogniser, tmp_path / "m", name, **training), "cpu")
    assert (model.classes, model.vocabulary.units) == (CLASSES, UNITS)
    limits = model.vocabulary.limits
    assert limits.unit_min == LIMITS.unit_min
    assert (limits.class_min, limits.nothing_max) == (0, 1)  # it always answers with a class
    as_it_is = SimFlow(weights=recogniser, training=model.method.training)
    network = read_recogniser(recogniser).network()
    for clip, arrays in pictures().items():
        answer = model.answer(Sample(clip, arrays))
        maps = {"flow_map": torch.from_numpy(arrays["flow_map"])[None]}
        np.testing.assert_allclose(answer.units, as_it_is.unit_sides(network, maps)[0], rtol=1e-5)
        np.testing.assert_allclose(answer.classes.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(("name", "training"), [("sim-flow", {"init_rate": 0.1}), ("ststnet", {})])
def test_one_that_training_changed_says_nothing_of_them(
    name: str, training: dict[str, object], recogniser: Path, tmp_path: Path
) -> None:
    folder = tuned(recogniser, tmp_path / "m", name, **training)
    assert load_model(folder).telling is None
    model = Recognizer.from_pretrained(folder, "cpu")
    assert model.vocabulary.units == ()
    assert model.answer(Sample("c", pictures()["c0"])).units.shape == (0, 2)


def test_predict_writes_a_column_for_each_side(
    tracked_once: None, recogniser: Path, tiny_images: Path, tmp_path: Path
) -> None:
    folder = tuned(recogniser, tmp_path / "m")
    words = ["predict", str(tiny_images), "--fps", "30", "--device", "cpu"]
    assert main([*words, "--model", str(folder), "--out", str(tmp_path / "e.csv")]) == 0
    header, *rows = (tmp_path / "e.csv").read_text().splitlines()
    sides = [f"au{unit}_{side}" for unit in UNITS for side in ("left", "right")]
    assert header.split(",")[-26:] == ["p_happy", "p_other", *sides]
    named = [row.split(",")[-24:] for row in rows if ",micro," in row]
    assert named
    assert all(0 <= float(share) <= 1 for row in named for share in row)
