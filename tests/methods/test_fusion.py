"""Dynamic-convolution fusion: two ways to the same result, gates, padding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from merkit.errors import ConfigError
from merkit.methods.sfa_dgat import DynamicFusion, FusionConfig

FORMS = ["vector", "conv1d"]


def _inputs(n: int = 3, t: int = 5, d: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(n, t, d, dtype=torch.float64, generator=generator)
    return frames, frames.mean(1), torch.randn(n, d, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("form", FORMS)
def test_mixing_kernels_equals_mixing_results(form: str) -> None:
    config = FusionConfig(form=form, width=6)
    fusion = DynamicFusion(8, config).double()
    by_outputs, pi = fusion(*_inputs(), None)
    fusion.config = replace(config, aggregate="kernels")
    by_kernels, same = fusion(*_inputs(), None)
    assert by_outputs.shape == (3, 6)
    torch.testing.assert_close(by_kernels, by_outputs)
    torch.testing.assert_close(pi, same)
    torch.testing.assert_close(pi.sum(-1), torch.ones(3, dtype=torch.float64))


def test_vector_form_by_the_formula() -> None:
    fusion = DynamicFusion(8, FusionConfig(kernels=2, width=3, tau=0.5)).double()
    frames, spatial, temporal = _inputs()
    found, pi = fusion(frames, spatial, temporal, None)
    cat = torch.cat((spatial, temporal), dim=-1)
    torch.testing.assert_close(pi, torch.softmax(cat @ fusion.gate.weight.T / 0.5, dim=-1))
    weight, bias = fusion.convolutions.weight[..., 0], fusion.convolutions.bias
    wanted = sum(
        pi[:, k : k + 1] * (cat @ weight[3 * k : 3 * k + 3].T + bias[3 * k : 3 * k + 3])
        for k in range(2)
    )
    torch.testing.assert_close(found, wanted)


def test_padding_changes_nothing_over_time() -> None:
    fusion = DynamicFusion(8, FusionConfig(form="conv1d", width=6)).double()
    frames, spatial, temporal = _inputs()
    mask = torch.tensor([[1, 1, 1, 0, 0]] * 3).bool()
    padded, _ = fusion(torch.where(mask[..., None], frames, 9.0), spatial, temporal, mask)
    torch.testing.assert_close(padded, fusion(frames[:, :3], spatial, temporal, None)[0])


@pytest.mark.parametrize("change", [{"tau": 0.0}, {"kernels": 0}, {"kernel_size": 4}])
def test_settings_that_cannot_be(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        FusionConfig(**change)
