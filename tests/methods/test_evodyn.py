"""evodyn: the published proxy, number for number, and what our options add."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.methods.evodyn import Evodyn, EvodynNetwork, load_released
from merkit.samples.recipes import RegionFlowRecipe

RELEASED = {  # names and shapes of the published four-class files
    "pos_embedding": (1, 51, 64),
    "cls_token": (1, 1, 64),
    "to_patch_embedding.0.weight": (64, 36),
    "to_patch_embedding.0.bias": (64,),
    "to_patch_embedding.1.weight": (64,),
    "to_patch_embedding.1.bias": (64,),
    "transformer.norm.weight": (64,),
    "transformer.norm.bias": (64,),
    "mlp_head.weight": (4, 64),
    "mlp_head.bias": (4,),
} | {
    f"transformer.layers.{n}.{name}": shape
    for n in range(5)
    for name, shape in {
        "0.norm.weight": (64,),
        "0.norm.bias": (64,),
        "0.to_qkv.weight": (1536, 64),
        "0.to_out.0.weight": (64, 512),
        "0.to_out.0.bias": (64,),
        "1.net.0.weight": (64,),
        "1.net.0.bias": (64,),
        "1.net.1.weight": (64, 64),
        "1.net.1.bias": (64,),
        "1.net.4.weight": (64, 64),
        "1.net.4.bias": (64,),
    }.items()
}


def released_state(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {n: torch.randn(s, generator=generator) * 0.2 for n, s in RELEASED.items()}


def norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def reference_logits(state: dict[str, Tensor], flow: Tensor) -> Tensor:
    """Written from the description alone, head by head."""
    n, length = flow.shape[:2]
    x = torch.einsum(
        "ntk,dk->ntd", flow.reshape(n, length, 36), state["to_patch_embedding.0.weight"]
    )
    x = norm(x + state["to_patch_embedding.0.bias"], state, "to_patch_embedding.1")
    x = (
        torch.cat([state["cls_token"].repeat(n, 1, 1), x], 1)
        + state["pos_embedding"][:, : length + 1]
    )
    for i in range(5):
        base = f"transformer.layers.{i}"
        y = norm(x, state, f"{base}.0.norm")
        w_q, w_k, w_v = state[f"{base}.0.to_qkv.weight"].reshape(3, 8, 64, 64)
        q, k, v = (torch.einsum("nld,hed->nhle", y, w) for w in (w_q, w_k, w_v))
        weights = torch.softmax(torch.einsum("nhle,nhse->nhls", q, k) / 8.0, -1)
        mixed = torch.einsum("nhls,nhse->nlhe", weights, v).reshape(n, length + 1, 512)
        x = x + mixed @ state[f"{base}.0.to_out.0.weight"].T + state[f"{base}.0.to_out.0.bias"]
        y = norm(x, state, f"{base}.1.net.0")
        y = gelu(y @ state[f"{base}.1.net.1.weight"].T + state[f"{base}.1.net.1.bias"])
        x = x + y @ state[f"{base}.1.net.4.weight"].T + state[f"{base}.1.net.4.bias"]
    cls = norm(x, state, "transformer.norm")[:, 0]
    return cls @ state["mlp_head.weight"].T + state["mlp_head.bias"]


def make(n_classes: int = 4, **settings: object) -> EvodynNetwork:
    torch.manual_seed(0)
    return EvodynNetwork(Evodyn(**settings), n_classes).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_classes", "count"), [(7, 704_967), (4, 704_772)])
def test_parameter_counts_of_the_proxy(n_classes: int, count: int) -> None:
    assert sum(p.numel() for p in make(n_classes).parameters()) == count


def test_names_and_shapes_are_the_released_ones() -> None:
    assert {n: tuple(t.shape) for n, t in make(4).state_dict().items()} == RELEASED


def test_released_file_gives_the_described_logits(tmp_path: Path) -> None:
    torch.save(released_state(), tmp_path / "model.pt")
    state = load_released(tmp_path / "model.pt")
    model = make(len(state["mlp_head.bias"]))
    model.load_state_dict(state)
    flow = torch.randn(3, 25, 18, 2)
    torch.testing.assert_close(
        model({"flow": flow}).logits, reference_logits(state, flow), rtol=1e-4, atol=1e-4
    )


def test_released_file_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.pt"):
        load_released(tmp_path / "none.pt")
    text = tmp_path / "text.pt"
    text.write_text("not weights")
    with pytest.raises(StoreError, match=r"text\.pt"):
        load_released(text)
    (tmp_path / "cut.pt").write_bytes(b"")
    with pytest.raises(StoreError):
        load_released(tmp_path / "cut.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(StoreError, match="list"):
        load_released(tmp_path / "list.pt")
    torch.save({"conv1.weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(StoreError, match=r"conv1\.weight"):
        load_released(tmp_path / "other.pt")
    torch.save(released_state() | {"pos_embedding": torch.zeros(1, 26, 64)}, tmp_path / "short.pt")
    with pytest.raises(StoreError, match="pos_embedding"):
        load_released(tmp_path / "short.pt")


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    torch.save({"pos_embedding": Bomb(target)}, tmp_path / "bomb.pt")
    with pytest.raises(StoreError):
        load_released(tmp_path / "bomb.pt")
    assert not target.exists()


def test_short_clips_are_zero_padded_and_long_ones_cut() -> None:
    model = make()
    flow = torch.randn(2, 40, 18, 2)
    padded = torch.cat([flow[:, :10], torch.zeros(2, 15, 18, 2)], 1)
    torch.testing.assert_close(model({"flow": flow[:, :10]}).logits, model({"flow": padded}).logits)
    torch.testing.assert_close(model({"flow": flow}).logits, model({"flow": flow[:, :25]}).logits)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("roi_tokens", [False, True])
def test_padding_in_the_batch_changes_nothing(masked: bool, roi_tokens: bool) -> None:
    model = make(mask_padding=masked, roi_tokens=roi_tokens)
    flow = torch.randn(2, 20, 18, 2)
    mask = torch.arange(20)[None] < torch.tensor([[9], [20]])
    both = model({"flow": flow, "mask": mask}).logits
    alone = model({"flow": flow[:1, :9]}).logits
    if masked:
        alone = model({"flow": flow[:1, :9], "mask": torch.ones(1, 9, dtype=torch.bool)}).logits
    torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)


def test_mask_padding_hides_the_padding_and_only_it() -> None:
    model = make(mask_padding=True)
    flow = torch.randn(1, 12, 18, 2)
    attention = model({"flow": flow}).aux["attention"]
    assert attention.shape == (1, 5, 8, 26, 26)
    torch.testing.assert_close(attention.sum(-1), torch.ones(1, 5, 8, 26))
    assert attention[..., 13:].abs().max() == 0
    assert attention[..., :13].min() > 0
    plain = make()({"flow": flow}).aux["attention"]
    assert plain[..., 13:].min() > 0


def test_roi_tokens_weigh_regions() -> None:
    output = make(roi_tokens=True)({"flow": torch.randn(2, 25, 18, 2)})
    weights = output.aux["region_attention"]
    assert weights.shape == (2, 25, 18)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 25))


def test_batch_of_one_bf16_and_backward() -> None:
    model = make()
    flow = torch.randn(1, 25, 18, 2)
    assert model({"flow": flow}).logits.shape == (1, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert model.loss(model({"flow": flow}), torch.eye(4)[:1], None).isfinite()
    low = model.to(torch.bfloat16)({"flow": flow}).logits
    assert low.dtype == torch.bfloat16
    assert low.isfinite().all()
    model = make().train()
    output = model({"flow": flow})
    model.loss(output, torch.eye(4)[:1], None).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_safetensors_round_trip(tmp_path: Path) -> None:
    model, flow = make(), torch.randn(2, 25, 18, 2)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    torch.manual_seed(9)
    other = EvodynNetwork(Evodyn(), 4).eval()
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(model({"flow": flow}).logits, other({"flow": flow}).logits)


def test_loss_is_weighted_cross_entropy() -> None:
    published = (1.0, 3.0, 9.0, 9.0)
    model = make(class_weights=published)
    output = model({"flow": torch.randn(5, 25, 18, 2)})
    labels = torch.tensor([0, 1, 2, 3, 3])
    expected = torch.nn.functional.cross_entropy(
        output.logits, labels, weight=torch.tensor(published)
    )
    torch.testing.assert_close(model.loss(output, torch.eye(4)[labels], None), expected)
    given = torch.ones(4)  # the fixed weights go before fitted ones
    torch.testing.assert_close(model.loss(output, torch.eye(4)[labels], given), expected)


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="sequence_length=60"):
        make(sequence_length=60)
    with pytest.raises(ConfigError, match="3 class_weights for 4"):
        make(class_weights=(1.0, 2.0, 3.0))


def test_published_recipe_and_training() -> None:
    made = Evodyn().recipe
    assert isinstance(made, RegionFlowRecipe)
    assert (made.frames, made.stride_hz) == (0, 30.0)
    assert (made.flow.estimator, made.flow.reference, made.flow.regions) == (
        "farneback",
        "first",
        18,
    )
    settings = Evodyn().training
    assert (settings.learning_rate, settings.weight_decay, settings.gamma) == (8e-4, 0.7, 0.987)
    assert (settings.batch_size, settings.epochs, settings.class_weights) == (32, 9, "inverse")


def test_the_code_variant_is_the_three_lines_of_the_authors() -> None:
    proxy, code = Evodyn(), Evodyn(variant="code")
    assert isinstance(code.recipe, RegionFlowRecipe)
    assert (code.recipe.flow.gray_order, code.recipe.flow.follow_scaled) == ("bgr", False)
    assert (code.recipe.lead_frames, code.training.augment) == (5, False)
    changed = {"gray_order": "rgb", "follow_scaled": True}
    assert isinstance(proxy.recipe, RegionFlowRecipe)
    assert replace(code.recipe.flow, **changed) == proxy.recipe.flow


@pytest.mark.parametrize("group", ["model", "recipe"])
def test_a_setting_that_is_named_wins_over_the_code_variant(group: str) -> None:
    groups: dict[str, dict[str, Any]] = {"model": {"variant": "code"}, "recipe": {}}
    groups[group]["flow"] = {"gray_order": "rgb"}
    named = Evodyn.from_settings(groups["model"], {}, groups["recipe"])
    assert isinstance(named.recipe, RegionFlowRecipe)
    flow = named.recipe.flow
    assert (flow.gray_order, flow.follow_scaled, flow.estimator) == ("rgb", False, "farneback")
    assert named.recipe.lead_frames == 5


def test_augmentation_that_is_named_is_done_in_code_form() -> None:
    named = Evodyn.from_settings({"variant": "code", "augment": {"mixup_alpha": 0.2}}, {}, {})
    assert (named.training.augment, named.augment.lead_frames) == (True, 0)
    assert named.augment.mixup_alpha == 0.2


def test_training_augmentation_puts_still_frames_first() -> None:
    flow, targets = torch.randn(64, 20, 18, 2), torch.eye(4)[torch.arange(64) % 4]
    generator = torch.Generator().manual_seed(0)
    out, same = Evodyn().augmented({"flow": flow}, targets, generator)
    lead = (out["flow"].abs().sum((2, 3)) == 0).long().cumprod(1).sum(1)
    assert set(lead.tolist()) == set(range(6))
    assert torch.equal(same, targets)
    for row, n in zip(out["flow"], lead.tolist(), strict=True):
        assert any(torch.equal(row[n : n + 20], clip) for clip in flow)
