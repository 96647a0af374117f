"""sim-flow: as it is, tuned, and from scratch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from memory_samples import memory_reader
from merkit.errors import ConfigError, MissingWeightsError
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import make_method
from merkit.methods.bundled import BUNDLED, CLASSES, UNITS, read_recogniser, save_bundled
from merkit.methods.limits import Limits
from merkit.methods.sim_flow import SimFlow
from merkit.samples.batch import Inputs
from merkit.training.loop import FitContext, predict
from merkit.training.reader import ClipReader
from merkit.training.targets import Units
from merkit.types import Fold
from placeholder_recogniser import sim_flow_folder

IDS = tuple(f"c{i}" for i in range(9))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sim_flow_folder(tmp_path_factory.mktemp("recogniser") / "mine")


def maps(n: int = len(IDS)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, 28, 28), dtype=np.uint8)


def reader(**uses: tuple[str, ...]) -> ClipReader:
    arrays = {i: {"flow_map": m} for i, m in zip(IDS, maps(), strict=True)}
    labels = {i: n % 3 for n, i in enumerate(IDS)}
    return memory_reader(Fold("f", IDS, (), ()), labels, "flow_map", arrays, **uses)  # type: ignore[arg-type]


def batch(n: int = len(IDS)) -> Inputs:
    return {"flow_map": torch.from_numpy(maps(n))}


def said(folder: Path) -> np.ndarray:
    """Probabilities of the recogniser itself."""
    with torch.no_grad():
        logits = read_recogniser(folder).network()(batch()).logits
    return np.asarray(logits.softmax(-1))


def test_as_it_is_nothing_is_read_and_nothing_trained(folder: Path) -> None:
    method = SimFlow(weights=folder).for_classes(CLASSES)
    clips = reader()
    fitted = method.fit(clips, FitContext(1))
    assert clips.served == {}
    assert (fitted.summary.history, fitted.summary.parameters_trainable) == ((), 0)
    assert fitted.summary.parameters_total > 1000
    tests = reader(uses=("predict",))
    np.testing.assert_allclose(predict(method, fitted.model, tests, IDS), said(folder), rtol=1e-5)


def test_as_it_is_it_names_the_action_units_that_it_sees(folder: Path) -> None:
    method = SimFlow(weights=folder)
    assert method.names_units((12, 4))
    assert not method.names_units((12, 24))
    asked = method.for_classes(("AU12", "AU4"))
    fitted = asked.fit(reader(), FitContext(1))
    found = asked.unit_probabilities(fitted.model, batch(), (12, 4))
    sides = method.unit_sides(fitted.model, batch())
    np.testing.assert_array_equal(found, sides.max(-1)[:, [UNITS.index(12), UNITS.index(4)]])
    with pytest.raises(ConfigError, match="tells negative, positive, surprise apart"):
        method.for_classes(("AU12", "AU24"))


@pytest.mark.parametrize("start", ["as-it-is", "tuned"])
def test_classes_are_matched_by_name(folder: Path, start: str) -> None:
    order = ("surprise", "negative", "positive")
    method = SimFlow(weights=folder, start=start).for_classes(order)  # type: ignore[arg-type]
    model = method.build(3).eval()
    columns = [CLASSES.index(name) for name in order]
    found = method.probabilities(model, batch())
    np.testing.assert_allclose(found, said(folder)[:, columns], rtol=1e-5)


def test_other_classes_are_refused_unless_it_is_trained(folder: Path) -> None:
    four = (*CLASSES, "others")
    with pytest.raises(ConfigError, match="tells negative, positive, surprise apart") as caught:
        SimFlow(weights=folder).for_classes(four)
    assert "--classes" in str(caught.value)
    for init in ("sim-flow", "random"):
        method = SimFlow(weights=folder).started(init).for_classes(four)
        assert method.build(4)(batch()).logits.shape == (9, 4)
    with pytest.raises(ConfigError, match="2 classes"):
        SimFlow(weights=folder, start="tuned").build(2)


def test_tuning_begins_at_the_recogniser_and_leaves_it(folder: Path) -> None:
    method = SimFlow(weights=folder).started("sim-flow").for_classes(CLASSES)
    begun = method.build(3).eval()
    np.testing.assert_allclose(method.probabilities(begun, batch()), said(folder), rtol=1e-5)
    model = method.fit(reader(), FitContext(1)).model
    before = begun.state_dict()
    moved = {n for n, tensor in model.state_dict().items() if not torch.equal(tensor, before[n])}
    assert moved == {"add.weight", "add.bias", "log_scale"}, "the recogniser stays as it is"
    labels = np.arange(len(IDS)) % 3
    begin, after = (method.probabilities(m, batch()) for m in (begun, model))
    rows = np.arange(len(IDS))
    assert np.log(after[rows, labels]).mean() > np.log(begin[rows, labels]).mean()


def test_a_tuned_model_is_whole_but_for_the_form_of_its_recogniser(
    folder: Path, tmp_path: Path
) -> None:
    """Other weights in the place of those that it began with change nothing of it."""
    place = sim_flow_folder(tmp_path / "place")
    method = SimFlow(weights=place, start="tuned").for_classes(CLASSES)
    model = method.fit(reader(), FitContext(1)).model
    save_model(tmp_path / "model", method, model, CLASSES, {})
    shutil.rmtree(place)
    sim_flow_folder(place, seed=7)
    loaded = load_model(tmp_path / "model")
    found = [m(batch()) for m in (model, loaded.model)]
    torch.testing.assert_close(found[1].logits, found[0].logits, rtol=0, atol=0)
    torch.testing.assert_close(found[1].aux["units"], found[0].aux["units"], rtol=0, atol=0)


def test_a_random_start_is_the_network_without_the_weights(folder: Path) -> None:
    random = make_method("sim-flow", {"weights": str(folder)}, init="random")
    assert random == SimFlow(start="random")
    assert (random.marks(), random.hashes()) == ((), {})
    known = read_recogniser(folder).network().state_dict()
    mine = random.build(3).state_dict()
    assert {n: p.shape for n, p in mine.items()} == {n: p.shape for n, p in known.items()}
    assert not torch.equal(mine["class_head.weight"], known["class_head.weight"])


def test_a_folder_names_the_start_as_well(folder: Path, tmp_path: Path) -> None:
    other = sim_flow_folder(tmp_path / "other", seed=9)
    method = make_method("sim-flow", {"weights": str(folder)}, init=str(other))
    assert isinstance(method, SimFlow)
    assert (method.start, method.weights) == ("tuned", other)
    assert method.hashes() == {"recogniser": read_recogniser(other).sha256}
    assert method.hashes() != SimFlow(weights=folder).hashes()


def test_marks_say_where_the_weights_come_from(folder: Path) -> None:
    assert SimFlow().marks() == ("bundled-weights",)
    assert SimFlow(weights=folder).marks() == ("given-weights",)
    assert SimFlow(weights=folder, start="tuned").marks() == ("init-given",)


def test_the_recipe_is_that_of_the_recogniser(folder: Path) -> None:
    assert SimFlow(weights=folder).recipe == read_recogniser(folder).recipe
    recipe = SimFlow(start="random").recipe
    assert recipe is not None
    assert recipe.flow.crop == "tight"  # type: ignore[attr-defined]


def test_without_its_file_it_says_so_when_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED, "sim-flow", tmp_path / "nowhere")  # type: ignore[arg-type]
    method = SimFlow()
    with pytest.raises(MissingWeightsError, match="'sim-flow' is not made"):
        method.for_classes(CLASSES)
    with pytest.raises(MissingWeightsError, match="'sim-flow' is not made"):
        method.build(3)
    SimFlow(start="random").build(3)


def test_units_are_probabilities_of_either_side_and_change_sides_in_a_mirror(folder: Path) -> None:
    method = SimFlow(weights=folder).for_classes(CLASSES)
    model = method.build(3).eval()
    sides = method.unit_sides(model, batch())
    assert sides.shape == (9, 12, 2)
    logits = model(batch()).aux["units"]
    np.testing.assert_allclose(sides, torch.sigmoid(logits), rtol=1e-5)
    np.testing.assert_array_equal(
        method.units(model, batch()), np.maximum(sides[..., 0], sides[..., 1])
    )
    both = replace(method, training=replace(method.training, mirror_at_test=True))
    mean = both.unit_sides(model, batch())
    twin = both.unit_sides(model, both.mirrored(batch()))
    np.testing.assert_allclose(twin, mean[..., ::-1], rtol=1e-4, atol=1e-6)
    with pytest.raises(ConfigError, match="random start"):
        SimFlow(start="random").units(model, batch())


def test_action_units_are_called_at_the_thresholds_of_its_making(tmp_path: Path) -> None:
    """As it is, those of its folder, in the order asked for; what is trained here has 0.5."""
    network, limits = SimFlow(start="random"), Limits(unit_min=tuple(u / 100 for u in UNITS))
    save_bundled(tmp_path / "own", network, network.scratch(3), {}, "card", limits=limits)
    asked = SimFlow(weights=tmp_path / "own")
    assert asked.unit_thresholds((12, 4)) == (0.12, 0.04)
    assert asked.started("sim-flow").unit_thresholds((12, 4)) == (0.5, 0.5)
    calls = Units((12, 4), asked.unit_thresholds((12, 4))).called(np.array([[0.1, 0.1]]))
    assert calls.tolist() == [[0, 1]]
