"""One block of the encoder computes what is read, and the same as if it computed everything."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import Dinov2Config, Dinov2Model

from merkit.methods.encoder.block import run_block

FRAMES, TOKENS, WIDTH, HEADS = 3, 33, 64, 2
QUERIES = 2


def block(targets: tuple[str, ...] = ("q_proj", "v_proj"), dropout: float = 0.0, **geometry: Any):
    """A block whose adapters have something to add."""
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        initializer_range=0.2,
        **geometry,
    )
    model = Dinov2Model(config)
    if targets:
        lora = LoraConfig(r=4, lora_dropout=dropout, target_modules=list(targets))
        model.requires_grad_(False)
        inject_adapter_in_model(lora, model)
    for name, parameter in model.named_parameters():
        if ".lora_B" in name or name.endswith("bias"):
            nn.init.normal_(parameter, std=0.2)
    return model.encoder.layer[0].double().train()


def tokens() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (FRAMES, TOKENS, WIDTH)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def gradients(layer: nn.Module, x: torch.Tensor, found: torch.Tensor) -> dict[str, torch.Tensor]:
    weights = {n: p for n, p in layer.named_parameters() if p.requires_grad}
    layer.zero_grad()
    x.grad = None
    found.square().sum().backward()
    every = {"input": x, **weights}
    return {n: p.grad.clone() for n, p in every.items() if p.grad is not None}


@pytest.mark.parametrize(
    "targets", [("q_proj", "v_proj"), ("k_proj", "o_proj"), ("q_proj", "k_proj", "v_proj"), ()]
)
@pytest.mark.parametrize("geometry", [{}, {"use_swiglu_ffn": True}, {"qkv_bias": False}])
def test_few_queries_give_the_first_rows_and_the_same_gradients(
    targets: tuple[str, ...], geometry: dict[str, Any]
) -> None:
    """Without adapters every weight is tuned."""
    layer, x = block(targets, **geometry), tokens()
    few, every = run_block(layer, x, QUERIES), run_block(layer, x)[:, :QUERIES]
    assert few.shape == (FRAMES, QUERIES, WIDTH)
    torch.testing.assert_close(few, every, rtol=1e-10, atol=1e-10)
    found, wanted = gradients(layer, x, few), gradients(layer, x, every)
    assert set(found) == set(wanted)
    assert len(found) == 1 + (2 * len(targets) or len(list(layer.parameters())))
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-8, atol=1e-10, msg=name)


def test_adapters_add_what_peft_adds() -> None:
    layer, x = block(("q_proj", "k_proj", "v_proj", "o_proj")), tokens()
    found = run_block(layer, x)
    torch.testing.assert_close(found, layer(x), rtol=1e-10, atol=1e-10)
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        getattr(layer.attention, name).enable_adapters(False)
    bare = layer(x)
    assert (found - bare).abs().max() > 0.1
    torch.testing.assert_close(run_block(layer, x), bare)
    torch.testing.assert_close(run_block(layer, x, 1), bare[:, :1])


def test_few_queries_cost_little() -> None:
    """No product of a matrix with every token is left, forwards or backwards."""
    layer, x = block(), tokens()
    with FlopCounterMode(display=False) as counter:
        run_block(layer, x, 1).sum().backward()
    one_projection = 2 * FRAMES * TOKENS * WIDTH**2
    assert 0 < counter.get_total_flops() < 2 * one_projection
    with FlopCounterMode(display=False) as counter:
        run_block(layer, x).sum().backward()
    assert counter.get_total_flops() > 20 * one_projection


def test_dropout_of_adapters_falls_on_every_token() -> None:
    seen: list[torch.Size] = []
    layer, x = block(dropout=0.5), tokens()
    down = layer.attention.v_proj.lora_A["default"]
    down.register_forward_hook(lambda _, args, __: seen.append(args[0].shape))
    assert not torch.equal(run_block(layer, x, 1), run_block(layer, x, 1))
    assert seen == [x.shape, x.shape]
    layer.eval()
    torch.testing.assert_close(run_block(layer, x, 1), run_block(layer, x)[:, :1])


@pytest.mark.parametrize("n_queries", [None, 1])
def test_16_bit_stays_near_the_exact_values_and_gradients(n_queries: int | None) -> None:
    layer, x = block(), tokens()
    exact = run_block(layer, x, n_queries)
    wanted = gradients(layer, x, exact)
    layer.to(torch.bfloat16)
    rough_x = x.detach().to(torch.bfloat16).requires_grad_()
    rough = run_block(layer, rough_x, n_queries)
    with torch.no_grad():  # torch's fused attention
        torch.testing.assert_close(run_block(layer, rough_x, n_queries), rough, rtol=0.1, atol=0.1)
    found = gradients(layer, rough_x, rough)
    for name, gradient in wanted.items():
        gap = (found[name].double() - gradient).norm() / gradient.norm()
        assert gap < 0.1, (name, float(gap))
