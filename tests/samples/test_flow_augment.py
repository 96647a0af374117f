"""Augmentation of regional motion: what must hold whatever is drawn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from merkit.errors import ConfigError
from merkit.samples.flow_augment import (
    FlowAugmentConfig,
    add_lead,
    augment,
    cutmix,
    draw_mixing,
    mirror,
    mixup,
)


def batch(n: int = 6, frames: int = 12, regions: int = 14) -> tuple[dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(4, frames + 1, (n,), generator=generator)
    mask = torch.arange(frames)[None] < lengths[:, None]
    flow = torch.randn(n, frames, regions, 2, generator=generator) * mask[:, :, None, None]
    inputs = {
        "flow": flow,
        "mask": mask,
        "au": (torch.rand(n, 5, generator=generator) < 0.4).float(),
        "au_known": torch.rand(n, generator=generator) < 0.7,
    }
    return inputs, torch.eye(3)[torch.arange(n) % 3]


@pytest.mark.parametrize("regions", [14, 18])
def test_mirror_is_an_involution(regions: int) -> None:
    inputs, _ = batch(regions=regions)
    twice = mirror(mirror(inputs))
    assert torch.equal(twice["flow"], inputs["flow"])
    assert torch.equal(mirror(inputs)["au"], inputs["au"])


def test_mirror_swaps_sides_and_negates_horizontal_motion() -> None:
    flow = torch.arange(18.0)[None, None, :, None].expand(1, 1, 18, 2)
    out = mirror({"flow": flow})["flow"][0, 0]
    swapped = [4, 5, 6, 7, 0, 1, 2, 3, 8, 10, 9, 11, 12, 13, 15, 14, 17, 16]
    assert out[:, 1].tolist() == swapped
    assert out[:, 0].tolist() == [-r for r in swapped]


def test_mirror_of_fourteen_is_that_of_the_eighteen_they_come_from() -> None:
    kept = [i for i in range(18) if i not in (0, 4, 8, 13)]
    flow = torch.randn(2, 3, 18, 2)
    chosen = mirror({"flow": flow})["flow"][:, :, kept]
    assert torch.equal(mirror({"flow": flow[:, :, kept]})["flow"], chosen)


def test_mirror_refuses_other_regions() -> None:
    with pytest.raises(ConfigError, match="17"):
        mirror({"flow": torch.zeros(1, 2, 17, 2)})


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 1),
    st.integers(0, 4),
    st.just(0.0) | st.floats(1e-3, 2),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_label_mass_is_conserved(
    mirror_p: float, lead: int, alpha: float, cut: float, seed: int
) -> None:
    config = FlowAugmentConfig(mirror_p, lead, alpha, cut)
    inputs, targets = batch()
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    out, mixed = augment(inputs, targets, config, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(mixed.sum(1), torch.ones(6))
    assert mixed.min() >= 0
    assert out["flow"].shape == (6, 12 + lead, 14, 2)
    assert out["mask"].shape == (6, 12 + lead)
    assert ((out["au"] >= 0) & (out["au"] <= 1)).all()
    assert (out["flow"][~out["mask"]] == 0).all()
    assert all(torch.equal(inputs[name], tensor) for name, tensor in before.items())


def test_default_config_changes_nothing() -> None:
    inputs, targets = batch()
    out, same = augment(inputs, targets, FlowAugmentConfig(), torch.Generator())
    assert torch.equal(same, targets)
    assert all(torch.equal(out[name], inputs[name]) for name in inputs)


def test_same_generator_state_same_result() -> None:
    config = FlowAugmentConfig(0.5, 3, 0.2, 0.5)
    inputs, targets = batch()
    (first, a), (second, b) = (
        augment(inputs, targets, config, torch.Generator().manual_seed(4)) for _ in range(2)
    )
    assert torch.equal(a, b)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_mixup_by_hand() -> None:
    inputs = {
        "flow": torch.stack([torch.full((4, 14, 2), 2.0), torch.full((4, 14, 2), 10.0)]),
        "mask": torch.tensor([[True, True, True, True], [True, True, False, False]]),
        "au": torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        "au_known": torch.tensor([True, False]),
    }
    partner, keep = torch.tensor([1, 0]), torch.tensor([0.75, 1.0])
    out, targets = mixup(inputs, torch.eye(2), partner, keep)
    assert (out["flow"][0] == 4.0).all()
    assert targets.tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert out["au"].tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert out["au_known"].tolist() == [False, False]
    assert torch.equal(out["mask"], inputs["mask"])


def test_mixing_weight_follows_the_beta_distribution() -> None:
    config, generator = FlowAugmentConfig(mixup_alpha=0.4), torch.Generator().manual_seed(0)
    keep, cut = draw_mixing(4000, config, generator)
    assert stats.kstest(keep.numpy(), stats.beta(0.4, 0.4).cdf).pvalue > 0.001
    assert torch.equal(cut[:, 0], cut[:, 1])


def test_cutmix_by_hand() -> None:
    inputs = {
        "flow": torch.stack([torch.zeros(8, 14, 2), torch.ones(8, 14, 2)]),
        "mask": torch.tensor([[True] * 8, [True] * 5 + [False] * 3]),
        "au": torch.tensor([[0.0], [1.0]]),
        "au_known": torch.tensor([True, True]),
    }
    partner, cut = torch.tensor([1, 0]), torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    out, targets = cutmix(inputs, torch.eye(2), partner, cut)
    # frames 2 to 5 are asked for, of which the partner has 2, 3 and 4: 3 of 8 are pasted
    assert out["flow"][0, :, 0, 0].tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert targets.tolist() == [[0.625, 0.375], [0.0, 1.0]]
    assert out["au"].tolist() == [[0.375], [1.0]]


def test_a_batch_gets_cutmix_or_mixup() -> None:
    config = FlowAugmentConfig(mixup_alpha=0.2, cutmix_p=0.5)
    generator = torch.Generator().manual_seed(0)
    cuts = 0
    for _ in range(200):
        keep, cut = draw_mixing(4, config, generator)
        is_cut = bool((cut[:, 0] < cut[:, 1]).any())
        assert is_cut == bool((keep == 1).all())
        cuts += is_cut
    assert 70 < cuts < 130


def test_lead_of_still_frames() -> None:
    inputs, _ = batch(n=3)
    out = add_lead(inputs, torch.tensor([0, 2, 3]), 3)
    for row, k in enumerate([0, 2, 3]):
        assert (out["flow"][row, :k] == 0).all()
        assert torch.equal(out["flow"][row, k : k + 12], inputs["flow"][row])
        assert out["mask"][row].sum() == inputs["mask"][row].sum() + k


@pytest.mark.parametrize(
    "bad",
    [
        {"mirror_p": 1.5},
        {"cutmix_p": -0.1},
        {"mixup_alpha": -1.0},
        {"mixup_alpha": 1e-300},
        {"cutmix_alpha": 0.0},
    ],
)
def test_impossible_settings(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        FlowAugmentConfig(**bad)  # type: ignore[arg-type]
