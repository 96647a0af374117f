"""One transformer block of the encoder, which computes what is read of it and no more.

Shapes: M frames, N tokens, D width, H heads of width d, Q queries.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def run_block(layer: Any, x: Tensor, n_queries: int | None = None) -> Tensor:
    """One pre-norm block of DINOv2 on tokens (M,N,D), without drop path.

    Args:
        layer: a transformers ``Dinov2Layer`` or ``Dinov2WithRegistersLayer``; adapters in its
            projections and either feed-forward (MLP, SwiGLU) are used as they are.
        x: tokens.
        n_queries: compute only the first tokens of the result, few of them; every token is still
            attended to. None: all.

    Returns:
        (M, n_queries or N, D)
    """
    attention, h = layer.attention, layer.norm1(x)
    top: Tensor = x[:, :n_queries]
    if n_queries is None or _drops_input(attention):
        mixed = _attend(attention, h[:, :n_queries], h)
    else:
        mixed = _attend_from_few(attention, h[:, :n_queries], h)
    top = torch.addcmul(top, _project(attention.o_proj, mixed), layer.layer_scale1.lambda1)
    top = torch.addcmul(top, layer.mlp(layer.norm2(top)), layer.layer_scale2.lambda1)
    return top


def _attend(attention: Any, queries: Tensor, h: Tensor) -> Tensor:
    """What queries (M,Q,D) find in tokens (M,N,D), both normalised: (M,Q,D)."""
    mixed: Tensor
    q = _heads(_project(attention.q_proj, queries), attention).transpose(1, 2)
    k = _heads(_project(attention.k_proj, h), attention).transpose(1, 2)
    v = _heads(_project(attention.v_proj, h), attention).transpose(1, 2)
    if q.device.type == "cpu" and q.dtype != torch.float32 and q.requires_grad:
        # torch's fused attention takes twice as long backwards as it does written out
        mixed = (attention.scaling * q @ k.transpose(-1, -2)).softmax(-1) @ v
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, scale=attention.scaling)
    mixed = mixed.transpose(1, 2).flatten(2)
    return mixed


def _attend_from_few(attention: Any, queries: Tensor, h: Tensor) -> Tensor:
    """The same for few queries, without key and value of every token: q (W h) is (q W) h, and
    the mean of all W h is W times the mean of h. That is Q/d of the arithmetic."""
    q = attention.scaling * _heads(_project(attention.q_proj, queries), attention)
    key, value = (_by_head(p, attention) for p in (attention.k_proj, attention.v_proj))
    reach = torch.einsum("mqhd,hde->mqhe", q, key)
    scores = reach.flatten(1, 2) @ h.transpose(1, 2)  # (M,QH,N)
    if attention.k_proj.bias is not None:  # the same for every token, and trained where all is
        bias = (q * _heads(attention.k_proj.bias, attention)).sum(-1)
        scores = scores + bias.flatten(1, 2).unsqueeze(-1)
    means = (scores.softmax(-1) @ h).reshape(reach.shape)
    mixed: Tensor = torch.einsum("mqhe,hde->mqhd", means, value).flatten(2)
    if attention.v_proj.bias is not None:
        mixed = mixed + attention.v_proj.bias
    return mixed


def _project(projection: Any, x: Tensor) -> Tensor:
    """A linear layer on tokens (M,N,D); as peft's, but that the adapters' part is added within the
    product that makes it, without three more passes over tokens."""
    y: Tensor = F.linear(x, projection.weight, projection.bias)
    for name in _adapters(projection):
        narrow = projection.lora_A[name](projection.lora_dropout[name](x)).flatten(0, 1)
        wide = projection.lora_B[name].weight.T
        y = torch.addmm(y.flatten(0, 1), narrow, wide, alpha=projection.scaling[name]).view_as(y)
    return y


def _heads(y: Tensor, attention: Any) -> Tensor:
    """(...,D) to (...,H,d)."""
    return y.reshape(*y.shape[:-1], -1, attention.head_dim)


def _by_head(projection: Any, attention: Any) -> Tensor:
    """Matrix (H,d,D) of a projection, its adapters added."""
    weight: Tensor = projection.weight
    for name in _adapters(projection):
        weight = weight + projection.get_delta_weight(name)
    return weight.reshape(-1, attention.head_dim, weight.shape[-1])


def _adapters(projection: Any) -> list[str]:
    """Names of the adapters that are switched on."""
    on = not getattr(projection, "disable_adapters", True)  # a layer without any has no switch
    return list(projection.active_adapters) if on else []


def _drops_input(attention: Any) -> bool:
    """Whether adapters drop some of every token at random, which no matrix does."""
    drops = (m for m in attention.modules() if isinstance(m, nn.Dropout))
    return attention.training and any(m.p > 0 for m in drops)
