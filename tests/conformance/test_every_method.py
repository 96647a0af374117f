"""What every registered method must do, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from small_entries import METHODS as ENTRIES
from small_entries import PADDING_CHANGES, WITHOUT_GRADIENT, with_folder

from merkit.config import from_mapping, read_yaml, to_mapping
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import METHODS
from merkit.methods.base import MerModel, TrainConfig
from merkit.samples.recipe import Recipe
from merkit.training.classical import is_classical
from merkit.training.data import Batches, FoldData, Labelled, collate
from merkit.training.loop import FitContext, fit, predict
from merkit.training.setup import Setup, make_setup
from merkit.types import ActionUnit, Clip, Sample

N_CLASSES = 3


@pytest.fixture(scope="session")
def random_dinov2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    model = Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14))
    folder = tmp_path_factory.mktemp("weights") / "dinov2"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(params=list(ENTRIES))
def entry(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def method_of(entry: str) -> str:
    """An entry is named ``method`` or ``method:variant``."""
    return entry.partition(":")[0]


@pytest.fixture
def setup(entry: str, random_dinov2: Path) -> Setup:
    return make_setup(method_of(entry), with_folder(ENTRIES[entry], random_dinov2), {}, {})


def build(setup: Setup, seed: int = 0) -> MerModel:
    torch.manual_seed(seed)
    model: MerModel = setup.method.model(setup.model_config, N_CLASSES)
    if is_classical(setup.method):
        _solve(model, setup)
    return model.eval()


def _solve(model: Any, setup: Setup) -> None:
    inputs = batch(setup, 9)
    features = model.describe(inputs).numpy()
    model.solve(features, np.arange(9) % N_CLASSES, balanced=True, seed=0)


def arrays(setup: Setup, seed: int, frames: int = 0) -> dict[str, np.ndarray]:
    """What the recipe of a method would give, with random content."""
    random = np.random.default_rng(seed)
    recipe: Recipe = setup.recipe
    frames = frames or recipe.frames or 6
    if recipe.kind == "rgb":
        side = recipe.align.size_px
        found: dict[str, np.ndarray] = {
            "rgb": random.integers(0, 256, (frames, 3, side, side), dtype=np.uint8)
        }
    elif recipe.kind == "roi_flow":
        shape = (frames, recipe.flow.regions, 2)
        found = {"flow": random.normal(size=shape).astype(np.float32)}
    else:
        side = recipe.flow.map_size_px
        found = {"flow_map": random.integers(0, 256, (3, side, side), dtype=np.uint8)}
    if setup.method.annotate is not None:
        units = (ActionUnit(1 + seed % 2), ActionUnit(4), ActionUnit(12, intensity="B"))
        known = None if seed == 4 else units  # one clip that nobody coded
        clip = Clip("c", "db", "s", Path("c"), 30.0, "happiness", action_units=known)
        found |= setup.method.annotate(setup.model_config, clip)
    return found


def names(setup: Setup) -> list[str]:
    return list(arrays(setup, 0))


def batch(setup: Setup, n: int, seed: int = 0, frames: int = 0) -> dict[str, torch.Tensor]:
    rows = [arrays(setup, seed + i, frames) for i in range(n)]
    return collate(rows, names(setup))


def targets(n: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(n) % N_CLASSES, N_CLASSES).float()


def test_every_registered_method_has_an_entry() -> None:
    missing = set(METHODS) - {method_of(name) for name in ENTRIES}
    assert not missing, f"add small settings of {sorted(missing)} to small_entries.py"
    assert {method_of(name) for name in ENTRIES} == set(METHODS)


def test_the_card_says_what_it_is(setup: Setup, entry: str) -> None:
    method = setup.method
    assert method.name == method_of(entry)
    assert len(method.title) > 10
    assert method.citation
    assert isinstance(method.training(setup.model_config), TrainConfig)
    assert set(method.model.reads) <= set(arrays(setup, 0))


def test_default_settings_exist(entry: str) -> None:
    if entry in ("sfa-dgat:lora",):
        pytest.skip("defaults are those of the method without a variant")
    method = METHODS[method_of(entry)]
    config = from_mapping(method.config, {})
    assert method.recipe(config).key() == method.recipe(method.config()).key()


def test_settings_survive_plain_values_and_yaml(setup: Setup, tmp_path: Path) -> None:
    for config in (setup.model_config, setup.settings, setup.recipe):
        plain = to_mapping(config)
        assert from_mapping(type(config), plain) == config
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(plain), encoding="utf-8")
        assert from_mapping(type(config), read_yaml(path)) == config
        assert from_mapping(type(config), json.loads(json.dumps(plain))) == config


def test_recipe_key_is_stable_and_follows_the_settings(setup: Setup) -> None:
    again = from_mapping(Recipe, to_mapping(setup.recipe))
    assert again.key() == setup.recipe.key()
    changed = replace(setup.recipe, min_found_share=0.123)
    assert changed.key() != setup.recipe.key()


def test_forward_gives_logits_and_features(setup: Setup) -> None:
    output = build(setup)(batch(setup, 3))
    assert output.logits.shape == (3, N_CLASSES)
    assert output.features.shape[0] == 3
    assert torch.isfinite(output.logits).all()


def test_backward_reaches_every_trainable_parameter(setup: Setup, entry: str) -> None:
    if is_classical(setup.method):
        pytest.skip("solved in one step, not trained by gradients")
    model = build(setup).train()
    for name, parameter in model.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # zero at first, which blocks lora_A
    loss = model.loss(model(batch(setup, 6)), targets(6), None)
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    without = {n for n, p in trainable.items() if p.grad is None or not p.grad.abs().sum()}
    allowed = WITHOUT_GRADIENT.get(entry, {})
    assert without <= set(allowed), f"no gradient: {sorted(without - set(allowed))}"
    assert not [
        n for n, p in model.named_parameters() if not p.requires_grad and p.grad is not None
    ]


def test_class_weights_and_soft_targets_are_accepted(setup: Setup) -> None:
    model = build(setup)
    output = model(batch(setup, 4))
    mixed = 0.7 * targets(4) + 0.3 * targets(4).flip(0)
    weights = torch.tensor([1.0, 2.0, 0.5])
    assert torch.isfinite(model.loss(output, mixed, weights))
    assert model.unlabelled_loss(output).ndim == 0


def test_saved_and_loaded_model_gives_equal_output(setup: Setup, tmp_path: Path) -> None:
    model = build(setup, seed=5)
    inputs = batch(setup, 3)
    with torch.no_grad():
        before = model(inputs).logits
    save_model(tmp_path / "model", model, setup, ("a", "b", "c"), {})
    found = sorted(p.name for p in (tmp_path / "model").iterdir())
    assert found == ["config.json", "model.safetensors"]
    loaded = load_model(tmp_path / "model")
    assert loaded.classes == ("a", "b", "c")
    assert loaded.setup == setup
    with torch.no_grad():
        after = loaded.model(inputs).logits
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_a_clip_does_not_depend_on_its_neighbours_in_the_batch(setup: Setup) -> None:
    model = build(setup)
    with torch.no_grad():
        together = model(batch(setup, 3)).logits
        alone = torch.cat([model(batch(setup, 1, seed=i)).logits for i in range(3)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(setup: Setup, entry: str) -> None:
    """A short clip beside a long one gets the logits it gets with its padding alone."""
    if setup.recipe.kind == "flow_map" or setup.recipe.frames == 1:
        pytest.skip("reads no sequence")
    if entry.startswith("lbp-top"):
        pytest.skip("reads a fixed number of frames")
    model, long = build(setup), setup.recipe.frames or 6
    short = long - 1
    rows = [arrays(setup, 0, frames=short), arrays(setup, 1, frames=long)]
    inputs = collate(rows, names(setup))
    assert inputs["mask"].sum(1).tolist() == [short, long]
    reads = model.reads[0]
    noisy = dict(inputs)
    noisy[reads] = inputs[reads].clone()
    noise = torch.full_like(noisy[reads][0, short:], 77)
    noisy[reads][0, short:] = noise
    with torch.no_grad():
        clean, dirty = model(inputs).logits, model(noisy).logits
    torch.testing.assert_close(dirty, clean, rtol=1e-4, atol=1e-5)
    if entry in PADDING_CHANGES:
        return
    with torch.no_grad():
        alone = model(collate(rows[:1], names(setup))).logits
    torch.testing.assert_close(clean[:1], alone, rtol=1e-3, atol=1e-4)


def test_bfloat16_on_the_cpu(setup: Setup) -> None:
    model, inputs = build(setup), batch(setup, 3)
    with torch.no_grad():
        exact = model(inputs).logits.softmax(-1)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(inputs).logits.float().softmax(-1)
    assert torch.isfinite(rough).all()
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.1)


def test_mirror_is_an_involution_that_keeps_the_form(setup: Setup) -> None:
    if setup.method.mirror is None:
        pytest.skip("has no mirror")
    inputs = batch(setup, 2)
    once = setup.method.mirror(inputs)
    twice = setup.method.mirror(once)
    reads = setup.method.model.reads[0]
    assert once[reads].shape == inputs[reads].shape
    assert not torch.equal(once[reads], inputs[reads])
    torch.testing.assert_close(twice[reads], inputs[reads])


def test_augmentation_keeps_the_form_and_the_label_mass(setup: Setup) -> None:
    method = setup.method
    if method.augment is None:
        pytest.skip("has no augmentation")
    augment = method.augment(setup.model_config)
    inputs, wanted = batch(setup, 4), targets(4)
    outputs = [augment(inputs, wanted, torch.Generator().manual_seed(3)) for _ in range(2)]
    (changed, labels), (again, _) = outputs
    for name in inputs:
        assert changed[name].shape[2:] == inputs[name].shape[2:]  # a lead-in may add frames
        assert len(changed[name]) == len(inputs[name])
        assert changed[name].dtype == inputs[name].dtype
        torch.testing.assert_close(changed[name], again[name])
    torch.testing.assert_close(labels.sum(1), torch.ones(4))


def test_cached_tokens_equal_frames(setup: Setup) -> None:
    model = build(setup)
    if model.frozen_key() is None:
        pytest.skip("nothing is frozen")
    inputs = batch(setup, 2)
    with torch.no_grad():
        tokens = model.frozen(inputs)
        assert "tokens" in tokens
        assert "rgb" not in tokens
        assert tokens["tokens"].dtype == torch.float16
        torch.testing.assert_close(model(tokens).logits, model(inputs).logits, rtol=2e-2, atol=5e-3)


def train(setup: Setup, seed: int) -> tuple[np.ndarray, Mapping[str, torch.Tensor]]:
    ids = tuple(f"c{i}" for i in range(6))
    samples = {c: Sample(c, arrays(setup, i)) for i, c in enumerate(ids)}
    labels = tuple(i % N_CLASSES for i in range(6))
    annotated = {} if setup.method.annotate is None else _annotated(setup, samples)
    device = torch.device("cpu")
    batches = Batches(samples, setup.method.model.reads, device, None, annotated)
    fold = FoldData("f", Labelled(ids[:4], labels[:4]), Labelled(ids[4:], labels[4:]))
    settings = replace(setup.settings, epochs=2, batch_size=4, warmup_epochs=0)
    context = FitContext(N_CLASSES, seed, device)
    model, _ = fit(setup.method, setup.model_config, settings, fold, batches, context)
    return predict(setup.method, model, batches, ids, settings), model.state_dict()


def _annotated(setup: Setup, samples: Mapping[str, Sample]) -> dict[str, Any]:
    reads = setup.method.model.reads
    return {
        clip_id: {n: a for n, a in sample.arrays.items() if n not in reads}
        for clip_id, sample in samples.items()
        if set(sample.arrays) - set(reads)
    }


def test_training_is_deterministic_given_the_seed(setup: Setup) -> None:
    if is_classical(setup.method):
        pytest.skip("solved in one step; tests/training/test_training_classical.py")
    first, state = train(setup, 1)
    second, again = train(setup, 1)
    other, _ = train(setup, 2)
    np.testing.assert_array_equal(first, second)
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)
