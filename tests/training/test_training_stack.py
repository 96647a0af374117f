"""Many trainings at once against torch's optimiser, against each by itself, and what refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from memory_samples import memory_reader
from merkit.methods.base import Method
from merkit.methods.dgat import DgatConfig
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.evodyn import Evodyn
from merkit.methods.linear_probe import LinearProbe
from merkit.methods.sfa import SfaConfig
from merkit.methods.sfa_dgat import FusionConfig, SfaDgat
from merkit.methods.ststnet import Ststnet, StstnetNetwork
from merkit.training.config import TrainConfig, make_optimiser
from merkit.training.device import trains_in_half
from merkit.training.loop import FitContext, Training, begin, predict
from merkit.training.reader import ClipReader
from merkit.training.stack import Unstackable, train_together
from merkit.training.stacked_adam import StackedAdam
from merkit.training.stacked_network import StackedNetwork
from merkit.training.unrolled import Unrolled
from merkit.types import Fold

IDS = tuple(f"c{i:02d}" for i in range(30))
LABELS = {clip: i % 3 for i, clip in enumerate(IDS)}


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_adam_on_many_is_torchs_on_each(kind: str, clip: float) -> None:
    """Also where only some take a step, and their learning rates differ."""
    settings = TrainConfig(
        optimiser=kind,
        learning_rate=0.01,
        weight_decay=0.3,
        gradient_clip=clip,  # type: ignore[arg-type]
    )
    torch.manual_seed(0)
    each = [torch.nn.Linear(3, 2) for _ in range(3)]
    named = [dict(layer.named_parameters()) for layer in each]
    stacked = {n: torch.stack([p[n].detach().clone() for p in named]) for n in named[0]}
    many = StackedAdam(stacked, settings)
    optimisers = [make_optimiser(layer, settings) for layer in each]
    for rows in ([0, 1, 2], [0, 2], [1], [0, 1, 2], [2, 0]):
        grads = {n: torch.randn(len(rows), *p.shape) for n, p in named[0].items()}
        rates = torch.rand(len(rows)) / 10
        many.step(rows, grads, dict.fromkeys(grads, rates))
        for place, row in enumerate(rows):
            for name, parameter in each[row].named_parameters():
                parameter.grad = grads[name][place].clone()
            if clip:
                torch.nn.utils.clip_grad_norm_(each[row].parameters(), clip)
            optimisers[row].param_groups[0]["lr"] = float(rates[place])
            optimisers[row].step()
    for row, layer in enumerate(each):
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(many.parameters[name][row], parameter.detach())


def maps() -> dict[str, dict[str, np.ndarray]]:
    """Of the classes, with flat places, where several maxima are equal."""
    random = np.random.default_rng(0)
    made = {}
    for clip in IDS:
        image = random.integers(0, 256, (3, 28, 28), dtype=np.uint8)
        image[:, 8:20, 4 + 6 * LABELS[clip] : 12 + 6 * LABELS[clip]] = 128
        made[clip] = {"flow_map": image}
    return made


def readers(n: int, makes: str, arrays: Mapping[str, Any]) -> Iterator[ClipReader]:
    """Folds with other numbers of training clips."""
    for i in range(n):
        test, val = IDS[3 * i : 3 * i + 3], IDS[20:24]
        train = tuple(c for c in IDS if c not in (*test, *val))[i:]
        yield memory_reader(Fold(f"f{i}", train, val, test, ()), LABELS, makes, arrays)


def begun(method: Method, clips: Iterator[ClipReader]) -> list[Training]:
    return [begin(method, one, FitContext(seed=i)) for i, one in enumerate(clips)]


def negative(trainings: list[Training]) -> list[Training]:
    """Some of the normalisations turned upside down."""
    for training in trainings:
        model = training.model
        assert isinstance(model, StstnetNetwork)
        with torch.no_grad():
            model.bn2.weight[1] = -0.7
            model.bn3.weight[::2] *= -1
    return trainings


@pytest.mark.parametrize("turned", [False, True])
def test_ststnet_of_its_own_way_is_the_one_that_vmap_follows(turned: bool) -> None:
    # the last batches have other sizes: 23 clips and fewer by sevens
    method = Ststnet(training=TrainConfig(batch_size=7, epochs=3, patience=0, learning_rate=5e-5))
    made = [begun(method, readers(4, "flow_map", maps())) for _ in range(2)]
    if turned:
        made = [negative(trainings) for trainings in made]
    own = train_together(made[0])
    plain = train_together(made[1], StackedNetwork)
    for one, other in zip(own, plain, strict=True):
        other_state = other.model.state_dict()
        for name, tensor in one.model.state_dict().items():
            torch.testing.assert_close(tensor, other_state[name], rtol=1e-5, atol=1e-5)
        losses = [[e.train_loss for e in fitted.summary.history] for fitted in (one, other)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_one_that_stops_leaves_the_others_to_go_on() -> None:
    settings = TrainConfig(batch_size=7, epochs=12, patience=2, learning_rate=3e-4)
    method = Ststnet(training=settings)
    together = train_together(begun(method, readers(4, "flow_map", maps())))
    alone = [
        method.fit(clips, FitContext(seed=i))
        for i, clips in enumerate(readers(4, "flow_map", maps()))
    ]
    epochs = [len(fitted.summary.history) for fitted in alone]
    assert len(set(epochs)) > 1, "they must stop at different times"
    assert [len(fitted.summary.history) for fitted in together] == epochs
    for one, other, clips in zip(alone, together, readers(4, "flow_map", maps()), strict=True):
        ids = (*clips.fold.train, *clips.fold.val)
        said = [predict(method, f.model, clips, ids, "select") for f in (one, other)]
        np.testing.assert_allclose(said[0], said[1], atol=1e-4)


def test_a_model_that_left_its_stack_has_tensors_of_its_own() -> None:
    method = Ststnet(training=TrainConfig(batch_size=7, epochs=1, patience=0))
    fitted = train_together(begun(method, readers(3, "flow_map", maps())))
    for one in fitted:
        for tensor in one.model.state_dict().values():
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_a_linear_probe_on_tokens(tmp_path: Path) -> None:
    """What is frozen is there once, and what it trains is small."""
    geometry = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(tmp_path)
    random = np.random.default_rng(1)
    arrays = {
        clip: {"tokens": (random.standard_normal((4, 32)) + LABELS[clip]).astype(np.float16)}
        for clip in IDS
    }
    method = LinearProbe(
        encoder=EncoderConfig(path=str(tmp_path), image_size_px=28),
        training=TrainConfig(batch_size=5, epochs=3, learning_rate=1e-2, augment=False),
    )
    together = train_together(begun(method, readers(3, "tokens", arrays)))
    frozen = {fitted.model.encoder.backbone.layernorm.weight.data_ptr() for fitted in together}  # type: ignore[union-attr]
    assert len(frozen) == 1
    for i, clips in enumerate(readers(3, "tokens", arrays)):
        alone = method.fit(clips, FitContext(seed=i))
        head, other = alone.model.head.weight, together[i].model.head.weight  # type: ignore[union-attr]
        torch.testing.assert_close(other, head)
        history = [f.summary.history[-1].val_loss for f in (alone, together[i])]
        assert history[0] == pytest.approx(history[1])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_an_unrolled_lstm_is_torchs(layers: int, both_ways: bool, bias: bool) -> None:
    torch.manual_seed(0)
    network = torch.nn.LSTM(3, 4, layers, bias, batch_first=bias, bidirectional=both_ways)
    x = torch.randn(5, 2, 3)
    torchs, states = network(x)
    with Unrolled():
        ours, ours_states = network(x)
    torch.testing.assert_close(ours, torchs)
    torch.testing.assert_close(ours_states, states)


def test_an_lstm_that_draws_dropout_is_left_to_torch() -> None:
    network = torch.nn.LSTM(3, 4, 2, dropout=0.5)
    said = []
    for mode in (nullcontext(), Unrolled()):
        torch.manual_seed(0)
        with mode:
            said.append(network(torch.ones(5, 2, 3))[0])
    assert torch.equal(*said)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("shorter", [(), IDS[5:9]], ids=["equal", "some shorter"])
def test_a_tuned_encoder_with_an_lstm(tmp_path: Path, shorter: tuple[str, ...], bf16: bool) -> None:
    """Clips of different length in a batch, whose lengths the network looks at, go one by one."""
    geometry = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(tmp_path)
    random = np.random.default_rng(1)
    lengths = {clip: 2 if clip in shorter else 3 for clip in IDS}
    arrays = {
        clip: {"tokens": (random.standard_normal((n, 5, 16)) + LABELS[clip]).astype(np.float16)}
        for clip, n in lengths.items()
    }
    method = SfaDgat(
        encoder=EncoderConfig(path=str(tmp_path), image_size_px=28, lora_rank=2),
        sfa=SfaConfig(width=8, channels=2),
        dgat=DgatConfig(width=8, lstm_hidden=4),
        fusion=FusionConfig(width=8),
        training=TrainConfig(batch_size=5, epochs=2, augment=False, patience=0),
    )
    half = bf16 and trains_in_half(method.build(3), "cpu", torch.bfloat16)
    begun_in = [
        begin(method, clips, FitContext(seed=i, bf16=half))
        for i, clips in enumerate(readers(3, "tokens", arrays))
    ]
    together = train_together(begun_in)
    for i, clips in enumerate(readers(3, "tokens", arrays)):
        alone = method.fit(clips, FitContext(seed=i, bf16=half)).model.state_dict()
        for name, tensor in together[i].model.state_dict().items():
            if not name.endswith(("key.bias", "k_proj.bias")):  # no gradient but rounding
                near = 2e-3 if half else 1e-5  # a step of Adam is 1e-4 at most
                torch.testing.assert_close(tensor, alone[name], rtol=near, atol=near)


def test_what_cannot_go_at_once_says_so() -> None:
    arrays = maps()
    first, second = begun(Ststnet(), readers(2, "flow_map", arrays))
    unlabelled = replace(first.clips.fold, unlabelled=IDS[:2])
    first.clips.fold = unlabelled
    with pytest.raises(Unstackable, match="unlabelled"):
        train_together([first, second])
    method = Evodyn(roi_tokens=True)
    flow = {clip: {"flow": np.ones((6, 18, 2), np.float32)} for clip in IDS}
    first, second = begun(method, readers(2, "flow", flow))
    next(iter(first.model.parameters())).requires_grad_(False)
    with pytest.raises(Unstackable, match="frozen"):
        train_together([first, second])
