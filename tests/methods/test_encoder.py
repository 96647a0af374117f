"""The encoder against transformers' own forward pass and peft's merged weights."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from merkit.errors import ConfigError, MissingWeightsError
from merkit.methods.encoder.config import EncoderConfig, MotionConfig, TinyConfig
from merkit.methods.encoder.network import Encoder
from merkit.methods.encoder.parts import motion_map
from published_encoder import random_weights

SIZE = 42
GEOMETRY = {
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "patch_size": 14,
    "image_size": 70,  # so that position embeddings are interpolated at 42 px
    "layerscale_value": 0.7,
    "initializer_range": 0.3,
}
VARIANTS = ["plain", "registers", "swiglu"]


def _save(variant: str, folder: Path, seed: int = 0) -> EncoderConfig:
    torch.manual_seed(seed)
    if variant == "registers":
        model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**GEOMETRY))
        torch.nn.init.normal_(model.embeddings.register_tokens)
    else:
        model = Dinov2Model(Dinov2Config(use_swiglu_ffn=variant == "swiglu", **GEOMETRY))
    model.save_pretrained(folder)
    name = "dinov2-small-registers" if variant == "registers" else "dinov2-small"
    return EncoderConfig(name=name, path=str(folder), image_size_px=SIZE, lora_rank=4)


@pytest.fixture(params=VARIANTS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> EncoderConfig:
    return _save(request.param, tmp_path / request.param)


@pytest.fixture
def rgb() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, 3, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)


def _reference(config: EncoderConfig, rgb: torch.Tensor) -> torch.Tensor:
    """Final tokens by transformers alone, (B*T,N,D)."""
    family = Dinov2WithRegistersModel if "registers" in config.name else Dinov2Model
    model = family.from_pretrained(config.path).eval()
    pixels = rgb.flatten(0, 1).float() / 255
    pixels = (pixels - torch.tensor(config.mean).view(3, 1, 1)) / torch.tensor(config.std).view(
        3, 1, 1
    )
    with torch.no_grad():
        return model(pixel_values=pixels).last_hidden_state


def _train_adapters(encoder: Encoder) -> None:
    """Give the adapters' B, zero at first, something to add."""
    for name, parameter in encoder.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)


@pytest.mark.parametrize("tune", ["lora", "full", "frozen"])
def test_equals_transformers_forward(saved: EncoderConfig, rgb: torch.Tensor, tune: str) -> None:
    tokens = _reference(saved, rgb)
    patches = tokens[:, 5 if "registers" in saved.name else 1 :]
    wanted = {
        "cls": tokens[:, 0],
        "patch_mean": patches.mean(1),
        "cls_mean": torch.cat((tokens[:, 0], patches.mean(1)), dim=-1),
        "tokens": torch.cat((tokens[:, :1], patches), dim=1),
    }
    for output, value in wanted.items():
        encoder = Encoder(replace(saved, tune=tune, output=output))
        found = encoder(rgb)
        assert found.shape[-1] == encoder.width
        torch.testing.assert_close(found.flatten(0, 1), value, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("output", ["cls", "patch_mean"])
def test_cached_tokens_give_the_full_result(
    saved: EncoderConfig, rgb: torch.Tensor, output: str
) -> None:
    encoder = Encoder(replace(saved, output=output))
    _train_adapters(encoder)
    tokens = encoder.frozen(rgb)
    n_tokens = 1 + 9 + (4 if "registers" in saved.name else 0)
    assert tokens.dtype == torch.float16
    assert tokens.shape == (2, 3, n_tokens, 24)
    # 16 bit keeps 11 bits of the mantissa
    torch.testing.assert_close(encoder(tokens), encoder(rgb), atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize("tune", ["lora", "frozen"])
@pytest.mark.parametrize("kind", ["frame", "difference"])
def test_chunks_change_nothing(tmp_path: Path, rgb: torch.Tensor, tune: str, kind: str) -> None:
    config = replace(_save("plain", tmp_path), tune=tune, input=kind)
    whole = Encoder(config).frozen(rgb)
    for chunk in (1, 2, 4):
        piecewise = Encoder(replace(config, chunk_frames=chunk)).frozen(rgb)
        torch.testing.assert_close(piecewise, whole, atol=5e-3, rtol=5e-3)


def test_lora_equals_peft_and_its_merged_weights(saved: EncoderConfig, rgb: torch.Tensor) -> None:
    encoder = Encoder(replace(saved, lora_alpha=6.0))
    _train_adapters(encoder)
    found = encoder(rgb)

    family = Dinov2WithRegistersModel if "registers" in saved.name else Dinov2Model
    reference = get_peft_model(
        family.from_pretrained(saved.path),
        LoraConfig(
            r=4,
            lora_alpha=6,
            target_modules=["q_proj", "v_proj"],
            layers_to_transform=[2, 3],
            layers_pattern="layer",
        ),
    )
    ours = {n: p for n, p in encoder.backbone.named_parameters() if ".lora_" in n}
    theirs = {n: p for n, p in reference.named_parameters() if ".lora_" in n}
    assert {f"base_model.model.{n}" for n in ours} == set(theirs)
    for name, parameter in ours.items():
        theirs[f"base_model.model.{name}"].data.copy_(parameter.data)
    merged = reference.merge_and_unload().eval()
    merged.save_pretrained(Path(saved.path) / "merged")
    wanted = _reference(replace(saved, path=str(Path(saved.path) / "merged")), rgb)[:, 0]
    torch.testing.assert_close(found.flatten(0, 1), wanted, atol=2e-5, rtol=1e-4)
    plain = _reference(saved, rgb)[:, 0]
    assert (found.flatten(0, 1) - plain).abs().max() > 0.05  # the adapters do something


@pytest.mark.parametrize(
    ("name", "lora", "total"),
    [
        ("dinov2-small", 49_152, 22_056_576),
        ("dinov2-base", 98_304, 86_580_480),
        ("dinov2-giant", 196_608, 1_136_480_768),
    ],
)
def test_parameter_counts_of_the_published_sizes(name: str, lora: int, total: int) -> None:
    with torch.device("meta"), random_weights():
        encoder = Encoder(EncoderConfig(name=name))
    trainable = {n: p.numel() for n, p in encoder.named_parameters() if p.requires_grad}
    assert all(".lora_" in name for name in trainable)
    assert sum(trainable.values()) == lora
    assert sum(p.numel() for p in encoder.parameters()) - lora == total


def test_only_the_chosen_blocks_and_projections_learn(tmp_path: Path, rgb: torch.Tensor) -> None:
    config = replace(_save("plain", tmp_path), lora_blocks=1, lora_targets=("key", "output"))
    encoder = Encoder(config)
    encoder(rgb).square().sum().backward()
    with_gradient = {n for n, p in encoder.named_parameters() if p.grad is not None}
    assert len(with_gradient) == 4
    assert all(".layer.3." in n and ".lora_" in n for n in with_gradient)
    assert {n.split(".attention.")[1].split(".")[0] for n in with_gradient} == {
        "k_proj",
        "o_proj",
    }


def test_full_tuning_reaches_every_weight(tmp_path: Path, rgb: torch.Tensor) -> None:
    encoder = Encoder(replace(_save("plain", tmp_path), tune="full"))
    encoder(rgb).square().sum().backward()
    without = {n for n, p in encoder.named_parameters() if p.grad is None}
    assert without == {"backbone.embeddings.mask_token"}


def test_pixels_get_a_gradient_when_they_ask(tmp_path: Path, rgb: torch.Tensor) -> None:
    encoder = Encoder(_save("plain", tmp_path))
    pixels = rgb.float().requires_grad_()
    encoder(pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.abs().max() > 0
    torch.testing.assert_close(encoder(pixels), encoder(rgb))


def test_frozen_key_follows_weights_and_settings(tmp_path: Path) -> None:
    config = _save("plain", tmp_path / "a")
    key = Encoder(config).frozen_key()
    assert key is not None
    assert Encoder(config).frozen_key() == key
    trained = Encoder(config)
    _train_adapters(trained)
    assert trained.frozen_key() == key  # adapters lie after the split
    for change in (
        {"lora_blocks": 1},
        {"tune": "frozen"},
        {"image_size_px": 56},
        {"std": (1.0, 1.0, 1.0)},
        {"input": "difference"},
        {"precision": "bfloat16"},
    ):
        assert Encoder(replace(config, **change)).frozen_key() != key, change
    other = Encoder(_save("plain", tmp_path / "b", seed=1))
    assert other.frozen_key() != key
    trained.load_state_dict(other.state_dict())
    assert trained.frozen_key() == other.frozen_key()
    assert Encoder(replace(config, tune="full")).frozen_key() is None


def test_low_precision_of_the_frozen_part_stays_near(tmp_path: Path, rgb: torch.Tensor) -> None:
    config = _save("plain", tmp_path)
    exact = Encoder(config).frozen(rgb).float()
    rough = Encoder(replace(config, precision="bfloat16")).frozen(rgb).float()
    assert 0 < (rough - exact).abs().mean() / exact.abs().mean() < 0.02


def test_whole_encoder_in_bfloat16(tmp_path: Path, rgb: torch.Tensor) -> None:
    encoder = Encoder(_save("plain", tmp_path)).to(torch.bfloat16)
    assert encoder(rgb).dtype == torch.bfloat16
    assert encoder(encoder.frozen(rgb)).dtype == torch.bfloat16


def test_difference_ignores_exposure_and_identity() -> None:
    encoder = Encoder(EncoderConfig(name="tiny", image_size_px=28, input="difference"))
    face = torch.randint(0, 128, (1, 1, 3, 28, 28), dtype=torch.uint8)
    still = face.expand(1, 4, 3, 28, 28)
    brighter = torch.cat((still[:, :2], still[:, 2:] * 2), dim=1)
    first = encoder(still)
    torch.testing.assert_close(first, first[:, :1].expand_as(first))
    torch.testing.assert_close(encoder(brighter), first, atol=1e-4, rtol=1e-4)


def test_difference_reads_only_the_frame_before() -> None:
    """A sliding window encodes each frame once: frame t depends on t and t - 1 alone."""
    encoder = Encoder(EncoderConfig(name="tiny", image_size_px=28, input="difference"))
    rgb = torch.randint(0, 256, (1, 5, 3, 28, 28), dtype=torch.uint8)
    whole, late = encoder(rgb), encoder(rgb[:, 2:])
    torch.testing.assert_close(late[:, 1:], whole[:, 3:])
    torch.testing.assert_close(late[:, 0], whole[:, 0])  # a first frame has no difference


def _moved(shift_x: float, shift_y: float, frames: int = 3, size: int = 112) -> torch.Tensor:
    """A smooth texture that moves by the same fraction of a pixel from frame to frame."""
    generator = torch.Generator().manual_seed(2)
    waves = torch.rand(24, 4, generator=generator)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    picture = torch.zeros(frames, size, size)
    for t in range(frames):
        for a, b, phase, _ in waves.tolist():
            place = (a - 0.5) * (x - t * shift_x) + (b - 0.5) * (y - t * shift_y)
            picture[t] += torch.sin(place * 0.8 + 6.3 * phase)
    grey = (127 + 20 * picture).clamp(0, 255)
    return grey.round().to(torch.uint8)[None, :, None].repeat(1, 1, 3, 1, 1)


@pytest.mark.parametrize("shift", [(0.3, 0.0), (0.0, -0.5), (-0.2, 0.1)])
def test_motion_of_a_fraction_of_a_pixel_is_recovered(shift: tuple[float, float]) -> None:
    config = MotionConfig(gain=1.0, regulariser=1e-4)
    flow = motion_map(_moved(*shift), config)
    assert flow.shape == (1, 3, 2, 28, 28)
    assert flow[:, 0].abs().max() == 0
    inner = flow[0, 1:, :, 3:-3, 3:-3]
    for axis, wanted in enumerate(shift):
        assert inner[:, axis].median().item() == pytest.approx(wanted, abs=0.03)


def test_motion_ignores_exposure_and_mirrors() -> None:
    config = MotionConfig()
    rgb = _moved(0.4, 0.2)
    flow = motion_map(rgb, config)
    brighter = rgb.float() * torch.tensor([1.0, 1.3, 0.8]).view(1, 3, 1, 1, 1) + 5
    torch.testing.assert_close(motion_map(brighter, config), flow, atol=0.02, rtol=0.02)
    mirrored = motion_map(rgb.flip(-1), config).flip(-1)
    torch.testing.assert_close(mirrored[:, :, 0], -flow[:, :, 0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(mirrored[:, :, 1], flow[:, :, 1], atol=1e-3, rtol=1e-3)
    still = rgb[:, :1].expand(-1, 4, -1, -1, -1)
    assert motion_map(still, config).abs().max() == 0


def test_measured_motion_is_computed_once() -> None:
    encoder = Encoder(EncoderConfig(name="tiny"))
    rgb = _moved(0.3, 0.1, frames=6)
    cached = encoder.frozen(rgb)
    assert cached.shape == (1, 6, 2, 28, 28)
    torch.testing.assert_close(encoder(cached), encoder(rgb), atol=2e-2, rtol=2e-2)
    late = encoder.frozen(rgb[:, 2:])
    torch.testing.assert_close(late[:, 1:], cached[:, 3:])  # reads the frame before, no other
    piecewise = Encoder(EncoderConfig(name="tiny", chunk_frames=4)).frozen(rgb)
    torch.testing.assert_close(piecewise, cached, atol=1e-2, rtol=1e-2)
    key = encoder.frozen_key()
    assert key is not None
    assert Encoder(EncoderConfig(name="tiny")).frozen_key() == key  # measured, not learnt
    assert Encoder(EncoderConfig(name="tiny", motion=MotionConfig(gain=1))).frozen_key() != key
    assert Encoder(EncoderConfig(name="tiny", input="difference")).frozen_key() is None
    encoder(cached).square().sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_missing_weights_are_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", no_network)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    started = time.perf_counter()
    with pytest.raises(MissingWeightsError, match="hf download facebook/dinov2-with-registers"):
        Encoder(EncoderConfig(name="dinov2-large-registers"))
    assert time.perf_counter() - started < 5


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    config = _save("plain", tmp_path / "plain")
    with pytest.raises(MissingWeightsError, match=r"no config\.json"):
        Encoder(replace(config, path=str(tmp_path / "nowhere")))
    with pytest.raises(ConfigError, match="model of type dinov2"):
        Encoder(replace(config, name="dinov2-small-registers"))
    with pytest.raises(ConfigError, match="lora_blocks is 5"):
        Encoder(replace(config, lora_blocks=5))
    (tmp_path / "plain" / "model.safetensors").unlink()
    with pytest.raises(MissingWeightsError, match=r"no model\.safetensors"):
        Encoder(config)


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    config = _save("plain", tmp_path)
    file = tmp_path / "model.safetensors"
    kept = {n: t for n, t in load_file(file).items() if "layer.3.norm1" not in n}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(MissingWeightsError, match="lack 2 tensors"):
        Encoder(config)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "dinov3"},
        {"name": "tiny", "tune": "lora"},
        {"name": "tiny", "path": "x"},
        {"lora_targets": ()},
        {"lora_targets": ("q",)},
        {"lora_rank": 0},
        {"image_size_px": 100},
        {"input": "motion"},
        {"name": "tiny", "image_size_px": 100},
        {"name": "tiny", "tiny": TinyConfig(patches=8)},
    ],
)
def test_settings_that_cannot_be(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        EncoderConfig(**change)  # type: ignore[arg-type]


def test_frames_of_another_size_are_refused() -> None:
    encoder = Encoder(EncoderConfig(name="tiny", image_size_px=28, input="difference"))
    with pytest.raises(ConfigError, match=r"\(1, 2, 3, 48, 48\)"):
        encoder(torch.zeros(1, 2, 3, 48, 48, dtype=torch.uint8))


def test_defaults_follow_the_name() -> None:
    tiny, small = EncoderConfig(name="tiny").resolved(), EncoderConfig().resolved()
    assert (tiny.tune, tiny.image_size_px, tiny.input) == ("full", 112, "motion")
    assert (small.tune, small.image_size_px, small.input) == ("lora", 224, "frame")
    assert small.lora_alpha == small.lora_rank == 16
    assert EncoderConfig(lora_blocks=0).resolved().tune == "frozen"
