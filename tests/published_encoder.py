"""DINOv2 of the published sizes without its weights: nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from transformers import Dinov2Config, Dinov2Model

from merkit.methods.encoder.config import EncoderConfig

#: Oquab et al. 2024, table 17: width, blocks, heads, SwiGLU feed-forward
SIZES = {
    "dinov2-small": (384, 12, 6, False),
    "dinov2-base": (768, 12, 12, False),
    "dinov2-giant": (1536, 40, 24, True),
}


@contextmanager
def random_weights() -> Iterator[None]:
    """Inside, encoders have the published geometry and random weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("merkit.methods.encoder.network.build_backbone", _backbone)
        yield


def _backbone(config: EncoderConfig) -> Dinov2Model:
    width, blocks, heads, swiglu = SIZES[config.name]
    geometry = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        use_swiglu_ffn=swiglu,
        patch_size=14,
        image_size=518,
    )
    return Dinov2Model(geometry).eval()
