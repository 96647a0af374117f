"""A synthetic database of six clips, and small untrained models of every kind that reads it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from explain_models import CLASSES, FRAMES, MODELS, ModelFolder, OpenCase
from transformers import Dinov2Config, Dinov2Model

from merkit.datasets import load_dataset
from merkit.explain import ExplainConfig
from merkit.explain.case import open_case
from merkit.inference.modelfolder import LoadedModel, load_model, save_model
from merkit.methods import make_method
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database
from merkit.types import Clip


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = SynthConfig(subjects=2, clips_per_class=1, duration_s=(0.3, 0.3), seed=1)
    return write_database(tmp_path_factory.mktemp("synthetic") / "data", config, workers=1)


@pytest.fixture(scope="session")
def clip(database: Path) -> Clip:
    return next(c for c in load_dataset("synthetic", database, "") if c.emotion == "happiness")


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DINOv2 of two blocks with random weights, as transformers saves it."""
    torch.manual_seed(3)
    config = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        patch_size=14,
        image_size=56,
    )
    folder = tmp_path_factory.mktemp("backbone")
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> ModelFolder:
    """Method -> folder of a model with random weights; ``lora`` is hlora-mer with adapters that
    add something, as training would have made them; ``map-probe`` the encoder on flow maps."""

    @cache
    def make(name: str) -> Path:
        encoder = {"name": "dinov2-small", "path": str(backbone), "image_size_px": 56}
        lora = {"encoder": {**encoder, "lora_rank": 4, "lora_blocks": 1}, "frames": FRAMES}
        maps = {"encoder": encoder, "picture": "flow-map"}
        named = {"lora": ("hlora-mer", lora), "map-probe": ("linear-probe", maps)}
        own = named[name] if name in named else (name, MODELS[name])
        method = make_method(*own)
        torch.manual_seed(0)
        model = method.build(len(CLASSES))
        for key, weight in model.named_parameters():
            if ".lora_B" in key:
                torch.nn.init.normal_(weight, std=0.3)
        folder = tmp_path_factory.mktemp(name) / "model"
        save_model(folder, method, model, CLASSES, {})
        return folder

    return make


@pytest.fixture(scope="session")
def loaded(model_folder: ModelFolder) -> Callable[[str], LoadedModel]:
    return cache(lambda name: load_model(model_folder(name)))


@pytest.fixture(scope="session")
def open_named(loaded: Callable[[str], LoadedModel], clip: Clip) -> OpenCase:
    """Method -> the case of its model and the one clip."""
    config = ExplainConfig(label="positive", steps=8)
    return cache(lambda name: open_case(loaded(name), clip, config, "cpu"))
