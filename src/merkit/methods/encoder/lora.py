"""Low-rank adapters (LoRA, Hu et al. 2022) in the last blocks of a DINOv2 backbone, by peft."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from merkit.errors import ConfigError
from merkit.methods.encoder.config import EncoderConfig

#: our names -> attribute names of transformers' Dinov2Attention
_PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}


def add_lora(backbone: Any, config: EncoderConfig) -> None:
    """Put adapters into the last ``lora_blocks`` blocks, in place; nothing else stays trainable.

    W x becomes W x + (alpha / r) B A x with A (r, D) random and B (D, r) zero (HLoRA-MER eqs
    4-5; docs/methods/sfa-dgat.md), so an untrained adapter changes nothing.

    Raises:
        ConfigError: more blocks asked for than the backbone has.
    """
    from peft import LoraConfig, inject_adapter_in_model

    total = len(backbone.encoder.layer)
    if config.lora_blocks > total:
        raise ConfigError(
            f"encoder.lora_blocks is {config.lora_blocks}", f"at most the {total} of {config.name}"
        )
    chosen = "|".join(str(i) for i in range(total - config.lora_blocks, total))
    names = "|".join(_PROJECTIONS[t] for t in config.lora_targets)
    settings = LoraConfig(
        r=config.lora_rank,
        lora_alpha=cast(int, config.lora_alpha),  # peft divides by r, fractions work as well
        lora_dropout=config.lora_dropout,
        target_modules=rf"encoder\.layer\.({chosen})\.attention\.({names})",
    )
    backbone.requires_grad_(False)
    inject_adapter_in_model(settings, backbone)


def lora_parameters(module: nn.Module) -> int:
    """Number of trainable adapter weights."""
    return sum(p.numel() for n, p in module.named_parameters() if ".lora_" in n and p.requires_grad)
