"""Any network of the right kind begins by saying what a recogniser says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from memory_samples import memory_reader
from merkit.errors import ConfigError
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import METHODS, make_method
from merkit.methods.base import Method
from merkit.methods.bundled import CLASSES, read_recogniser
from merkit.methods.started import Started
from merkit.methods.started_network import GAIN_RATE, StartedNetwork
from merkit.samples.batch import Inputs
from merkit.training.config import make_optimiser
from merkit.training.loop import FitContext
from merkit.training.reader import ClipReader
from merkit.types import Fold
from placeholder_recogniser import RegionRecogniser, region_folder, sim_flow_folder

IDS = tuple(f"c{i}" for i in range(12))
STAG = {"temporal": {"layers": 1, "width": 16, "heads": 2, "feed_forward": 16}, "frames": 6}
EVODYN = {"sequence_length": 6, "width": 16, "depth": 1, "heads": 2, "head_width": 8}
#: methods of each kind of recogniser
METHODS_OF = [
    ("flow_map", "ststnet", {}),
    ("flow", "evodyn", EVODYN),
    ("flow", "stag", STAG),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A recogniser of each kind, the second of a method that only these tests have."""
    root = tmp_path_factory.mktemp("recognisers")
    METHODS.register(RegionRecogniser)
    yield {"flow_map": sim_flow_folder(root / "a"), "flow": region_folder(root / "b")}
    del METHODS._scripts[RegionRecogniser.name]


@pytest.fixture(params=METHODS_OF, ids=lambda p: p[1])
def case(request: pytest.FixtureRequest, folders: dict[str, Path]) -> tuple[Method, str]:
    """A method started from a recogniser, and the array that both read."""
    makes, name, model = request.param
    method = make_method(name, model, {"epochs": 3, "batch_size": 4}, init=str(folders[makes]))
    return method.for_classes(CLASSES), makes


def arrays(makes: str) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    if makes == "flow_map":
        return {i: {makes: random.integers(0, 256, (3, 28, 28), dtype=np.uint8)} for i in IDS}
    return {i: {makes: random.normal(0, 1, (6, 18, 2)).astype(np.float32)} for i in IDS}


def reader(makes: str, n_classes: int = 3) -> ClipReader:
    labels = {i: n % n_classes for n, i in enumerate(IDS)}
    fold = Fold("f", IDS, (), ())
    return memory_reader(fold, labels, makes, arrays(makes), n_classes=n_classes)


def batch(makes: str) -> Inputs:
    return reader(makes).inputs(IDS, "fit")


def started(method: Method, n_classes: int = 3) -> StartedNetwork:
    torch.manual_seed(0)
    model = method.build(n_classes)
    assert isinstance(model, StartedNetwork)
    return model


def said(folder: Path, makes: str) -> torch.Tensor:
    with torch.no_grad():
        return read_recogniser(folder).network()(batch(makes)).logits.softmax(-1)


def of(method: Method) -> Started:
    assert isinstance(method, Started)
    return method


def test_it_begins_at_exactly_what_the_recogniser_says(
    case: tuple[Method, str], folders: dict[str, Path]
) -> None:
    method, makes = case
    model = started(method).train()  # dropout and batch norms of the own network have no say yet
    found = model(batch(makes)).logits.softmax(-1)
    torch.testing.assert_close(found, said(folders[makes], makes), rtol=1e-4, atol=1e-5)


def test_training_moves_both_and_the_own_network_gains_a_say(case: tuple[Method, str]) -> None:
    method, makes = case
    begun, fitted = started(method), method.fit(reader(makes), FitContext(0)).model
    assert isinstance(fitted, StartedNetwork)
    assert fitted.gain is not None
    assert fitted.gain != 0
    for part in ("recogniser.", "own.", "add."):
        there = dict(fitted.named_parameters())
        trained = [n for n, p in there.items() if n.startswith(part) and p.requires_grad]
        moved = [n for n in trained if not torch.equal(there[n], begun.state_dict()[n])]
        assert len(moved) > 0.5 * len(trained) > 0, part


def test_a_recogniser_may_stay_as_it_is(case: tuple[Method, str]) -> None:
    method, makes = case
    method = replace(method, training=replace(method.training, init_rate=0.0))
    begun, fitted = started(method), method.fit(reader(makes), FitContext(0)).model
    state, before = fitted.state_dict(), begun.state_dict()
    kept = [name for name in state if name.startswith("recogniser.")]
    assert kept
    assert all(torch.equal(state[name], before[name]) for name in kept)
    assert not torch.equal(state["add.weight"], before["add.weight"])
    assert not begun.train().recogniser.training


def test_a_recogniser_of_regions_is_used_as_it_is_too(folders: dict[str, Path]) -> None:
    method = RegionRecogniser(weights=folders["flow"]).for_classes(CLASSES)
    clips = reader("flow")
    model = method.fit(clips, FitContext(0)).model
    assert clips.served == {}
    found = method.probabilities(model, batch("flow"))
    torch.testing.assert_close(torch.from_numpy(found), said(folders["flow"], "flow"))
    assert method.units(model, batch("flow")).shape == (12, 12)


def test_each_part_has_its_learning_rate(folders: dict[str, Path]) -> None:
    method = make_method("ststnet", {}, {"init_rate": 0.25}, init=str(folders["flow_map"]))
    model = started(method)
    optimiser = make_optimiser(model, method.training, model.rates())
    names = {id(p): n for n, p in model.named_parameters()}
    found = {
        names[id(p)]: group["lr"] / method.training.learning_rate
        for group in optimiser.param_groups
        for p in group["params"]
    }
    assert found["gain"] == pytest.approx(GAIN_RATE)
    assert found["own.fc.weight"] == found["add.weight"] == found["log_scale"] == 1
    assert {r for n, r in found.items() if n.startswith("recogniser.")} == {0.25}


def test_classes_are_matched_by_name_and_unknown_ones_begin_equal(
    folders: dict[str, Path],
) -> None:
    folder = folders["flow_map"]
    method = make_method("ststnet", init=str(folder))
    order = ("positive", "surprise", "negative")
    found = started(method.for_classes(order))(batch("flow_map")).logits.softmax(-1)
    columns = [CLASSES.index(name) for name in order]
    torch.testing.assert_close(found, said(folder, "flow_map")[:, columns], rtol=1e-4, atol=1e-6)
    five = tuple("abcde")
    training = {"epochs": 3, "batch_size": 4, "learning_rate": 0.01}
    method = make_method("ststnet", {}, training, init=str(folder)).for_classes(five)
    found = started(method, 5)(batch("flow_map")).logits.softmax(-1)
    torch.testing.assert_close(found, torch.full((12, 5), 0.2))
    fitted = method.fit(reader("flow_map", 5), FitContext(0)).model
    assert fitted(batch("flow_map")).logits.softmax(-1).std() > 0.01


def test_the_recipe_is_the_recogniser_s_but_for_how_the_face_is_found(
    folders: dict[str, Path],
) -> None:
    folder = str(folders["flow_map"])
    theirs = read_recogniser(folder).recipe
    recipe = {"track": {"detect_every": 2}, "min_found_share": 0.25}
    found = make_method("ststnet", {}, {}, recipe, init=folder).recipe
    assert found is not None
    assert (found.track.detect_every, found.min_found_share) == (2, 0.25)
    assert replace(found, track=theirs.track, min_found_share=0.5) == theirs
    with pytest.raises(ConfigError, match="settings of the recipe"):
        make_method("ststnet", {}, {}, {"flow": {"estimator": "farneback"}}, init=folder)


def test_what_cannot_start_is_refused_with_what_can(folders: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="'sfa-dgat' reads 'rgb'") as caught:
        make_method("sfa-dgat", init=str(folders["flow_map"]))
    assert "sim-flow, ststnet, or linear-probe" in str(caught.value)
    with pytest.raises(ConfigError, match="'hoof' reads 'flow' of a clip and is fitted in one"):
        make_method("hoof", init=str(folders["flow"]))
    with pytest.raises(ConfigError, match="'majority' reads nothing"):
        make_method("majority", init=str(folders["flow"]))
    with pytest.raises(ConfigError, match="'sim-flow'"):
        make_method("sim-flow", init=str(folders["flow"]))
    with pytest.raises(ConfigError, match="no recogniser 'sim-flaw'"):
        make_method("ststnet", init="sim-flaw")
    assert make_method("ststnet", init="random") == make_method("ststnet")


def test_it_goes_by_the_method_s_name_and_says_where_it_began(case: tuple[Method, str]) -> None:
    method, _ = case
    own = of(method).own
    assert (method.name, method.title, method.citation) == (own.name, own.title, own.citation)
    assert method.marks() == ("init-given", *own.marks())
    assert method.hashes() == {"recogniser": of(method).recogniser.sha256}
    assert method.settings()["init"] == of(method).init
    assert method.settings()["model"] == own.settings()["model"]


def test_a_saved_model_says_the_same_again(case: tuple[Method, str], tmp_path: Path) -> None:
    method, makes = case
    fitted = method.fit(reader(makes), FitContext(0)).model.eval()
    save_model(tmp_path / "model", method, fitted, CLASSES, {})
    loaded = load_model(tmp_path / "model")
    with torch.no_grad():
        before, after = fitted(batch(makes)).logits, loaded.model(batch(makes)).logits
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert loaded.method.recipe == method.recipe


def test_the_norms_of_a_recogniser_keep_their_statistics_while_it_is_tuned(tmp_path: Path) -> None:
    folder = sim_flow_folder(tmp_path / "flow")
    method = make_method("ststnet", init=str(folder))
    network = replace(method, training=replace(method.training, init_rate=0.5)).build(3)
    x = {"flow_map": batch("flow_map")["flow_map"]}
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    wanted = read_recogniser(folder).network()(x).logits
    recogniser = network.train().recogniser
    torch.testing.assert_close(recogniser(x).logits, wanted)
    torch.testing.assert_close(recogniser(x).logits, wanted)  # and nothing moved
    network(x).logits.sum().backward()
    norms = [m for m in recogniser.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all(norm.weight.grad is not None for norm in norms)
    for name, tensor in network.state_dict().items():
        if name.startswith("recogniser."):
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
