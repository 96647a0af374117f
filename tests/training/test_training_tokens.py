"""Frozen means computed once: training from cached tokens equals training from frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from merkit.samples.prepare import Prepared
from merkit.samples.store import SampleStore
from merkit.training.data import Batches, FoldData, Labelled
from merkit.training.loop import FitContext, fit, predict
from merkit.training.setup import Setup, make_setup
from merkit.training.tokens import frozen_tokens, token_files
from merkit.types import Sample

IDS = tuple(f"c{i}" for i in range(9))
LABELS = tuple(i % 3 for i in range(9))
CPU = torch.device("cpu")
SIZES: dict[str, Any] = {
    "frames": 3,
    "sfa": {"width": 8, "channels": 2},
    "dgat": {"width": 8, "lstm_hidden": 4},
    "fusion": {"width": 8},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    config = Dinov2Config(**geometry, image_size=28, patch_size=14, initializer_range=0.3)
    folder = tmp_path_factory.mktemp("tokens") / "dinov2"
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture
def setup(weights: Path) -> Setup:
    encoder = {"path": str(weights), "image_size_px": 28, "lora_rank": 4}
    training = {
        "epochs": 4,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "views": 3,
        "selection": "last",
    }
    return make_setup("sfa-dgat", {"encoder": encoder, **SIZES}, training, {})


def samples() -> dict[str, Sample]:
    random = np.random.default_rng(4)
    shape = (3, 3, 28, 28)
    return {c: Sample(c, {"rgb": random.integers(0, 256, shape, dtype=np.uint8)}) for c in IDS}


@pytest.fixture
def prepared(setup: Setup, tmp_path: Path) -> Prepared:
    store = SampleStore(tmp_path / "store", setup.recipe)
    for name, sample in samples().items():
        store.write(name, sample)
    return Prepared(store, {c: c for c in IDS}, {}, len(IDS))


def train(setup: Setup, tokens: dict[str, np.ndarray] | None) -> tuple[np.ndarray, Any]:
    fold = FoldData("f", Labelled(IDS[:6], LABELS[:6]), Labelled(IDS[6:], LABELS[6:]))
    batches = Batches(samples(), ("rgb",), CPU, tokens)
    context = FitContext(3, 0, CPU)
    model, summary = fit(setup.method, setup.model_config, setup.settings, fold, batches, context)
    return predict(setup.method, model, batches, IDS, setup.settings), summary


def test_training_from_tokens_equals_training_from_frames(setup: Setup, prepared: Prepared) -> None:
    setup = replace(setup, settings=replace(setup.settings, augment=False))
    files = frozen_tokens(setup, 3, prepared, "cpu")
    assert files is not None
    tokens = {c: np.load(path) for c, path in files.items()}
    assert {t.dtype for t in tokens.values()} == {np.dtype(np.float16)}
    assert {t.shape for t in tokens.values()} == {(1, 3, 5, 32)}  # one view; class + 4 patches
    from_frames, slow = train(setup, None)
    from_tokens, fast = train(setup, tokens)
    np.testing.assert_allclose(from_tokens, from_frames, atol=5e-3)
    assert [e.val_uf1 for e in fast.history] == [e.val_uf1 for e in slow.history]
    assert fast.history[-1].train_loss == pytest.approx(slow.history[-1].train_loss, rel=1e-2)
    untrained = train(replace(setup, settings=replace(setup.settings, learning_rate=1e-9)), None)[0]
    assert np.abs(from_frames - untrained).max() > 0.03  # it was a training, not a standstill


def test_view_zero_is_the_clip_and_the_others_are_augmented(
    setup: Setup, prepared: Prepared
) -> None:
    torch.manual_seed(0)
    model = setup.method.model(setup.model_config, 3).eval()
    files = frozen_tokens(setup, 3, prepared, "cpu")
    assert files is not None
    tokens = np.load(files["c0"])
    rgb = torch.from_numpy(samples()["c0"].arrays["rgb"].copy())[None]
    with torch.no_grad():
        plain = model.frozen({"rgb": rgb})["tokens"][0]
    assert tokens.shape == (3, 3, 5, 32)
    np.testing.assert_array_equal(tokens[0], plain.numpy())
    assert all(np.abs(tokens[0] - tokens[v]).max() > 0.1 for v in (1, 2))
    assert np.abs(tokens[1] - tokens[2]).max() > 0.1


def test_views_are_drawn_once_and_belong_to_the_clip(
    setup: Setup, prepared: Prepared, tmp_path: Path
) -> None:
    """Neither the other clips of a run nor their order changes a clip's views."""
    model = setup.method.model(setup.model_config, 3).eval()
    every = token_files(model, samples(), prepared.keys, tmp_path / "a", 3)
    one = token_files(model, {"c4": samples()["c4"]}, prepared.keys, tmp_path / "b", 3)
    np.testing.assert_array_equal(np.load(every["c4"]), np.load(one["c4"]))
    before = every["c4"].stat().st_mtime_ns
    again = token_files(model, samples(), prepared.keys, tmp_path / "a", 3)
    assert again == every
    assert again["c4"].stat().st_mtime_ns == before
    other = token_files(model, {"c4": samples()["c4"]}, prepared.keys, tmp_path / "c", 3, seed=1)
    assert not np.array_equal(np.load(other["c4"])[1], np.load(one["c4"])[1])
    np.testing.assert_array_equal(np.load(other["c4"])[0], np.load(one["c4"])[0])


def test_other_weights_never_read_these_tokens(
    setup: Setup, prepared: Prepared, tmp_path: Path
) -> None:
    first = setup.method.model(setup.model_config, 3)
    changed = setup.method.model(setup.model_config, 3)
    with torch.no_grad():
        changed.encoder.backbone.encoder.layer[0].norm1.weight.mul_(1.01)
    one = {"c0": samples()["c0"]}
    a = token_files(first.eval(), one, prepared.keys, tmp_path, 1)["c0"]
    b = token_files(changed.eval(), one, prepared.keys, tmp_path, 1)["c0"]
    assert a != b


def test_tuned_weights_do_not_enter_the_tokens(setup: Setup) -> None:
    model = setup.method.model(setup.model_config, 3)
    before = model.frozen_key()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    assert before is not None
    assert model.frozen_key() == before


def test_no_tokens_where_views_are_drawn_afresh(setup: Setup, prepared: Prepared) -> None:
    fresh = replace(setup, settings=replace(setup.settings, views=0))
    assert frozen_tokens(fresh, 3, prepared, "cpu") is None
    still = replace(fresh, settings=replace(fresh.settings, augment=False))
    assert frozen_tokens(still, 3, prepared, "cpu") is not None
