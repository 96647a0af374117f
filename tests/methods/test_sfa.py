"""SFA: bands, frequency weight, experts, and clips of different length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.methods.sfa import (
    BandExperts,
    Sfa,
    SfaConfig,
    band_energy,
    low_pass_mask,
    split_bands,
)

D = 12


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 20),
    st.sampled_from([(1, 2), (1,)]),
    st.sampled_from([("normalised", 0.25), ("bins", 3.0), ("normalised", 0.0)]),
)
def test_bands_sum_to_the_input(
    t: int, d: int, axes: tuple[int, ...], cut: tuple[str, float]
) -> None:
    generator = torch.Generator().manual_seed(31 * t + d)
    x = torch.randn(2, t, d, dtype=torch.float64, generator=generator)
    low, high = split_bands(x, axes, cut[1], cut[0])
    assert (low + high - x).abs().max() < 1e-14


def test_bands_of_the_published_size_are_exact_and_real() -> None:
    x = torch.randn(2, 8, 384, dtype=torch.float64)
    low, high = split_bands(x, (1, 2), 0.25, "normalised")
    assert (low + high - x).abs().max() < 1e-14
    spectrum = np.fft.fftshift(np.fft.fft2(x.numpy()), axes=(1, 2))
    u, v = np.meshgrid(np.arange(8) - 4, np.arange(384) - 192, indexing="ij")
    mask = np.sqrt((u / 8) ** 2 + (v / 384) ** 2) <= 0.25
    wanted = np.fft.ifft2(np.fft.ifftshift(spectrum * mask, axes=(1, 2)))
    assert np.abs(wanted.imag).max() < 1e-14  # the mask is symmetric, so nothing is thrown away
    assert np.abs(low.numpy() - wanted.real).max() < 1e-13


def test_share_of_bins_that_pass() -> None:
    """17.2 % normalised at 0.25, 16.5 % at 32 bins, with T=8 and D=384."""
    assert low_pass_mask((8, 384), 0.25, "normalised").mean().item() == pytest.approx(
        0.172, abs=5e-4
    )
    literal = low_pass_mask((8, 384), 32, "bins")
    assert literal.mean().item() == pytest.approx(0.165, abs=5e-4)
    assert (literal.sum(1) > 0).all()  # every temporal row is kept


def test_a_slow_and_a_fast_wave_part() -> None:
    t = torch.arange(16, dtype=torch.float64)
    slow, fast = torch.cos(2 * torch.pi * t / 16), torch.cos(2 * torch.pi * 7 * t / 16)
    x = (3 + slow + fast)[None, :, None]
    low, high = split_bands(x, (1,), 0.25, "normalised")
    torch.testing.assert_close(low[0, :, 0], 3 + slow)
    torch.testing.assert_close(high[0, :, 0], fast)


def test_patch_grid_bands_part_by_place() -> None:
    smooth = torch.linspace(0, 1, 8).cos()[:, None].expand(8, 8)
    checker = (-1.0) ** (torch.arange(8)[:, None] + torch.arange(8))
    x = (smooth.mean() + checker).reshape(1, 1, 8, 8, 1)
    low, high = split_bands(x, (2, 3), 0.25, "normalised")
    torch.testing.assert_close(high.reshape(8, 8), checker, atol=1e-5, rtol=0)
    torch.testing.assert_close(low + high, x, atol=1e-6, rtol=0)


def test_frequency_weight_by_hand() -> None:
    sfa = Sfa(D, SfaConfig(eps=0.0))
    low, high = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 1.0]])
    assert sfa.frequency_weight(low, high, None).tolist() == [[0.25, 0.5]]
    sfa.config = SfaConfig(eps=0.0, energy_ratio="low")
    assert sfa.frequency_weight(low, high, None).tolist() == [[0.75, 0.5]]
    sfa.config = SfaConfig(eps=0.0, wf_scope="global")
    assert sfa.frequency_weight(low, high, None)[0].tolist() == pytest.approx([1 / 3, 1 / 3])
    mask = torch.tensor([[True, False]])
    assert sfa.frequency_weight(low, high, mask).tolist() == [[0.25, 0.0]]
    band = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])
    assert band_energy(band).tolist() == [[5.0, 9.0]]


@pytest.mark.parametrize("interaction", ["product", "sum"])
def test_experts_equal_the_formula_written_out(interaction: str) -> None:
    """e_n = mean(DW1_n(P) * DW2_n(Q)), Y = X (1 + sum_n g_n e_n), one expert at a time."""
    config = SfaConfig(channels=3, n_experts=4, interaction=interaction)
    experts = BandExperts(D, config).double()
    band = torch.randn(2, 5, D, dtype=torch.float64)
    found, gates = experts(band, None)

    x = torch.nn.functional.layer_norm(band, (5, D), eps=config.eps)
    p, q = experts.split(x[:, None]).chunk(2, dim=1)
    pooled = (p * q).mean((2, 3))
    wanted_gates = torch.softmax(pooled @ experts.gate.weight.T, dim=-1)
    torch.testing.assert_close(gates, wanted_gates)
    total = torch.zeros(2, dtype=torch.float64)
    for n in range(4):
        rows = [c * 4 + n for c in range(3)]
        a, b = (
            torch.nn.functional.conv2d(y, m.weight[rows], m.bias[rows], padding=1, groups=3)
            for y, m in ((p, experts.first), (q, experts.second))
        )
        response = (a * b if interaction == "product" else a + b).mean((1, 2, 3))
        total = total + gates[:, n] * response
    torch.testing.assert_close(found, x * (1 + total)[:, None, None])


OPTIONS = [
    {},
    {"fft_axes": "T"},
    {"radius_mode": "bins", "radius_bins": 2.0},
    {"wf_scope": "global", "energy_ratio": "low"},
    {"norm": "instance"},
    {"norm": "batch"},
    {"interaction": "sum"},
    {"interaction": "concat"},
    {"gate_source": "band"},
    {"expert_mode": "map"},
    {"expert_mode": "map", "interaction": "concat"},
    {"merge": "sum"},
    {"merge": "concat"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_runs_and_padding_changes_nothing(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    sfa = Sfa(D, replace(SfaConfig(width=6, channels=2), **options)).double().eval()
    x = torch.randn(3, 7, D, dtype=torch.float64)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 1 + [0] * 6]).bool()
    _, pooled, weight, gates = sfa(x, mask)
    torch.testing.assert_close(gates.sum(-1), torch.ones(3, 2, dtype=torch.float64))
    assert ((weight >= 0) & (weight <= 1)).all()
    _, changed, _, _ = sfa(torch.where(mask[..., None], x, 99.0), mask)
    torch.testing.assert_close(changed, pooled)
    for i, length in enumerate(mask.sum(1).tolist()):
        _, pooled_alone, weight_alone, _ = sfa(x[i : i + 1, :length])
        torch.testing.assert_close(pooled_alone[0], pooled[i])
        torch.testing.assert_close(weight_alone[0], weight[i, :length])


def test_batch_norm_leaves_padding_out_of_its_statistics() -> None:
    sfa = Sfa(D, SfaConfig(norm="batch")).double().train()
    x = torch.randn(2, 6, D, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0]]).bool()
    _, pooled, _, _ = sfa(torch.where(mask[..., None], x, 99.0), mask)
    torch.testing.assert_close(pooled, sfa(x[:, :4])[1])


def test_every_parameter_learns() -> None:
    sfa = Sfa(D, SfaConfig())
    sfa(torch.randn(2, 4, D))[1].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in sfa.parameters())


def test_mask_with_padding_inside_is_refused() -> None:
    sfa = Sfa(D, SfaConfig())
    with pytest.raises(ConfigError, match=r"mask of clip 1 .*\[1, 0, 1\]"):
        sfa(torch.randn(2, 3, D), torch.tensor([[1, 1, 1], [1, 0, 1]]).bool())
    with pytest.raises(ConfigError, match="clip 0"):
        sfa(torch.randn(1, 2, D), torch.zeros(1, 2, dtype=torch.bool))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="kernel_size is 2"):
        SfaConfig(kernel_size=2)
    with pytest.raises(ConfigError, match="n_experts is 0"):
        SfaConfig(n_experts=0)
