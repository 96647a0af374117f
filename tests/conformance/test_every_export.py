"""Every registered method as a file that runs alone says what the method says."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_entries import FOLDER, RECOGNISER, SEQUENCES, SMALL, with_folders
from torch.nn.modules.batchnorm import _BatchNorm

from merkit.inference.modelfolder import LoadedModel
from merkit.inference.programs import export_model
from merkit.inference.programs.program import inputs_of
from merkit.methods import METHODS, make_method
from merkit.methods.base import Method
from merkit.samples.batch import Arrays, collate
from placeholder_recogniser import sim_flow_folder, sim_seq_folder

#: smaller still than elsewhere: converting takes seconds, and grows with the number of steps
SMALLER: dict[str, dict[str, Any]] = {
    "sfa-dgat": {
        **SMALL["sfa-dgat"],
        "encoder": {**SMALL["sfa-dgat"]["encoder"], "input": "frame"},
    },
    "stag": {**SMALL["stag"], "frames": 3},
}
#: the mean with mirrored clips, where it is cheap
TRAINING = {name: {"mirror_at_test": name in ("hoof", "ststnet")} for name in METHODS}
CLASSES = ("negative", "positive", "surprise")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from transformers import Dinov2Config, Dinov2Model

    place = tmp_path_factory.mktemp("exported")
    geometry = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(place / "d")
    return {
        FOLDER: place / "d",
        RECOGNISER: sim_flow_folder(place / "sim_flow"),
        SEQUENCES: sim_seq_folder(place / "sim_seq"),
    }


def model_of(method: Method) -> LoadedModel:
    """With random weights, also where training begins with zeros, and batch norms that have seen
    some clips, so that no answer is sure."""
    torch.manual_seed(0)
    model = method.build(len(CLASSES))
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_()
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = None
                model.train()
        if model.training and method.recipe is not None:
            model(collate(clips_of(method, 8), (method.recipe.makes,)))
    return LoadedModel(method, model.eval(), CLASSES, ("synthetic",))


def clips_of(method: Method, n: int) -> list[Arrays]:
    """Random samples; of other length each where the method takes any."""
    random = np.random.default_rng(n)
    if method.recipe is None:
        return [{}] * n
    read, frames = method.inputs()[0], method.most_frames or 0
    found = []
    for i in range(n):
        shape = [
            max(1, frames + 1 - 2 * i) if size == "T" else int(size) for size in read.shape[1:]
        ]
        floats = read.dtype == "float32"
        array = random.normal(size=shape) if floats else random.integers(0, 256, shape)
        found.append({read.name: array.astype(read.dtype)})
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("name", METHODS)
def test_an_exported_model_says_what_the_model_says(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    """By the file that lies beside it, which knows nothing of merkit; in batches of 1 and 3."""
    settings = with_folders(SMALLER.get(name, SMALL.get(name, {})), folders)
    method = make_method(name, settings, TRAINING.get(name, {}))
    loaded = model_of(method)
    written = export_model(loaded, tmp_path / "model.onnx")
    assert [path.name for path in written.files] == ["model.onnx", "run_onnx.py"]

    spec = spec_from_file_location("copied_run_onnx", written.files[1])
    assert spec is not None
    assert spec.loader is not None
    runner = module_from_spec(spec)
    spec.loader.exec_module(runner)
    model = runner.Model(written.files[0], threads=1)
    assert tuple(model.classes) == CLASSES
    assert [one["name"] for one in model.inputs] == [one.name for one in inputs_of(method)]

    makes = () if method.recipe is None else (method.recipe.makes,)
    for n_clips in (1, 3):
        clips = clips_of(method, n_clips)
        expected = method.probabilities(loaded.model, collate(clips, makes))
        np.testing.assert_allclose(model(clips)["probabilities"], expected, rtol=0, atol=1e-4)
    if method.recipe is not None:
        assert np.ptp(expected, axis=0).max() > 1e-3, "all clips alike would show nothing"
