"""The whole network: options, ablations, losses, cached tokens, padding, saving."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import Dinov2Config, Dinov2Model

from merkit.errors import ConfigError
from merkit.methods.dgat import DgatConfig
from merkit.methods.encoder.config import EncoderConfig, TinyConfig
from merkit.methods.losses import koleo
from merkit.methods.sfa import SfaConfig
from merkit.methods.sfa_dgat import FusionConfig, SfaDgat, SfaDgatNetwork
from merkit.samples.augment import AugmentConfig
from published_encoder import random_weights

TINY = SfaDgat(
    encoder=EncoderConfig(
        name="tiny",
        image_size_px=32,
        input="difference",
        tiny=TinyConfig(width=16, blocks=2, heads=2, patches=4),
    ),
    sfa=SfaConfig(width=10, channels=2),
    dgat=DgatConfig(width=10, lstm_hidden=6),
    fusion=FusionConfig(width=8),
)


def _rgb(n: int = 3, t: int = 5, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (n, t, 3, size, size), dtype=torch.uint8, generator=generator)


def _targets(n: int = 3) -> torch.Tensor:
    return F.one_hot(torch.arange(n) % 3, 3).float()


ABLATIONS = {
    "all": {},
    "no-lstm": {"dgat": replace(TINY.dgat, use_lstm=False)},
    "sfa": {"use_dgat": False},
    "dgat": {"use_sfa": False},
    "base": {"use_sfa": False, "use_dgat": False},
    "patch-grid": {"sfa": replace(TINY.sfa, fft_axes="patch-grid")},
    "patch-grid-mean": {
        "sfa": replace(TINY.sfa, fft_axes="patch-grid"),
        "encoder": replace(TINY.encoder, output="cls_mean"),
    },
    "conv1d": {"fusion": replace(TINY.fusion, form="conv1d")},
    "cls_mean": {"encoder": replace(TINY.encoder, output="cls_mean")},
    "dropout": {"dropout": 0.5},
}


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_learn_and_ignore_padding(name: str) -> None:
    torch.manual_seed(0)
    model = SfaDgatNetwork(replace(TINY, **ABLATIONS[name]), 3).eval()
    rgb = _rgb()
    output = model({"rgb": rgb})
    assert output.logits.shape == (3, 3)
    assert output.features.shape == (3, model.classifier.in_features)
    model.loss(output, _targets(), None).backward()
    unused = {n for n, p in model.named_parameters() if p.grad is None}
    expected = {"dgat.graph.attention.modulation"} if name == "dgat" else set()
    assert unused == expected

    mask = torch.tensor([[1] * 5, [1] * 3 + [0] * 2, [1] + [0] * 4]).bool()
    padded = torch.where(mask[:, :, None, None, None], rgb, torch.full_like(rgb, 77))
    with torch.no_grad():
        found = model({"rgb": padded, "mask": mask}).logits
        for i, length in enumerate(mask.sum(1).tolist()):
            alone = model({"rgb": rgb[i : i + 1, :length]}).logits
            torch.testing.assert_close(alone[0], found[i], atol=1e-5, rtol=1e-4)


def test_what_figures_read() -> None:
    aux = SfaDgatNetwork(TINY, 3)({"rgb": _rgb()}).aux
    assert {n: tuple(t.shape) for n, t in aux.items()} == {
        "f_s": (3, 10),
        "f_t": (3, 10),
        "frequency_weight": (3, 5),
        "expert_gate": (3, 2, 4),
        "attention": (3, 4, 5, 5),
        "gate": (3, 4),
    }
    for name in ("attention", "gate", "expert_gate"):
        torch.testing.assert_close(aux[name].sum(-1), torch.ones(aux[name].shape[:-1]))


def test_loss_is_the_sum_of_its_parts() -> None:
    model = SfaDgatNetwork(TINY, 3)
    output = model({"rgb": _rgb()})
    weights = torch.tensor([1.0, 2.0, 0.5])
    entropy = F.cross_entropy(output.logits, torch.arange(3), weight=weights)
    spread = koleo(output.features)
    apart = (output.aux["f_s"] - output.aux["f_t"]).square().sum(1).mean()
    torch.testing.assert_close(
        model.loss(output, _targets(), weights), entropy + 0.5 * spread + 0.1 * apart
    )
    torch.testing.assert_close(model.unlabelled_loss(output), 0.1 * apart)
    model.config = replace(TINY, lambda_koleo=0.1, lambda_consistency=0.5)
    torch.testing.assert_close(
        model.loss(output, _targets(), None),
        F.cross_entropy(output.logits, torch.arange(3)) + 0.1 * spread + 0.5 * apart,
    )


def test_base_of_the_ablation_is_a_linear_probe() -> None:
    model = SfaDgatNetwork(replace(TINY, use_sfa=False, use_dgat=False), 3)
    output = model({"rgb": _rgb()})
    torch.testing.assert_close(output.features, model.encode({"rgb": _rgb()}).mean(1))
    torch.testing.assert_close(
        model.loss(output, _targets(), None), F.cross_entropy(output.logits, torch.arange(3))
    )
    assert model.unlabelled_loss(output).item() == 0


@pytest.fixture
def pretrained(tmp_path: Path) -> SfaDgat:
    """A stand-in for published weights: random, but saved and loaded as they are."""
    torch.manual_seed(5)
    geometry = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2}
    Dinov2Model(
        Dinov2Config(image_size=42, patch_size=14, initializer_range=0.2, **geometry)
    ).save_pretrained(tmp_path)
    encoder = EncoderConfig(path=str(tmp_path), image_size_px=42, lora_rank=2)
    return replace(TINY, encoder=encoder)


@pytest.mark.parametrize("tune", ["lora", "frozen"])
def test_cached_tokens_give_the_same_logits(pretrained: SfaDgat, tune: str) -> None:
    config = replace(pretrained, encoder=replace(pretrained.encoder, tune=tune))
    model = SfaDgatNetwork(config, 3).eval()
    inputs = {"rgb": _rgb(size=42), "mask": torch.ones(3, 5, dtype=torch.bool)}
    cached = model.frozen(inputs)
    assert set(cached) == {"tokens", "mask"}
    assert cached["tokens"].dtype == torch.float16
    torch.testing.assert_close(model(cached).logits, model(inputs).logits, atol=5e-3, rtol=5e-3)
    assert model.frozen_key() == SfaDgatNetwork(config, 3).frozen_key()


def test_nothing_frozen_is_said_and_changes_nothing() -> None:
    model = SfaDgatNetwork(TINY, 3)
    inputs = {"rgb": _rgb()}
    assert model.frozen_key() is None
    assert model.frozen(inputs) is inputs


def test_trainable_totals_of_the_published_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/methods/sfa-dgat.md: about 1.9 M with ViT-S and 4.2 M with ViT-B at the defaults."""
    for name, wanted in (("dinov2-small", 1.9e6), ("dinov2-base", 4.2e6)):
        with torch.device("meta"), random_weights():
            model = SfaDgatNetwork(SfaDgat(encoder=EncoderConfig(name=name)), 5)
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        total = sum(p.numel() for p in model.parameters())
        print(f"{name}: {trainable:,} of {total:,} weights are trained")
        assert trainable == pytest.approx(wanted, rel=0.02)
    assert "of 23," in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_low_precision_forward(dtype: torch.dtype) -> None:
    model = SfaDgatNetwork(TINY, 3).eval()
    exact = model({"rgb": _rgb()}).logits
    rough = copy.deepcopy(model).to(dtype)({"rgb": _rgb()}).logits
    assert rough.dtype == dtype
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)


def test_one_clip_trains_with_finite_gradients() -> None:
    model = SfaDgatNetwork(TINY, 3)
    output = model({"rgb": _rgb(1)})
    model.loss(output, _targets(1), None).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_few_steps_fit_a_motion() -> None:
    """A bright square moves left, right or not at all over noise: three classes.

    Clips of a class move alike to the pixel, so KoLeo, which wants them apart, is left out.
    """
    torch.manual_seed(0)
    rgb = torch.randint(80, 120, (12, 1, 3, 32, 32), dtype=torch.uint8).repeat(1, 5, 1, 1, 1)
    for clip in range(12):
        for frame in range(5):
            x = 12 + (clip % 3 - 1) * 2 * frame
            rgb[clip, frame, :, 12:20, x : x + 8] = 220
    model = SfaDgatNetwork(replace(TINY, lambda_koleo=0.0), 3)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        output = model({"rgb": rgb})
        loss = model.loss(output, _targets(12), None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (output.logits.argmax(1) == torch.arange(12) % 3).all()


def test_recipe_and_training_follow_the_encoder() -> None:
    tiny = SfaDgat(encoder=EncoderConfig(name="tiny"))
    assert tiny.recipe.align.policy == "onset"
    assert tiny.recipe.align.size_px == 112
    assert SfaDgat().recipe.align.policy == "per_frame"
    assert SfaDgat().recipe.align.size_px == 224
    assert SfaDgat(align="onset").recipe.align.policy == "onset"
    floor = SfaDgat(frames=16, sampling="floor").recipe
    assert (floor.frames, floor.sampling) == (16, "floor")
    assert SfaDgat().recipe.key() != tiny.recipe.key()
    paper = SfaDgat().training
    assert (paper.optimiser, paper.learning_rate, paper.batch_size) == ("adam", 1e-4, 16)
    assert (paper.epochs, paper.patience) == (50, 10)
    assert tiny.training.optimiser == "adamw"


def test_augmentation_moves_all_frames_of_a_clip_alike() -> None:
    still = _rgb(4, 1).expand(-1, 5, -1, -1, -1).contiguous()
    mask = torch.ones(4, 5, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    given = {"rgb": still, "mask": mask}
    inputs, targets = TINY.augmented(given, _targets(4), generator)
    assert inputs["rgb"].dtype == torch.uint8
    assert torch.equal(inputs["rgb"], inputs["rgb"][:, :1].expand_as(still))
    assert not torch.equal(inputs["rgb"], still)
    assert inputs["mask"] is mask
    assert torch.equal(targets, _targets(4))
    once = TINY.mirrored({"rgb": still})
    assert torch.equal(once["rgb"], still.flip(-1))
    assert torch.equal(TINY.mirrored(once)["rgb"], still)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="equal widths"):
        replace(TINY, sfa=replace(TINY.sfa, width=11))
    with pytest.raises(ConfigError, match="frames is 0"):
        SfaDgat(frames=0)
    with pytest.raises(ConfigError, match="'tokens'"):
        SfaDgatNetwork(replace(TINY, encoder=replace(TINY.encoder, output="tokens")), 3)


def test_configuration_is_plain_values() -> None:
    values = asdict(SfaDgat())
    assert values["encoder"]["lora_rank"] == 16
    assert values["lambda_koleo"] == 0.5
    assert values["lambda_consistency"] == 0.1
    assert SfaDgat(augment=AugmentConfig(flip=0)).augment.flip == 0


def test_the_gate_of_chen_has_two_layers_and_an_annealed_temperature() -> None:
    """Their code: hidden layer of a quarter, temperature 34 lowered by 3 an epoch down to 1."""
    fusion = replace(TINY.fusion, gate="fc-relu-fc", anneal_from=34.0)
    model = SfaDgatNetwork(replace(TINY, fusion=fusion), 3)
    assert [tuple(p.shape) for p in model.fusion.gate.parameters()] == [(5, 20), (4, 5), (4,)]
    seen, gates = [], []
    for epoch in (1, 2, 12, 40):
        model.start_epoch(epoch)
        seen.append(float(model.fusion.tau))
        with torch.no_grad():
            gates.append(model.eval()({"rgb": _rgb()}).aux["gate"])
    assert seen == [34.0, 31.0, 1.0, 1.0]
    assert gates[0].std() < gates[-1].std() / 20  # nearly even at first
    # a stored epoch comes back with its temperature
    assert model.trainable_state()["fusion.tau"] == 1.0
    plain = SfaDgatNetwork(TINY, 3)
    plain.start_epoch(1)
    assert float(plain.fusion.tau) == TINY.fusion.tau
    assert "fusion.tau" not in plain.state_dict()


@pytest.mark.parametrize("values", [{"reduction": 0}, {"anneal_from": 0.5}, {"anneal_step": 0.0}])
def test_impossible_gates_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        replace(TINY.fusion, **values)
