"""DGAT: a graph attention layer by hand, its invariants, and padding."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from merkit.errors import ConfigError
from merkit.methods.dgat import Dgat, DgatConfig, FrameAttention, GraphLayer, frame_consistency

D = 12
SMALL = DgatConfig(heads=3, lstm_hidden=5, width=5)


def test_one_gat_layer_by_hand() -> None:
    """Two frames, one head: every number below is worked out on paper.

    h_1 = (1, 0), h_2 = (0, 2); W = [[1, 1], [0, 1]], so Wh_1 = (1, 0) and Wh_2 = (2, 2);
    a = (1, 0 | 0, -1): e_ij = LeakyReLU((Wh_i)_x - (Wh_j)_y), slope 0.2:
    e_11 = 1, e_12 = LeakyReLU(-1) = -0.2, e_21 = 2, e_22 = 0.
    """
    config = DgatConfig(heads=1, score="gat", activation="none", use_lstm=False, width=2)
    layer = GraphLayer(2, config)
    with torch.no_grad():
        layer.value.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
        layer.attention.source.copy_(torch.tensor([[1.0, 0.0]]))
        layer.attention.target.copy_(torch.tensor([[0.0, -1.0]]))
    h = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    values = layer.value(h)[:, None]
    attention = layer.attention(h, values, None, None)
    first = 1 / (1 + math.exp(-1.2))  # exp(1) / (exp(1) + exp(-0.2)) = 0.76852
    second = 1 / (1 + math.exp(-2))  # exp(2) / (exp(2) + exp(0)) = 0.88080
    assert first == pytest.approx(0.76852, abs=1e-5)
    assert second == pytest.approx(0.88080, abs=1e-5)
    wanted = torch.tensor([[[[first, 1 - first], [second, 1 - second]]]])
    torch.testing.assert_close(attention, wanted)
    mixed = attention @ values
    by_hand = torch.tensor([[1.23148, 0.46295], [1.11920, 0.23841]])
    torch.testing.assert_close(mixed[0, 0], by_hand, atol=1e-5, rtol=0)
    out, same = layer(h, None, None)
    torch.testing.assert_close(same, wanted)
    after = h[0] + by_hand @ layer.out.weight.T + layer.out.bias
    torch.testing.assert_close(
        out[0], torch.nn.functional.layer_norm(after, (2,)), atol=1e-4, rtol=1e-4
    )


def test_dot_score_by_hand() -> None:
    """Identity projections: e_ij = h_i . h_j / sqrt(2) + 0.1 exp(-|w_i - w_j|)."""
    attention = FrameAttention(2, 1, DgatConfig(heads=1))
    with torch.no_grad():
        attention.query.weight.copy_(torch.eye(2))
        attention.key.weight.copy_(torch.eye(2))
    h = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    found = attention(h, h[:, None], torch.tensor([[0.2, 0.7]]), None)
    near = 0.1 * math.exp(-0.5)
    e = torch.tensor(
        [
            [1 / math.sqrt(2) + 0.1, 1 / math.sqrt(2) + near],
            [1 / math.sqrt(2) + near, 2.0**0.5 + 0.1],
        ]
    )
    torch.testing.assert_close(found[0, 0], torch.softmax(e, dim=-1))


@pytest.mark.parametrize("modulation", ["exp", "product", "absdiff"])
@pytest.mark.parametrize("score", ["dot", "gat", "sum"])
def test_constant_weight_leaves_attention_unchanged(score: str, modulation: str) -> None:
    dgat = Dgat(D, replace(SMALL, score=score, modulation=modulation, lambda_init=3.0)).double()
    x = torch.randn(2, 6, D, dtype=torch.float64)
    plain, attention = dgat(x)
    constant = torch.full((2, 6), 0.4, dtype=torch.float64)
    same, unmoved = dgat(x, constant)
    torch.testing.assert_close(unmoved, attention, atol=1e-14, rtol=0)
    torch.testing.assert_close(same, plain, atol=1e-13, rtol=0)
    varied = torch.linspace(0, 1, 6, dtype=torch.float64).expand(2, 6)
    assert (dgat(x, varied)[1] - attention).abs().max() > 1e-3


def test_consistency_of_frames_by_hand() -> None:
    w = torch.tensor([[0.5, 0.25]])
    assert frame_consistency(w, "product")[0].tolist() == [[0.25, 0.125], [0.125, 0.0625]]
    assert frame_consistency(w, "absdiff")[0].tolist() == [[1.0, 0.75], [0.75, 1.0]]
    assert frame_consistency(w, "exp")[0, 0].tolist() == pytest.approx([1, math.exp(-0.25)])


OPTIONS = [
    {},
    {"score": "gat"},
    {"score": "sum", "second_attention": True},
    {"adjacency": "band", "band_width": 2},
    {"activation": "relu"},
    {"use_lstm": False},
    {"lstm_layers": 2, "lstm_bidirectional": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_runs_and_padding_changes_nothing(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    dgat = Dgat(D, replace(SMALL, **options)).double()
    x = torch.randn(3, 7, D, dtype=torch.float64)
    w = torch.rand(3, 7, dtype=torch.float64)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 1 + [0] * 6]).bool()
    found, attention = dgat(x, w, mask)
    assert found.shape == (3, 5)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 3, 7, dtype=torch.float64))
    changed, _ = dgat(torch.where(mask[..., None], x, 99.0), w, mask)
    torch.testing.assert_close(changed, found)
    for i, length in enumerate(mask.sum(1).tolist()):
        alone, own = dgat(x[i : i + 1, :length], w[i : i + 1, :length])
        torch.testing.assert_close(alone[0], found[i])
        torch.testing.assert_close(own[0], attention[i, :, :length, :length])
    found.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in dgat.parameters() if p.grad is not None)


def test_temporal_band_looks_no_further() -> None:
    dgat = Dgat(D, replace(SMALL, adjacency="band", band_width=1))
    attention = dgat(torch.randn(1, 5, D))[1][0, 0]
    apart = (torch.arange(5)[:, None] - torch.arange(5)).abs()
    assert (attention[apart > 1] == 0).all()
    assert (attention[apart <= 1] > 0).all()


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="5 attention heads"):
        Dgat(D, DgatConfig(heads=5))
    with pytest.raises(ConfigError, match="band_width is -1"):
        DgatConfig(band_width=-1)
    with pytest.raises(ConfigError, match="lstm_hidden is 0"):
        DgatConfig(lstm_hidden=0)
