"""The loop on action units: loss, weights, epochs, probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from memory_samples import memory_reader
from merkit.methods import METHODS, make_method
from merkit.methods.majority import Majority
from merkit.methods.ststnet import Ststnet
from merkit.samples.batch import Inputs
from merkit.samples.prepare import SampleSet
from merkit.training.config import TrainConfig, unit_weights
from merkit.training.loop import FitContext, oversampled, predict
from merkit.training.network import Network, Output
from merkit.training.reader import ClipReader
from merkit.training.targets import Units
from merkit.types import Fold

UNITS = Units((1, 12))
#: 0/1 of both units: the upper half of the map is bright with AU1, the lower with AU12
LABELS = {f"c{i}": (i % 2, i // 2 % 2) for i in range(16)}
IDS = tuple(LABELS)


def picture(shown: tuple[int, int], seed: int) -> np.ndarray:
    image = np.random.default_rng(seed).integers(100, 120, (3, 28, 28)).astype(np.uint8)
    image[:, :14] += np.uint8(120 * shown[0])
    image[:, 14:] += np.uint8(120 * shown[1])
    return image


def reader(fold: Fold, **more: Any) -> ClipReader:
    arrays = {n: {"flow_map": picture(shown, i)} for i, (n, shown) in enumerate(LABELS.items())}
    return memory_reader(fold, LABELS, "flow_map", arrays, n_classes=2, targets=UNITS, **more)


def test_a_network_learns_two_units_that_come_together_or_apart() -> None:
    method = make_method("ststnet", {}, {"epochs": 60, "learning_rate": 3e-3, "batch_size": 8})
    fold = Fold("f", IDS[:12], IDS[12:], ())
    clips = reader(fold)
    fitted = method.fit(clips, FitContext())
    probabilities = predict(method, fitted.model, clips, IDS, "select")
    assert probabilities.shape == (16, 2)
    assert (UNITS.called(probabilities) == [LABELS[i] for i in IDS]).all()
    with torch.no_grad():
        logits = fitted.model(clips.inputs(IDS, "select")).logits
    np.testing.assert_allclose(probabilities, torch.sigmoid(logits).numpy(), atol=1e-6)
    chosen = fitted.summary.history[fitted.summary.chosen_epoch - 1]
    assert chosen.val_uf1 == 1.0
    wanted = binary_cross_entropy_with_logits(
        logits[12:], torch.tensor([LABELS[i] for i in IDS[12:]]).float()
    )
    assert chosen.val_loss == pytest.approx(float(wanted), rel=1e-4)


class Parts(Network):
    """A network whose distance from classes must not be used, and what it adds must."""

    def forward(self, inputs: Inputs) -> Output:
        raise NotImplementedError

    def loss(self, output: Output, targets: torch.Tensor, weights: Any) -> torch.Tensor:
        raise AssertionError("the loss of classes")

    def extra_losses(self, output: Output) -> tuple[torch.Tensor, ...]:
        return output.features.sum(), output.features.sum()


def test_the_loss_is_binary_cross_entropy_and_what_the_network_adds() -> None:
    logits, targets = torch.tensor([[2.0, -1.0], [0.0, 0.5]]), torch.tensor([[1.0, 0], [0, 1]])
    weights = torch.tensor([3.0, 0.5])
    p = torch.sigmoid(logits)
    by_hand = -(weights * targets * p.log() + (1 - targets) * (1 - p).log()).mean()
    loss = UNITS.loss(Parts(None, 2), Output(logits, torch.tensor([0.25])), targets, weights)
    torch.testing.assert_close(loss, by_hand + 2 * 0.25)


def test_weights_of_units_come_from_the_training_clips() -> None:
    shown = np.array([[1, 0, 1]] * 2 + [[0, 0, 1]] * 6)
    assert unit_weights(shown, TrainConfig()) is None
    inverse = unit_weights(shown, TrainConfig(class_weights="inverse"))
    assert inverse is not None
    assert inverse.tolist() == [3.0, 1.0, 1.0], "six without against two with; nobody; everybody"
    settings = TrainConfig(class_weights="effective", class_weight_beta=0.9)
    effective = unit_weights(shown, settings)
    assert effective is not None
    assert effective.tolist() == pytest.approx([(1 - 0.9**6) / (1 - 0.9**2), 1, 1])


def test_clips_of_the_rarest_unit_are_repeated() -> None:
    """Eight clips with unit one, two of which show unit two as well, and one with none."""
    shown = np.array([[1, 1]] * 2 + [[1, 0]] * 6 + [[0, 0]])
    counts = np.bincount(oversampled(shown, 3))
    assert counts.tolist() == [3, 3] + [1] * 7


def test_a_validation_side_without_any_unit_scores_nothing() -> None:
    loss, score = UNITS.score(np.full((2, 2), 0.25), np.zeros((2, 2), np.int64))
    assert score == 0.0
    assert loss == pytest.approx(-np.log(0.75))


def test_the_threshold_decides_what_is_called() -> None:
    probabilities = np.array([[0.5, 0.29], [0.3, 0.9]])
    calls = Units((1, 12), threshold=0.3).calls(probabilities)
    assert {name: list(column) for name, column in calls.items()} == {
        "y_pred_AU1": [1, 1],
        "y_pred_AU12": [0, 1],
    }


def test_majority_gives_the_share_of_each_unit() -> None:
    method = Majority()
    labels = {"a": (1, 0, 1), "b": (1, 0, 0), "c": (1, 0, 0), "d": (1, 0, 0)}
    fold = Fold("f", tuple(labels), (), ())
    units = Units((1, 2, 4))
    samples = SampleSet(None, dict.fromkeys(labels, ""), {})
    clips = ClipReader(fold, labels, samples, {}, 3, targets=units)
    model = method.fit(clips, FitContext()).model
    shares = method.unit_probabilities(model, {"nothing": torch.zeros(2, 0)}, units.numbers)
    np.testing.assert_allclose(shares, [[1, 0, 0.25]] * 2, atol=1e-6)


def test_which_methods_name_units() -> None:
    """Those of gradient steps, ``majority``, and one that answers by itself."""
    named = {name for name in METHODS if METHODS[name]().names_units((1, 12))}
    assert {"ststnet", "majority", "sfa-dgat", "stag", "evodyn", "hlora-mer"} <= named
    assert not named & {"hoof", "lbp-top"}

    class Solved(Ststnet):
        def fit(self, *args: Any) -> Any:
            raise NotImplementedError

    class Answers(Solved):
        def unit_probabilities(self, *args: Any) -> np.ndarray:
            return np.zeros((1, 2))

    assert not Solved().names_units((1, 12))
    assert Answers().names_units((1, 12))


def test_mirrored_clips_have_their_part_in_the_probabilities() -> None:
    method = make_method("ststnet")
    model = method.build(2).eval()
    image = torch.from_numpy(picture((1, 0), 0))[None]
    image[..., :14] = 0
    plain = method.unit_probabilities(model, {"flow_map": image}, (1, 12))
    twin = method.mirrored({"flow_map": image})
    assert twin is not None
    other = method.unit_probabilities(model, twin, (1, 12))
    both = replace(method, training=replace(method.training, mirror_at_test=True))
    found = both.unit_probabilities(model, {"flow_map": image}, (1, 12))
    np.testing.assert_allclose(found, (plain + other) / 2, rtol=1e-5)
    assert not np.allclose(plain, other)
