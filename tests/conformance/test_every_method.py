"""What every registered method must do, whatever it is and whoever brought it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from small_entries import FIXED_LENGTH, FOLDER, RECOGNISER, SEQUENCES, SMALL, entries, with_folders

from memory_samples import memory_samples
from merkit.config import flat
from merkit.errors import ConfigError
from merkit.face.align import MEAN_FACE
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import METHODS, make_method
from merkit.methods.base import Method
from merkit.overrides import read_yaml
from merkit.samples.batch import Arrays, Inputs
from merkit.samples.prepare import SampleSet
from merkit.samples.recipes import Recipe
from merkit.training.config import TrainConfig
from merkit.training.device import trains_in_half
from merkit.training.loop import FitContext, begin, predict
from merkit.training.network import Model, Network
from merkit.training.reader import ClipReader
from merkit.training.stack import train_together
from merkit.training.targets import Units
from merkit.types import ActionUnit, Clip, FaceTrack, Fold, Frames
from placeholder_recogniser import sim_flow_folder, sim_seq_folder

N_CLASSES = 3
FILM_FRAMES = 6


@pytest.fixture(scope="session")
def random_dinov2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    model = Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14))
    folder = tmp_path_factory.mktemp("weights") / "dinov2"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def random_recognisers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recogniser")
    return {
        RECOGNISER: sim_flow_folder(folder / "sim_flow"),
        SEQUENCES: sim_seq_folder(folder / "sim_seq"),
    }


@pytest.fixture(params=entries(METHODS))
def entry(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def method_of(entry: str) -> str:
    """An entry is named ``method`` or ``method:variant``."""
    return entry.partition(":")[0]


@pytest.fixture
def method(entry: str, request: pytest.FixtureRequest) -> Method:
    settings = SMALL.get(entry, {})
    folders: dict[str, Path] = {}
    if FOLDER in str(settings):
        folders[FOLDER] = request.getfixturevalue("random_dinov2")
    if RECOGNISER in str(settings) or SEQUENCES in str(settings):
        folders |= request.getfixturevalue("random_recognisers")
    return make_method(method_of(entry), with_folders(settings, folders))


def test_naming_one_setting_of_a_group_leaves_the_others_as_they_are(method: Method) -> None:
    """Each setting of a group within ``model`` by itself, as it is by default."""
    plain = make_method(method.name)
    groups = {n: v for n, v in plain.settings()["model"].items() if isinstance(v, dict)}
    for name, value in flat(groups).items():
        group: Any = value
        for part in reversed(name.split(".")):
            group = {part: group}
        assert make_method(method.name, group) == plain, name


# clips: random texture that bends frame by frame around a mean face, through the method's recipe


def clip(seed: int) -> Clip:
    """The fifth clip is one that nobody coded."""
    units = (ActionUnit(1 + seed % 2), ActionUnit(4), ActionUnit(12, intensity="B"))
    known = None if seed == 4 else units
    return Clip(
        f"c{seed}",
        "db",
        "s",
        Path("c"),
        30.0,
        "happiness",
        onset_frame=0,
        apex_frame=FILM_FRAMES // 2,
        action_units=known,
    )


def film(seed: int, numbers: np.ndarray) -> tuple[Frames, FaceTrack]:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (160, 160, 3)).astype(np.float32)
    picture = cv2.normalize(cv2.GaussianBlur(picture, (0, 0), 2.5), None, 0, 255, cv2.NORM_MINMAX)
    still = np.moveaxis(np.indices((160, 160), np.float32)[::-1], 0, -1)  # (160,160,2): x, y
    shifts = random.normal(size=(FILM_FRAMES, 160, 160, 2)).astype(np.float32)
    moved = [still + 250 * cv2.GaussianBlur(shift, (0, 0), 15) for shift in shifts]
    rgb = np.stack([cv2.remap(picture, moved[n], None, cv2.INTER_LINEAR) for n in numbers])
    points = MEAN_FACE * 48 + np.array([80, 64], np.float32)
    face = FaceTrack(
        np.repeat(points[None], len(rgb), axis=0),
        np.tile(np.array([20, 20, 140, 150], np.float32), (len(rgb), 1)),
        np.ones(len(rgb), bool),
    )
    return Frames(rgb.astype(np.uint8), numbers.astype(np.int64), numbers / 30.0), face


_MADE: dict[tuple[str, int, int], Arrays] = {}


def arrays(recipe: Recipe, seed: int, left_out: int = 0) -> Arrays:
    """What the recipe makes of a film; the last frames it reads may be left out."""
    key = (recipe.key(), seed, left_out)
    if key not in _MADE:
        numbers = recipe.pick(clip(seed), np.arange(FILM_FRAMES))
        _MADE[key] = recipe.make(*film(seed, numbers[: len(numbers) - left_out]))
    return _MADE[key]


def reader(method: Method, n: int, first: int = 0, n_val: int = 0, short: int = 0) -> ClipReader:
    """A fold of ``n`` clips with classes in turn, the last ``n_val`` of which validate; the first
    has ``short`` frames fewer."""
    clips = [clip(first + i) for i in range(n)]
    ids = tuple(c.clip_id for c in clips)
    samples = SampleSet(None, dict.fromkeys(ids, ""), {})
    if method.recipe is not None:
        left_out = [short] + [0] * (n - 1)
        made = [arrays(method.recipe, first + i, out) for i, out in enumerate(left_out)]
        samples = memory_samples(method.recipe.makes, dict(zip(ids, made, strict=True)))
    fold = Fold("f", ids[: n - n_val], ids[n - n_val :], ())
    labels = {clip_id: i % N_CLASSES for i, clip_id in enumerate(ids)}
    return ClipReader(fold, labels, samples, method.annotations(clips), N_CLASSES)


def batch(method: Method, n: int, first: int = 0, short: int = 0) -> Inputs:
    clips = reader(method, n, first, short=short)
    return clips.inputs(clips.fold.train, "fit")


def targets(n: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(n) % N_CLASSES, N_CLASSES).float()


def build(method: Method, seed: int = 0) -> Model:
    """The network with random weights; what no gradient trains is fitted, to say anything."""
    torch.manual_seed(seed)
    model = method.build(N_CLASSES)
    if not isinstance(model, Network):
        model = method.fit(reader(method, 9), FitContext(seed)).model
    return model.eval()


def network(method: Method) -> Network:
    torch.manual_seed(0)
    model = method.build(N_CLASSES)
    if not isinstance(model, Network) or not method.trains:
        pytest.skip("solved in one step or used as it is, not trained by gradients")
    return model.eval()


# the registry


def test_every_registered_method_is_tried_and_every_entry_is_one() -> None:
    assert {method_of(entry) for entry in entries(METHODS)} == set(METHODS)
    assert entries([*METHODS, "of-another-package"]) == [*entries(METHODS), "of-another-package"]
    assert set(FIXED_LENGTH) <= set(METHODS)


def test_the_card_says_what_it_is(method: Method, entry: str) -> None:
    assert method.name == method_of(entry)
    assert len(method.title) > 10
    assert method.citation
    assert isinstance(method.training, TrainConfig)
    assert all(isinstance(mark, str) for mark in method.marks())
    if method.recipe is not None:
        made = arrays(method.recipe, 0)
        assert set(made) == {method.recipe.makes}
        assert np.std(made[method.recipe.makes]) > 0.5, "the other tests would try nothing"


def test_default_settings_exist(entry: str) -> None:
    method = METHODS[method_of(entry)]()
    assert make_method(method_of(entry)) == method
    assert method.recipe == method.default_recipe()
    assert method.training == method.default_training()


def test_settings_survive_plain_values_and_yaml(method: Method, tmp_path: Path) -> None:
    plain = method.settings()
    assert set(plain) == {"model", "training", "recipe"}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    for values in (plain, read_yaml(path), json.loads(json.dumps(plain))):
        assert make_method(method.name, **values) == method


def test_a_setting_of_the_user_goes_before_the_defaults(method: Method) -> None:
    settings = method.settings()
    epochs = method.training.epochs + 1
    changed = make_method(method.name, settings["model"], {"epochs": epochs})
    assert changed.training == replace(method.training, epochs=epochs, steps=0)
    assert changed.recipe == method.recipe
    if method.recipe is not None:
        changed = make_method(method.name, settings["model"], {}, {"min_found_share": 0.123})
        assert changed.recipe == replace(method.recipe, min_found_share=0.123)
        assert changed.training == method.training


def test_recipe_key_is_stable_and_follows_the_settings(method: Method) -> None:
    if method.recipe is None:
        pytest.skip("reads nothing of a clip")
    again = make_method(method.name, **method.settings()).recipe
    assert again is not None
    assert again.key() == method.recipe.key()
    changed = replace(method.recipe, min_found_share=0.123)
    assert changed.key() != method.recipe.key()


# the model


def test_forward_gives_logits_and_features(method: Method) -> None:
    output = build(method)(batch(method, 3))
    assert output.logits.shape == (3, N_CLASSES)
    assert output.features.shape[0] == 3
    assert torch.isfinite(output.logits).all()


def unreached(model: Network, loss: torch.Tensor) -> list[str]:
    """Trainable parameters without a gradient of this loss; others must have none."""
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert not [
        n for n, p in model.named_parameters() if not p.requires_grad and p.grad is not None
    ]
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    return [n for n, p in trainable.items() if p.grad is None or not p.grad.abs().sum()]


def ready_network(method: Method) -> Network:
    """In training mode, and every parameter has its part in the output."""
    model = network(method).train()
    for name, parameter in model.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # zero at first, which blocks lora_A
    return model


def test_backward_reaches_every_trainable_parameter(method: Method) -> None:
    model = ready_network(method)
    assert not unreached(model, model.loss(model(batch(method, 6)), targets(6), None))


def test_action_units_are_trained_for_where_classes_are(method: Method) -> None:
    model, units = ready_network(method), Units((1, 4, 12))
    assert method.names_units(units.numbers)
    shown = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1]]).repeat(2, 1)
    output = model(batch(method, 6))
    assert not unreached(model, units.loss(model, output, shown, torch.tensor([2.0, 1.0, 0.5])))
    found = method.unit_probabilities(model.eval(), batch(method, 2), units.numbers)
    assert found.shape == (2, 3)
    assert ((found > 0) & (found < 1)).all()


def test_class_weights_and_soft_targets_are_accepted(method: Method) -> None:
    model = network(method)
    output = model(batch(method, 4))
    mixed = 0.7 * targets(4) + 0.3 * targets(4).flip(0)
    weights = torch.tensor([1.0, 2.0, 0.5])
    assert torch.isfinite(model.loss(output, mixed, weights))
    assert model.unlabelled_loss(output).ndim == 0


def test_saved_and_loaded_model_gives_equal_output(method: Method, tmp_path: Path) -> None:
    model = build(method, seed=5)
    inputs = batch(method, 3)
    with torch.no_grad():
        before = model(inputs).logits
    save_model(tmp_path / "model", method, model, ("a", "b", "c"), {})
    found = sorted(p.name for p in (tmp_path / "model").iterdir())
    assert found == ["config.json", "model.safetensors"]
    loaded = load_model(tmp_path / "model")
    assert loaded.classes == ("a", "b", "c")
    assert loaded.method == method
    with torch.no_grad():
        after = loaded.model(inputs).logits
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_a_clip_does_not_depend_on_its_neighbours_in_the_batch(method: Method) -> None:
    model = build(method)
    with torch.no_grad():
        together = model(batch(method, 3)).logits
        alone = torch.cat([model(batch(method, 1, first=i)).logits for i in range(3)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(method: Method) -> None:
    """A short clip beside a long one gets the logits it gets with its padding alone."""
    if method.name in FIXED_LENGTH:
        pytest.skip(FIXED_LENGTH[method.name])
    recipe = method.recipe
    if recipe is None or len(arrays(recipe, 0)[recipe.makes].shape) < 2:
        pytest.skip("reads no sequence")
    long = len(recipe.pick(clip(0), np.arange(FILM_FRAMES)))
    if len(arrays(recipe, 0)[recipe.makes]) != long or long == 1:
        pytest.skip("reads no sequence")
    model, short = build(method), long - 1
    inputs = dict(batch(method, 2, short=1))
    assert inputs["mask"].sum(1).tolist() == [short, long]
    noisy = inputs | {recipe.makes: inputs[recipe.makes].clone()}
    noisy[recipe.makes][0, short:] = 77
    with torch.no_grad():
        clean, dirty = model(inputs).logits, model(noisy).logits
        alone = model(batch(method, 1, short=1)).logits
    torch.testing.assert_close(dirty, clean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(clean[:1], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore:no bfloat16")
def test_bfloat16_on_the_cpu(method: Method) -> None:
    model, inputs = build(method), batch(method, 3)
    if not trains_in_half(model, "cpu", torch.bfloat16):
        pytest.skip("this CPU has no bfloat16 LSTM; training falls back to float32")
    with torch.no_grad():
        exact = model(inputs).logits.softmax(-1)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(inputs).logits.float().softmax(-1)
    assert torch.isfinite(rough).all()
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.1)


# in a training loop of somebody else


def random_inputs(method: Method, n: int) -> dict[str, torch.Tensor]:
    """What the method says that its network reads, of random numbers."""
    drawn = {}
    letters = {"B": n, "T": FILM_FRAMES}
    for wanted in method.inputs():
        shape = [letters.get(size, size) for size in wanted.shape]
        if wanted.dtype == "uint8":
            drawn[wanted.name] = torch.randint(256, shape, dtype=torch.uint8)
        elif wanted.dtype == "float32":
            drawn[wanted.name] = torch.randn(shape)
        else:
            assert wanted.dtype == "bool"
            drawn[wanted.name] = torch.ones(shape, dtype=torch.bool)
    return drawn


def test_what_it_reads_is_what_its_recipe_makes(method: Method) -> None:
    made, told = batch(method, 2), {wanted.name: wanted for wanted in method.inputs()}
    assert set(made) <= set(told)
    assert {name for name, wanted in told.items() if not wanted.optional} <= set(made)
    for name, tensor in made.items():
        assert str(tensor.dtype) == f"torch.{told[name].dtype}"
        sizes = zip(tensor.shape, told[name].shape, strict=True)
        assert all(wanted in ("B", "T", size) for size, wanted in sizes)
        assert len(told[name].meaning) > 20


def test_a_loop_of_somebody_else_lowers_the_loss(method: Method) -> None:
    model = network(method).train()
    inputs, labels = random_inputs(method, 6), torch.arange(6) % N_CLASSES
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        loss = model.loss(model(inputs), labels, None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:2])
    again = method.build(N_CLASSES)
    again.load_state_dict(model.state_dict())
    with torch.no_grad():
        found, wanted = again.eval()(inputs).logits, model.eval()(inputs).logits
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_indices_and_soft_targets_are_one_loss(method: Method) -> None:
    model, labels = network(method), torch.arange(6) % N_CLASSES
    output = model(random_inputs(method, 6))
    found, wanted = (model.loss(output, given, None) for given in (labels, targets(6)))
    torch.testing.assert_close(found, wanted)


def test_the_network_goes_to_another_device_as_a_whole(method: Method) -> None:
    model, inputs = network(method).to("meta"), random_inputs(method, 2)
    inputs.pop("mask", None)  # what is padding is looked at, which no tensor without numbers allows
    output = model({name: tensor.to("meta") for name, tensor in inputs.items()})
    assert output.logits.device.type == "meta"


def test_inputs_that_cannot_be_are_refused_with_what_is_read(method: Method) -> None:
    model, inputs = build(method), random_inputs(method, 2)
    for given in ({}, {"other": torch.zeros(2)}, *inputs.values()):
        with pytest.raises(ConfigError, match=f"tensors by name: {method.inputs()[0].name}"):
            model(given)


# what the method does with batches


def test_mirror_is_an_involution_that_keeps_the_form(method: Method) -> None:
    inputs = batch(method, 2)
    once = method.mirrored(inputs)
    if once is None:
        pytest.skip("has no mirror")
    twice = method.mirrored(once)
    assert twice is not None
    assert set(once) == set(inputs)
    assert not all(torch.equal(once[name], inputs[name]) for name in inputs)
    for name in inputs:
        assert once[name].shape == inputs[name].shape
        torch.testing.assert_close(twice[name], inputs[name])


def test_augmentation_keeps_the_form_and_the_label_mass(method: Method) -> None:
    inputs, wanted = batch(method, 4), targets(4)
    outputs = [method.augmented(inputs, wanted, torch.Generator().manual_seed(3)) for _ in "ab"]
    (changed, labels), (again, _) = outputs
    for name in inputs:
        assert changed[name].shape[2:] == inputs[name].shape[2:]  # a lead-in may add frames
        assert len(changed[name]) == len(inputs[name])
        assert changed[name].dtype == inputs[name].dtype
        torch.testing.assert_close(changed[name], again[name])
    torch.testing.assert_close(labels.sum(1), torch.ones(4))


def test_annotation_comes_for_test_clips_only_under_a_mark(method: Method) -> None:
    """A method that reads annotation and is not marked works without it on a test clip."""
    found = method.annotation(clip(0))
    assert all(isinstance(name, str) for name in found)
    if not found or "oracle-au" in method.marks():
        pytest.skip("reads no annotation, or is marked to")
    model, inputs = build(method), batch(method, 2)
    bare = {name: tensor for name, tensor in inputs.items() if name not in found}
    with torch.no_grad():
        torch.testing.assert_close(model(bare).logits, model(inputs).logits, rtol=0, atol=0)


def test_cached_tokens_equal_frames(method: Method) -> None:
    model = build(method)
    if model.frozen_key() is None:
        pytest.skip("nothing is frozen")
    inputs = batch(method, 2)
    with torch.no_grad():
        tokens = model.frozen(inputs)
        assert "tokens" in tokens
        assert "rgb" not in tokens
        assert tokens["tokens"].dtype == torch.float16
        torch.testing.assert_close(model(tokens).logits, model(inputs).logits, rtol=2e-2, atol=5e-3)


# training


def test_training_is_deterministic_given_the_seed_and_reads_what_the_fold_allows(
    method: Method,
) -> None:
    settings = replace(method.training, epochs=2, steps=0, batch_size=2, warmup_epochs=0)
    method = replace(method, training=settings)

    def train(seed: int) -> tuple[np.ndarray, Model]:
        clips = reader(method, 6, n_val=2)
        fitted = method.fit(clips, FitContext(seed))
        served = fitted.summary.served
        assert set(served.get("fit", ())) == set(clips.fold.train if method.trains else ())
        assert set(served.get("select", ())) <= set(clips.fold.val)
        assert set(served) <= {"fit", "normalise", "select"}
        epochs = settings.epochs if method.trains else 0
        assert len(fitted.summary.history) == epochs or not isinstance(fitted.model, Network)
        ids = (*clips.fold.train, *clips.fold.val)
        return predict(method, fitted.model, clips, ids, "select"), fitted.model

    (first, model), (second, again), (other, _) = train(1), train(1), train(2)
    np.testing.assert_array_equal(first, second)
    states = model.state_dict(), again.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)
    if isinstance(model, Network) and method.trains:
        assert not np.array_equal(first, other)


#: a bias of keys moves no softmax: its gradient is rounding, which Adam scales up
NO_GRADIENT = ("key.bias", "k_proj.bias")


def test_trainings_at_once_are_what_each_is_by_itself(method: Method, entry: str) -> None:
    if type(method).fit is not Method.fit or not method.trains:
        pytest.skip("not trained by gradient steps")
    settings = replace(method.training, epochs=3, steps=0, batch_size=3, warmup_epochs=1)
    settings = replace(settings, patience=2, gradient_clip=1.0, learning_rate=2e-4)
    method = replace(method, training=settings)

    def folds() -> list[tuple[ClipReader, FitContext]]:
        """Of other clips, numbers of clips, and seeds."""
        clips = [reader(method, 8 + i, first=i, n_val=2) for i in range(3)]
        return [(r, FitContext(seed=5 + i)) for i, r in enumerate(clips)]

    begun = [begin(method, clips, context) for clips, context in folds()]
    together = train_together(begun)
    alone = [method.fit(clips, context) for clips, context in folds()]
    for one, other in zip(alone, together, strict=True):
        assert one.summary.chosen_epoch == other.summary.chosen_epoch
        assert {u: set(c) for u, c in one.summary.served.items()} == {
            u: set(c) for u, c in other.summary.served.items()
        }
        mine = dict(one.model.named_parameters())
        for name, parameter in other.model.named_parameters():
            if not name.endswith(NO_GRADIENT):
                torch.testing.assert_close(parameter, mine[name], rtol=1e-5, atol=1e-5)
