"""The linear probe: a frozen encoder and one linear layer, nothing else trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from merkit.config import from_mapping
from merkit.errors import ConfigError
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.linear_probe import LinearProbe, LinearProbeNetwork
from merkit.samples.recipes import RgbRecipe


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small DINOv2 with random weights, as transformers saves it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("dinov2")
    geometry = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28)).save_pretrained(folder)
    return folder


def probe(weights: Path, **changes: object) -> LinearProbeNetwork:
    values = {"encoder": {"path": str(weights), "image_size_px": 28}, "frames": 2} | changes
    torch.manual_seed(1)
    return LinearProbeNetwork(from_mapping(LinearProbe, values), 3).eval()


def test_only_the_linear_layer_is_trained(weights: Path) -> None:
    model = probe(weights)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"head.weight", "head.bias"}
    assert model.frozen_key() is not None


def test_logits_are_those_of_transformers_own_forward_pass(weights: Path) -> None:
    model = probe(weights, normalise=False)
    rgb = torch.randint(0, 256, (2, 2, 3, 28, 28), dtype=torch.uint8)
    reference = Dinov2Model.from_pretrained(weights).eval()
    encoder = model.config.encoder
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (encoder.mean, encoder.std))
    with torch.no_grad():
        pixels = (rgb.flatten(0, 1) / 255 - mean) / std
        tokens = reference(pixels).last_hidden_state[:, 0].reshape(2, 2, -1)
        expected = model.head(tokens.mean(1))
        torch.testing.assert_close(model({"rgb": rgb}).logits, expected, rtol=1e-4, atol=1e-4)


def test_cached_tokens_and_padding_give_the_same_logits(weights: Path) -> None:
    model = probe(weights)
    rgb = torch.randint(0, 256, (2, 2, 3, 28, 28), dtype=torch.uint8)
    tokens = model.frozen({"rgb": rgb})["tokens"]
    assert tokens.shape == (2, 2, 24)
    whole = model({"rgb": rgb}).logits
    torch.testing.assert_close(model({"tokens": tokens}).logits, whole, rtol=1e-2, atol=1e-2)
    padded = torch.cat([tokens, torch.randn(2, 3, 24).half()], dim=1)
    mask = torch.arange(5).expand(2, 5) < 2
    masked = model({"tokens": padded, "mask": mask}).logits
    torch.testing.assert_close(masked, model({"tokens": tokens}).logits)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (EncoderConfig(name="tiny"), "no pretrained weights"),
        (EncoderConfig(tune="lora"), "trains its linear layer alone"),
        (EncoderConfig(tune="full"), "trains its linear layer alone"),
        (EncoderConfig(output="tokens"), "patch_mean"),
    ],
)
def test_encoders_that_make_no_probe_are_refused(encoder: EncoderConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LinearProbe(encoder=encoder)


def test_recipe_follows_the_encoder() -> None:
    difference = LinearProbe(encoder=EncoderConfig(input="difference", image_size_px=112)).recipe
    assert isinstance(difference, RgbRecipe)
    assert difference.align.policy == "onset"
    assert difference.align.size_px == 112
    assert LinearProbe().recipe.align.policy == "per_frame"
