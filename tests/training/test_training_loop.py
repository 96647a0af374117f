"""The loop on models whose every step is known: epoch choice, schedules, averages, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memory_samples import memory_reader
from merkit.errors import ConfigError
from merkit.methods.base import Method
from merkit.samples.batch import Inputs
from merkit.training import loop
from merkit.training.config import TrainConfig, make_optimiser, make_schedule
from merkit.training.loop import FitContext, FitSummary, oversampled, predict
from merkit.training.network import Model, Network, Output
from merkit.training.reader import ClipReader
from merkit.types import Fold

LABELS = (0, 1, 2, 0, 1, 2)
IDS = tuple(f"c{i}" for i in range(6))


@dataclass(frozen=True, kw_only=True)
class Scripted(Method):
    """``right``: how many of six validation clips are predicted right after each epoch.
    ``sure``: the logit behind every prediction of that epoch."""

    name: ClassVar[str] = "scripted"
    title: ClassVar[str] = "Predicts by a script"
    citation: ClassVar[str] = "nobody"

    right: tuple[int, ...] = (6,)
    sure: tuple[float, ...] = ()

    def build(self, n_classes: int) -> ScriptedNetwork:
        return ScriptedNetwork(self, n_classes)

    def default_training(self) -> TrainConfig:
        return TrainConfig()

    def default_recipe(self) -> None:
        return None


class ScriptedNetwork(Network):
    """Predicts by a script; ``weight`` moves by the learning rate at every step."""

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.weight = nn.Parameter(torch.zeros(()))
        self.still = nn.Parameter(torch.zeros(3), requires_grad=False)
        self.register_buffer("epochs", torch.zeros((), dtype=torch.long))
        self.seen: list[tuple[int, int]] = []
        self.unlabelled = 0

    def forward(self, inputs: Inputs) -> Output:
        number = inputs["x"].long()
        if self.training:
            self.epochs += 1
            self.seen.append((int(self.epochs), len(number)))
            logits = torch.zeros(len(number), self.n_classes) + self.weight
            return Output(logits, number.float())
        epoch = min(int(self.epochs), len(self.config.right)) - 1
        sure = self.config.sure[epoch] if self.config.sure else 5.0
        label = number % self.n_classes
        wrong = (label + 1) % self.n_classes
        chosen = torch.where(number < self.config.right[epoch], label, wrong)
        one_hot = nn.functional.one_hot(chosen, self.n_classes)
        return Output(sure * one_hot.float() + 0 * self.weight, number.float())

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        return self.weight - self.weight.detach() + 1.0  # gradient 1, value 1

    def unlabelled_loss(self, output: Output) -> Tensor:
        self.unlabelled += len(output.logits)
        return self.weight * 0 + 0.25


def reader(fold: Fold, labels: Sequence[int] = LABELS, **uses: Any) -> ClipReader:
    arrays = {c: {"x": np.array(i)} for i, c in enumerate(IDS)}
    return memory_reader(fold, dict(zip(IDS, labels, strict=True)), "x", arrays, **uses)


def fit(method: Method, clips: ClipReader, observer: Any = None) -> tuple[Any, FitSummary]:
    fitted = method.fit(clips, FitContext(), observer)
    return fitted.model, fitted.summary


def run(
    method: Method,
    settings: TrainConfig,
    val: bool = True,
    unlabelled: tuple[str, ...] = (),
    observer: Any = None,
) -> tuple[ScriptedNetwork, FitSummary]:
    fold = Fold("f", IDS, IDS if val else (), (), unlabelled)
    model, summary = fit(replace(method, training=settings), reader(fold), observer)
    assert isinstance(model, ScriptedNetwork)
    return model, summary


BASE = TrainConfig(batch_size=6, epochs=8, patience=3, augment=False)


def test_the_best_validation_epoch_is_kept_and_training_stops_after_patience() -> None:
    model, summary = run(Scripted(right=(1, 4, 3, 6, 2, 5, 1, 1)), BASE)
    assert summary.chosen_epoch == 4
    assert len(summary.history) == 7  # three epochs without a better one
    assert int(model.epochs) == 4  # the state itself is that of the epoch
    assert [round(e.val_uf1, 3) for e in summary.history][3] == 1.0
    assert summary.served == {"fit": IDS, "select": IDS}


def test_equal_scores_go_to_the_surer_epoch_and_then_to_the_earlier() -> None:
    method = Scripted(right=(3, 3, 3, 3), sure=(5.0, 2.0, 2.0, 5.0))
    _, summary = run(method, replace(BASE, epochs=4, patience=0))
    # half are wrong, so the less sure epoch has the lower loss; the first of two equal ones wins
    assert summary.chosen_epoch == 2


def test_the_loss_can_choose_the_epoch() -> None:
    method = Scripted(right=(4, 5, 5), sure=(1.0, 9.0, 9.0))  # better UF1, but surely wrong
    by_uf1 = run(method, replace(BASE, epochs=3))[1].chosen_epoch
    by_loss = run(method, replace(BASE, epochs=3, monitor="loss"))[1].chosen_epoch
    assert (by_uf1, by_loss) == (2, 1)


def test_without_patience_every_epoch_runs_and_the_best_is_kept() -> None:
    _, summary = run(Scripted(right=(6, 1, 1, 1, 1, 1, 1, 1)), replace(BASE, patience=0))
    assert len(summary.history) == 8
    assert summary.chosen_epoch == 1


@pytest.mark.parametrize("val", [True, False])
def test_the_last_epoch_is_kept_where_nothing_chooses(val: bool) -> None:
    settings = replace(BASE, epochs=3, selection="last" if val else "best_val")
    model, summary = run(Scripted(right=(6, 1, 1)), settings, val=val)
    assert summary.chosen_epoch == len(summary.history) == 3
    assert int(model.epochs) == 3
    assert (summary.history[0].val_uf1 is None) == (not val)


def test_the_observer_sees_every_epoch_and_changes_nothing() -> None:
    seen: list[tuple[int, float]] = []

    method = Scripted(right=(1, 4, 3, 6, 2, 5, 1, 1))
    tests = reader(Fold("f", (), (), IDS), uses=("predict",))

    def observer(epoch: int, model: Model) -> None:
        right = (predict(method, model, tests, IDS).argmax(1) == np.array(LABELS)).mean()
        seen.append((epoch, round(float(right) * 6)))

    watched, summary = run(method, BASE, observer=observer)
    alone, without = run(method, BASE)
    assert seen == [(1, 1), (2, 4), (3, 3), (4, 6), (5, 2), (6, 5), (7, 1)]
    assert [e.val_uf1 for e in summary.history] == [e.val_uf1 for e in without.history]
    assert torch.equal(watched.weight, alone.weight)
    assert summary.served == without.served == {"fit": IDS, "select": IDS}


def test_unlabelled_clips_add_their_loss_and_are_recorded() -> None:
    model, summary = run(Scripted(), replace(BASE, epochs=2), unlabelled=("c5",))
    assert model.unlabelled == 2 * 6
    assert summary.history[0].train_loss == pytest.approx(1.25)
    assert summary.served == {"fit": IDS, "select": IDS, "adapt": ("c5",)}
    silent, plain = run(Scripted(), replace(BASE, epochs=2))
    assert silent.unlabelled == 0
    assert plain.history[0].train_loss == pytest.approx(1.0)
    assert "adapt" not in plain.served


def test_a_last_batch_of_one_clip_is_left_out() -> None:
    model, _ = run(Scripted(right=(1,)), replace(BASE, epochs=1, batch_size=5))
    assert model.seen == [(1, 5)]


def test_no_training_clips_is_an_error() -> None:
    with pytest.raises(ConfigError, match="empty"):
        fit(Scripted(training=BASE), reader(Fold("empty", (), IDS, ())))


# learning rates


def rates(settings: TrainConfig, epochs: int) -> list[float]:
    optimiser = make_optimiser(Scripted().build(3), settings)
    schedule = make_schedule(optimiser, settings)
    found = []
    for _ in range(epochs):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_warm_up_rises_in_equal_steps_to_the_full_rate() -> None:
    settings = TrainConfig(learning_rate=0.8, warmup_epochs=4)
    assert rates(settings, 6) == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_cosine_falls_from_the_full_rate_after_warm_up() -> None:
    settings = TrainConfig(learning_rate=2.0, warmup_epochs=2, schedule="cosine", epochs=6)
    half = 2**-0.5
    expected = [1.0, 2.0, 2.0, 1 + half, 1.0, 1 - half]
    assert rates(settings, 6) == pytest.approx(expected)


def test_exponential_is_a_power_of_gamma() -> None:
    settings = TrainConfig(learning_rate=1.0, schedule="exponential", gamma=0.5, warmup_epochs=1)
    assert rates(settings, 5) == pytest.approx([1.0, 1.0, 0.5, 0.25, 0.125])


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_optimiser_takes_the_trainable_parameters_alone(name: str) -> None:
    settings = TrainConfig(optimiser=name, learning_rate=0.1, weight_decay=0.5)  # type: ignore[arg-type]
    model = Scripted().build(3)
    optimiser = make_optimiser(model, settings)
    assert optimiser.param_groups[0]["params"] == [model.weight]
    with torch.no_grad():
        model.weight.fill_(1.0)
    model.weight.grad = torch.zeros(())
    optimiser.step()
    # without a gradient Adam's decay is part of it, so a full step; AdamW shrinks the weight
    expected = 0.9 if name == "adam" else 1 - 0.1 * 0.5
    assert model.weight.item() == pytest.approx(expected, abs=1e-4)


def test_weights_are_averaged_over_the_last_epochs() -> None:
    """Adam with a constant gradient of 1 moves by the learning rate at every step."""
    settings = TrainConfig(
        learning_rate=1.0,
        swa_learning_rate=0.5,
        swa_start=0.5,
        epochs=6,
        batch_size=6,
        patience=0,
        selection="last",
        augment=False,
    )
    model, summary = run(Scripted(right=(1,)), settings)
    # epochs 1-3 and 4 at rate 1 (the rate changes when averaging begins), then 5, 6 at 0.5
    after = {4: -4.0, 5: -4.5, 6: -5.0}
    assert model.weight.item() == pytest.approx(np.mean(list(after.values())), abs=1e-3)
    assert summary.chosen_epoch == 6


class Normed(ScriptedNetwork):
    """With a batch norm behind a moving scale."""

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.norm = nn.BatchNorm1d(1)

    def forward(self, inputs: Inputs) -> Output:
        scaled = inputs["x"].float()[:, None] * self.weight
        self.norm(scaled)
        return super().forward(inputs)


def test_statistics_of_batch_norm_are_those_of_the_averaged_weights() -> None:
    settings = replace(BASE, learning_rate=1.0, swa_start=0.5, epochs=6, batch_size=4, patience=0)
    settings = replace(settings, selection="last")
    model, _ = run(method_with(Normed, settings), settings)
    assert isinstance(model, Normed)
    numbers = torch.arange(6.0)  # the training clips; 3 and 3 of them in a batch
    weight = model.weight.item()
    assert model.norm.running_mean.item() == pytest.approx(weight * numbers.mean().item(), rel=1e-4)
    assert model.norm.momentum == 0.1
    variance = weight**2  # of three consecutive numbers
    assert model.norm.running_var.item() == pytest.approx(variance, rel=1e-4)


class Drawing(Normed):
    """Draws a number a batch, as dropout does."""

    def forward(self, inputs: Inputs) -> Output:
        if self.training:
            torch.rand(())
        return super().forward(inputs)


def test_statistics_of_batch_norm_use_up_no_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(BASE, swa_start=0.5, epochs=4, batch_size=4, patience=0)

    def state() -> Tensor:
        run(method_with(Drawing, settings), settings)
        return torch.get_rng_state()

    with_statistics = state()
    monkeypatch.setattr(loop, "update_bn", lambda *_: None)
    assert torch.equal(state(), with_statistics)


@pytest.mark.parametrize(
    ("changes", "right", "told", "epochs"),
    [
        ({"patience": 2}, (6, 1), "never reached", 3),
        ({"patience": 0}, (6, 1), "after the best epoch", 8),
        ({"patience": 0, "selection": "last"}, (6, 1), "averaged", 8),
        ({"patience": 0}, (1, 1, 1, 1, 1, 1, 6), "averaged", 8),
        ({"patience": 2, "swa_start": 0.0}, (6, 1), "", 3),
    ],
)
def test_what_became_of_averaging_is_told(
    changes: dict[str, Any], right: tuple[int, ...], told: str, epochs: int
) -> None:
    settings = replace(BASE, **{"swa_start": 0.75, **changes})
    _, summary = run(Scripted(right=right), settings)
    assert (summary.averaging, len(summary.history)) == (told, epochs)


def method_with(network: type[ScriptedNetwork], settings: TrainConfig) -> Method:
    """The scripted method with another network."""

    @dataclass(frozen=True, kw_only=True)
    class Changed(Scripted):
        def build(self, n_classes: int) -> ScriptedNetwork:
            return network(self, n_classes)

    return Changed(right=(1,), training=settings)


def test_gradients_are_clipped() -> None:
    class Steep(ScriptedNetwork):
        def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
            return 1000 * self.weight

    settings = replace(BASE, epochs=1, gradient_clip=0.25, learning_rate=1e-3)
    model, _ = fit(method_with(Steep, settings), reader(Fold("f", IDS, (), ())))
    assert model.weight.grad.item() == pytest.approx(0.25, rel=1e-4)


# what is fitted on labels


def test_class_weights_are_inverse_and_average_to_one() -> None:
    received: list[Tensor | None] = []

    class Watching(ScriptedNetwork):
        def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
            received.append(class_weights)
            return super().loss(output, targets, class_weights)

    for kind in ("inverse", "none"):
        settings = replace(BASE, epochs=1, class_weights=kind)  # type: ignore[arg-type]
        labels = (0, 0, 0, 0, 2, 2)  # four, none, two
        clips = reader(Fold("f", IDS, (), ()), labels)
        _, summary = fit(method_with(Watching, settings), clips)
        assert summary.served == {"fit": IDS}
    assert received[0] is not None
    torch.testing.assert_close(received[0], torch.tensor([2 / 3, 0.0, 4 / 3]))
    assert received[1] is None


def test_rarer_classes_are_repeated_up_to_the_limit() -> None:
    labels = np.array([0] * 6 + [1] * 2 + [2])
    for most, expected in ((1, [6, 2, 1]), (3, [6, 6, 3]), (10, [6, 6, 6])):
        positions = oversampled(np.eye(labels.max() + 1, dtype=int)[labels], most)
        counts = np.bincount(labels[positions])
        assert counts.tolist() == expected
        assert set(positions) == set(range(9))  # nothing is dropped


def test_oversampled_clips_reach_the_batches() -> None:
    method = Scripted(right=(1,), training=replace(BASE, epochs=1, oversample=4, batch_size=3))
    model, _ = fit(method, reader(Fold("f", IDS, (), ()), (0, 0, 0, 0, 0, 1)))
    assert sum(n for _, n in model.seen) == 5 + 4


def test_trainable_state_leaves_frozen_parameters_out_and_keeps_buffers() -> None:
    model = Scripted().build(3)
    assert set(model.trainable_state()) == {"weight", "epochs"}


def test_mirror_at_test_averages_two_predictions() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mirrored(Scripted):
        def mirrored(self, inputs: Inputs) -> Inputs:
            return {"x": (inputs["x"] + 1) % 3}

    method = Mirrored(right=(6,), sure=(3.0,), training=BASE)
    model, clips = method.build(3).train(), reader(Fold("f", IDS, (), IDS), uses=("predict",))
    model.epochs += 1
    once = predict(method, model, clips, IDS[:3])
    with_mirror = replace(method, training=replace(BASE, mirror_at_test=True))
    both = predict(with_mirror, model, clips, IDS[:3])
    np.testing.assert_allclose(both, (once + once[[1, 2, 0]]) / 2, rtol=1e-6)
    assert predict(method, model, clips, ()).shape == (0, 3)
    assert model.training  # the mode is left as it was
    plain = Scripted(right=(6,), sure=(3.0,), training=with_mirror.training)
    np.testing.assert_array_equal(predict(plain, model, clips, IDS[:3]), once)  # has no mirror


BAD = {
    "learning_rate": 0.0,
    "swa_learning_rate": -1.0,
    "weight_decay": -0.1,
    "batch_size": 1,
    "epochs": 0,
    "patience": -1,
    "warmup_epochs": -1,
    "gamma": 1.5,
    "gradient_clip": -1.0,
    "oversample": 0,
    "class_weight_beta": 1.0,
    "views": -1,
    "swa_start": 1.0,
}


@pytest.mark.parametrize("name", BAD)
def test_impossible_settings_are_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"training\.{name} is"):
        TrainConfig(**{name: BAD[name]})  # type: ignore[arg-type]


@pytest.mark.parametrize(("steps", "sizes"), [(5, [4, 2, 4, 2, 4]), (2, [4, 2]), (1, [4])])
def test_steps_decide_how_long_to_train(steps: int, sizes: list[int]) -> None:
    settings = replace(BASE, batch_size=4, patience=0, steps=steps, selection="last")
    model, summary = run(Scripted(), settings)
    assert [size for _, size in model.seen] == sizes
    assert len(summary.history) == (steps + 1) // 2


def test_a_network_is_told_which_epoch_begins() -> None:
    told: list[int] = []

    class Told(ScriptedNetwork):
        def start_epoch(self, epoch: int) -> None:
            told.append(epoch)

    run(method_with(Told, BASE), replace(BASE, epochs=3))
    assert told == [1, 2, 3]
