"""hlora-mer: both variants, number for number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from merkit.errors import ConfigError
from merkit.face.align import MEAN_FACE
from merkit.methods import make_method
from merkit.methods.encoder.config import EncoderConfig, TinyConfig
from merkit.methods.hlora_fusion import (
    Gat,
    GatConfig,
    Iffa,
    IffaConfig,
    neighbour_graph,
    pool_code,
    pooled_width,
)
from merkit.methods.hlora_mer import HloraMer, HloraMerNetwork
from merkit.methods.masking import masked_max, masked_mean
from published_encoder import random_weights

TINY = EncoderConfig(
    name="tiny",
    image_size_px=32,
    input="difference",
    tiny=TinyConfig(width=16, blocks=1, heads=2, patches=2),
)
SMALL_GAT = GatConfig(heads=2, width=6)


def make(variant: str = "paper", **settings: object) -> HloraMerNetwork:
    torch.manual_seed(0)
    config = HloraMer(variant=variant, encoder=TINY, gat=SMALL_GAT)  # type: ignore[arg-type]
    return HloraMerNetwork(replace(config, **settings), 3).eval()  # type: ignore[arg-type]


def clips(n: int = 2, frames: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (n, frames, 3, 32, 32), dtype=torch.uint8, generator=generator)


def all_real(n: int = 2, frames: int = 8) -> Tensor:
    return torch.ones(n, frames, dtype=torch.bool)


# published sizes, with the giant encoder on the meta device


def adapter_weights(model: HloraMerNetwork) -> int:
    named = model.encoder.named_parameters()
    return sum(p.numel() for n, p in named if ".lora_" in n and p.requires_grad)


@pytest.mark.parametrize("n_classes", [3, 5])
def test_trainable_parameters_of_the_published_code(n_classes: int) -> None:
    with random_weights(), torch.device("meta"):
        model = HloraMerNetwork(HloraMer(variant="code"), n_classes)
    assert adapter_weights(model) == 196_608
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    gat = 3 * (1536 * 1000 + 2000) + 3000 * 1536 + 2 * 1536
    assert trained == 196_608 + gat + 17 + 1532 * n_classes
    assert trained == pytest.approx(9.43e6, rel=1e-3)


@pytest.mark.parametrize("blocks", [0, 1, 3, 4])
def test_depth_sweep(blocks: int) -> None:
    encoder = EncoderConfig(name="dinov2-giant", lora_blocks=blocks)
    with random_weights(), torch.device("meta"):
        model = HloraMerNetwork(HloraMer(encoder=encoder), 3)
    assert adapter_weights(model) == blocks * 98_304


def test_adapters_of_the_code_are_scaled_by_a_sixteenth() -> None:
    def scale(config: HloraMer) -> float:
        small = replace(config, encoder=EncoderConfig(name="dinov2-small"))
        with random_weights(), torch.device("meta"):
            model = HloraMerNetwork(small, 3)
        scalings = [getattr(m, "scaling", None) for m in model.modules()]
        found = {s["default"] for s in scalings if isinstance(s, dict)}
        assert len(found) == 1
        return float(found.pop())

    assert scale(HloraMer(variant="code")) == 1 / 16
    assert scale(HloraMer()) == 1.0


def test_published_pooling_shapes() -> None:
    assert (pooled_width(1533), pooled_width(1536)) == (765, 766)
    frames = torch.randn(1, 1, 1536, 8)
    filtered = F.conv2d(frames, torch.randn(1, 1, 4, 4))
    assert filtered.shape == (1, 1, 1533, 5)
    expected = F.max_pool2d(filtered, (5, 5), (2, 1))  # as the code pools
    assert expected.shape == (1, 1, 765, 1)
    got = pool_code(filtered[:, 0].transpose(1, 2), all_real(1, 5))
    torch.testing.assert_close(got, expected[:, 0, :, 0])
    expected = F.max_pool2d(frames, (5, 8), (2, 1))
    got = pool_code(frames[:, 0].transpose(1, 2), all_real(1, 8))
    torch.testing.assert_close(got, expected[:, 0, :, 0])
    assert got.shape == (1, 766)
    with random_weights(), torch.device("meta"):
        assert HloraMerNetwork(HloraMer(variant="code"), 3).head.in_features == 1531


# code form


def reference_gat(gat: Gat, x: Tensor) -> Tensor:
    """Node by node, from the description of the layer."""

    def layer(head: torch.nn.Module, nodes: Tensor) -> Tensor:
        weight, a = head.weight, head.attention[:, 0]
        hidden = nodes @ weight
        out, n = hidden.shape[1], len(nodes)
        rows = []
        for i in range(n):
            near = [j for j in (i - 1, i, i + 1) if 0 <= j < n]
            score = torch.stack([a[:out] @ hidden[i] + a[out:] @ hidden[j] for j in near])
            alpha = F.leaky_relu(score, 0.01).softmax(0)
            rows.append(sum(w * hidden[j] for w, j in zip(alpha, near, strict=True)))
        return torch.stack(rows)

    joined = torch.cat([F.elu(layer(head, x)) for head in gat.heads], dim=1)
    return F.elu(layer(gat.out, joined)).log_softmax(1)


def test_gat_is_the_published_layer() -> None:
    torch.manual_seed(0)
    gat = Gat(GatConfig(heads=3, width=7), 10).eval()
    frames = torch.randn(2, 8, 10)
    out, attention = gat(frames, all_real())
    for row, clip in zip(out, frames, strict=True):
        torch.testing.assert_close(row, reference_gat(gat, clip))
    assert attention.shape == (2, 3, 8, 8)
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 3, 8))
    plain = Gat(GatConfig(heads=3, width=7, log_softmax=False), 10).eval()
    plain.load_state_dict(gat.state_dict())
    torch.testing.assert_close(plain(frames, all_real())[0].log_softmax(-1), out)


def test_neighbour_graph_is_the_published_tri_diagonal() -> None:
    graph = neighbour_graph(all_real(1, 8))[0].int()
    expected = (
        torch.diag(torch.ones(8)) + torch.diag(torch.ones(7), 1) + torch.diag(torch.ones(7), -1)
    )
    assert torch.equal(graph, expected.int())


# paper form


def test_iffa_is_equations_8_to_11_written_out() -> None:
    torch.manual_seed(0)
    iffa = Iffa(IffaConfig(width=5), 6)
    frames, weight = torch.randn(8, 6), iffa.project.weight
    updated = []
    for i in range(8):
        edges = torch.stack([weight @ (frames[i] - frames[j]) for j in range(8)])
        alpha = (weight @ frames[i] + edges).relu().softmax(0)
        updated.append((alpha * edges).sum(0).relu())
    pooled, attention = iffa(frames[None], all_real(1))
    torch.testing.assert_close(pooled[0], torch.stack(updated).amax(0))
    torch.testing.assert_close(attention.sum(-1), torch.ones(1, 1, 8))
    channels, _ = iffa.weights(frames[None], all_real(1))
    assert channels.shape == (1, 8, 8, 5)
    torch.testing.assert_close(channels.sum(2), torch.ones(1, 8, 5))


def test_nearest_neighbours() -> None:
    frames = torch.tensor([0.0, 1.0, 2.5, 10.0, 11.0]).view(1, 5, 1)
    config = IffaConfig(neighbours="knn", knn_frames=1)
    seen = Iffa(config, 1).weights(frames, all_real(1, 5))[0][0, :, :, 0] > 0
    assert [row.nonzero().flatten().tolist() for row in seen] == [
        [0, 1],
        [0, 1],
        [1, 2],
        [3, 4],
        [3, 4],
    ]
    alone = Iffa(replace(config, include_self=False), 1)
    seen = alone.weights(frames, all_real(1, 5))[0][0, :, :, 0] > 0
    assert [row.nonzero().flatten().tolist() for row in seen] == [[1], [0], [1], [4], [3]]


def test_stfa_of_the_paper_is_filter_relu_pool() -> None:
    model = make(use_iffa=False)
    frames = torch.randn(2, 8, 16)
    filtered = F.conv2d(frames.transpose(1, 2)[:, None], model.stfa.weight, model.stfa.bias).relu()
    expected = F.max_pool2d(filtered, (5, 5), (2, 1))[:, 0, :, 0]
    torch.testing.assert_close(model._stfa(frames, all_real()), expected)


def test_pooled_frames_of_nothing_are_zero() -> None:
    x = torch.randn(2, 4, 3) - 5
    mask = torch.tensor([[True, True, False, False], [False] * 4])
    assert torch.equal(masked_max(x, mask)[0], x[0, :2].amax(0))
    assert torch.equal(masked_max(x, mask)[1], torch.zeros(3))
    torch.testing.assert_close(masked_mean(x, mask)[0], x[0, :2].mean(0))
    assert torch.equal(masked_mean(x, mask)[1], torch.zeros(3))


# the whole model


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize(
    ("iffa", "stfa"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_switches_and_backward(variant: str, iffa: bool, stfa: bool) -> None:
    model = make(variant, use_iffa=iffa, use_stfa=stfa).train()
    output = model({"rgb": clips()})
    labels = torch.tensor([0, 2])
    loss = model.loss(output, torch.eye(3)[labels], None)
    torch.testing.assert_close(loss, F.cross_entropy(output.logits, labels))
    loss.backward()
    assert output.features.shape == (2, model.head.in_features)
    assert ("attention" in output.aux) == iffa
    fusion = [p for n, p in model.named_parameters() if not n.startswith("encoder")]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in fusion)


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("neighbours", ["all", "knn"])
def test_padding_changes_nothing(variant: str, neighbours: str) -> None:
    model = make(variant, iffa=IffaConfig(neighbours=neighbours))  # type: ignore[arg-type]
    mask = torch.arange(8)[None] < torch.tensor([[5], [8]])
    rgb = clips()
    both = model({"rgb": rgb, "mask": mask}).logits
    alone = model({"rgb": rgb[:1, :5]}).logits
    torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_batch_of_one_bf16_and_save(variant: str, tmp_path: Path) -> None:
    model, rgb = make(variant), clips(1)
    logits = model({"rgb": rgb}).logits
    save_file(model.state_dict(), tmp_path / "m.safetensors")
    other = make(variant)
    torch.nn.init.zeros_(other.head.weight)
    other.load_state_dict(load_file(tmp_path / "m.safetensors"))
    assert torch.equal(other({"rgb": rgb}).logits, logits)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model({"rgb": rgb, "mask": all_real(1)})
        assert model.loss(mixed, torch.eye(3)[:1], None).isfinite()
    low = model.to(torch.bfloat16)({"rgb": rgb}).logits
    assert low.isfinite().all()


def test_frozen_tokens_stand_for_the_frames() -> None:
    encoder = EncoderConfig(name="dinov2-small", image_size_px=28)
    torch.manual_seed(0)
    with random_weights():
        model = HloraMerNetwork(HloraMer(encoder=encoder), 3).eval()
    rgb = torch.randint(0, 256, (2, 8, 3, 28, 28), dtype=torch.uint8)
    tokens = model.frozen({"rgb": rgb, "mask": all_real()})
    assert "rgb" not in tokens
    assert "mask" in tokens
    assert tokens["tokens"].shape == (2, 8, 5, 384)
    torch.testing.assert_close(
        model(tokens).logits, model({"rgb": rgb}).logits, rtol=2e-2, atol=2e-2
    )
    assert model.frozen_key() is not None
    assert make().frozen_key() is None


def test_code_pixels_are_bgr_centred_and_scaled() -> None:
    model = make("code")
    rgb = clips()
    got = model.pixels(rgb)
    clip = rgb[0].flip(1).double()
    clip = (clip - clip.mean()) / (clip - clip.mean()).max()
    torch.testing.assert_close(got[0].double(), clip, rtol=1e-5, atol=1e-5)
    encoder = replace(TINY, input="frame")
    plain = make("code", encoder=encoder)
    torch.testing.assert_close(plain.encoder._prepare(got), got, rtol=1e-5, atol=1e-5)


def test_one_switch_is_the_authors_code_and_explicit_settings_win() -> None:
    code = HloraMer(variant="code")
    recipe = code.recipe
    assert (recipe.sampling, recipe.frames, recipe.min_frames) == ("step", 8, 8)
    assert (code.scaling, code.training.steps) == ("code", 600)
    low, high = MEAN_FACE.min(0), MEAN_FACE.max(0)
    side = 2 * (high - low).max()  # of a crop twice the face box, in eye distances
    assert recipe.align.eye_distance == pytest.approx(1 / side, abs=1e-3)
    middle = (low + high)[1] / 2 / side
    assert recipe.align.eye_y == pytest.approx(0.5 - middle, abs=1e-3)
    paper = HloraMer()
    assert (paper.scaling, paper.training.steps, paper.recipe.min_frames) == ("imagenet", 0, 0)
    own = make_method(
        "hlora-mer",
        {"variant": "code", "pixels": "imagenet"},
        {"epochs": 3},
        {"sampling": "linspace", "min_frames": 0, "align": {"eye_distance": 0.35}},
    )
    assert isinstance(own, HloraMer)
    assert own.scaling == "imagenet"
    assert (own.training.steps, own.training.epochs) == (0, 3)
    assert (own.recipe.sampling, own.recipe.min_frames) == ("linspace", 0)
    assert (own.recipe.align.eye_distance, own.recipe.align.eye_y) == (0.35, 0.346)
    both = make_method("hlora-mer", {"variant": "code"}, {"epochs": 3, "steps": 7}).training
    assert (both.steps, both.epochs) == (7, 3)


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="stfa_filter=9"):
        make(stfa_filter=9)
    with pytest.raises(ConfigError, match="tokens"):
        make(encoder=replace(TINY, output="tokens"))


def test_recipe_training_and_flip() -> None:
    paper, code = HloraMer(), HloraMer(variant="code")
    made, settings = paper.recipe, paper.training
    assert (made.frames, made.sampling, made.align.size_px) == (8, "linspace", 224)
    assert (settings.learning_rate, settings.batch_size) == (1e-3, 36)
    assert (settings.weight_decay, code.training.weight_decay) == (0.0, 1e-3)
    assert (settings.augment, code.training.augment) == (True, False)
    rgb, targets = clips(32), torch.eye(3)[torch.arange(32) % 3]
    out, same = paper.augmented({"rgb": rgb}, targets, torch.Generator().manual_seed(0))
    flipped = (out["rgb"] == rgb.flip(-1)).flatten(1).all(1)
    kept = (out["rgb"] == rgb).flatten(1).all(1)
    assert torch.equal(flipped, ~kept)
    assert 8 < int(flipped.sum()) < 24
    assert torch.equal(same, targets)
    assert torch.equal(paper.mirrored({"rgb": rgb})["rgb"], rgb.flip(-1))
