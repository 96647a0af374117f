"""``hlora-mer``: DINOv2 tuned in its highest blocks, and a hierarchical fusion of frames.

Shao, Cheng, Zhou, Xiang, Li, Liu & Yeung 2024, "High-level LoRA and hierarchical fusion for
enhanced micro-expression recognition": low-rank adapters in the last N_l blocks; an
inter-frame feature aggregator (IFFA, eqs 8 to 11), a spatio-temporal feature aggregator (STFA,
eq 12) and a linear layer over both (eq 13). Paper and published code differ: ``variant``
chooses.

The default encoder is the paper's, dinov2-giant: 1.1 billion parameters, 4.5 GB of weights.
``encoder.name=tiny`` runs anywhere and is trained from scratch.

What the published code does and this does not, whatever the variant: it keeps the best test
accuracy of each held-out subject; loads plain weights into a four-register model, whose
registers then stay near zero; scales pixels by statistics of all clips of a subject, the test
subject's among them (``pixels="code"`` does so clip by clip); logs a weighted F1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.methods.base import RgbMethod
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.network import EncoderNetwork
from merkit.methods.hlora_fusion import (
    Gat,
    GatConfig,
    Iffa,
    IffaConfig,
    pool_code,
    pooled_width,
)
from merkit.methods.masking import masked_mean, zero_padding
from merkit.samples.augment import AugmentConfig
from merkit.samples.batch import Inputs, real_frames
from merkit.samples.recipes import RgbRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Output

#: A crop twice the face box of the authors [R]: the box around the landmarks of ``MEAN_FACE``, of
#: 2.29 eye distances, its middle 0.71 below the eyes.
_CODE_EYE_DISTANCE, _CODE_EYE_Y = 0.218, 0.346


@dataclass(frozen=True, kw_only=True)
class HloraMer(RgbMethod):
    """Settings of :class:`HloraMerNetwork`; N_l is ``encoder.lora_blocks`` (0 to 4 in the
    ablation).

    ``variant``: ``paper`` equations, or the network of the published ``code``: a plain graph
    attention network over neighbouring frames in place of IFFA, no ReLU in STFA, adapters
    scaled by 1/16, and its frames, crop, pixels and 600 steps, unless a setting says otherwise.
    ``frames`` t. Without
    ``use_iffa`` and ``use_stfa`` frames are averaged before the linear layer ("w/o HFM").

    ``iffa`` is read in paper form, ``gat`` in code form. ``stfa_filter`` None: t/2.
    ``pixels``: ``imagenet`` statistics, or ``code``: B,G,R order, each clip's mean subtracted
    and divided by its maximum; None: as ``variant``. ``augment``: horizontal flip alone [TEXT].
    """

    name: ClassVar[str] = "hlora-mer"
    title: ClassVar[str] = "High-level LoRA of DINOv2 with hierarchical fusion"
    citation: ClassVar[str] = "Shao et al. 2024, HLoRA-MER"

    variant: Literal["paper", "code"] = "paper"
    encoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(name="dinov2-giant"))
    frames: int = 8
    use_iffa: bool = True
    use_stfa: bool = True
    iffa: IffaConfig = field(default_factory=IffaConfig)
    gat: GatConfig = field(default_factory=GatConfig)
    stfa_filter: int | None = None
    pixels: Literal["imagenet", "code"] | None = None
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(rotation_deg=0.0, scale=0.0, shift=0.0)
    )

    @property
    def filter_size(self) -> int:
        """Side of the STFA filter."""
        return self.stfa_filter or max(self.frames // 2, 1)

    @property
    def scaling(self) -> Literal["imagenet", "code"]:
        """How pixels are scaled."""
        return self.pixels or ("code" if self.variant == "code" else "imagenet")

    def build(self, n_classes: int) -> HloraMerNetwork:
        return HloraMerNetwork(self, n_classes)

    def default_recipe(self) -> RgbRecipe:
        """t aligned frames; the code steps by ⌊N/t⌋ and so never reaches the last frames, leaves
        out clips of fewer than t, and crops twice the face box."""
        align = self.encoder.alignment()
        if self.variant == "paper":
            return RgbRecipe(frames=self.frames, align=align)
        align = replace(align, eye_distance=_CODE_EYE_DISTANCE, eye_y=_CODE_EYE_Y)
        return RgbRecipe(frames=self.frames, sampling="step", min_frames=self.frames, align=align)

    def default_training(self) -> TrainConfig:
        """Adam 1e-3 constant, batch 36 [TEXT]; weight decay 1e-3, 600 steps and no flip in the
        code. The paper names no number of epochs."""
        code = self.variant == "code"
        return TrainConfig(
            optimiser="adam",
            learning_rate=1e-3,
            weight_decay=1e-3 if code else 0.0,
            batch_size=36,
            epochs=100,
            steps=600 if code else 0,
            patience=0,
            augment=not code,
        )


class HloraMerNetwork(EncoderNetwork):
    """The network; see :class:`HloraMer`.

    With the giant encoder 196,608 adapter weights train in two blocks, and in ``code`` form
    about 9.43 million in all.

    Raises:
        ConfigError: an encoder that gives no frame vector, or a filter larger than the clip.
    """

    config: HloraMer

    def __init__(self, config: HloraMer, n_classes: int) -> None:
        _check(config)
        super().__init__(config, n_classes, _encoder_config(config))
        width, code = self.encoder.width, config.variant == "code"
        size = 0
        if config.use_iffa:
            self.iffa: Gat | Iffa = Gat(config.gat, width) if code else Iffa(config.iffa, width)
            size += pooled_width(width) if code else (config.iffa.width or width)
        if config.use_stfa:
            self.stfa = nn.Conv2d(1, 1, config.filter_size)
            size += pooled_width(width - config.filter_size + 1)
        self.head = nn.Linear(size or width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``rgb`` (B,T,3,S,S) or ``tokens`` of the frozen part; optional ``mask`` (B,T).

        Returns logits, the fused vector, and in aux ``attention`` (B,heads,T,T): of the graph
        heads in ``code`` form, the mean over channels with one head in ``paper`` form.
        """
        mask = real_frames(inputs, "tokens" if "tokens" in inputs else "rgb")
        frames = zero_padding(self.encode(inputs), mask)
        aux: dict[str, Tensor] = {}
        parts = []
        if self.config.use_stfa:
            parts.append(self._stfa(frames, mask))
        if self.config.use_iffa:
            fused, aux["attention"] = self.iffa(frames, mask)
            parts.append(pool_code(fused, mask) if fused.ndim == 3 else fused)
        features = torch.cat(parts, dim=-1) if parts else masked_mean(frames, mask)
        return Output(self.head(features), features, aux)

    def frozen_key(self) -> str | None:
        """Identity of the blocks below the tuned ones, and of how pixels are scaled."""
        key = super().frozen_key()
        return None if key is None else f"{key}-{self.config.scaling}"

    def _stfa(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Filter over (D,T), then max over time and over channels (B,·) (eq 12).

        At t=8 and D=1536 the filter gives 1533×5 and the pools 765. Only windows of real frames
        count; a clip with none gives zeros.
        """
        response = self.stfa(frames.transpose(1, 2).unsqueeze(1)).squeeze(1)
        if self.config.variant == "paper":
            response = response.relu()
        whole = mask.unfold(1, self.config.filter_size, 1).all(dim=-1)
        return pool_code(response.transpose(1, 2), whole)

    def pixels(self, rgb: Tensor) -> Tensor:
        """See ``EncoderNetwork.pixels``; each clip scaled as in the published code, if so set."""
        if self.config.scaling == "imagenet":
            return rgb
        bgr = rgb.flip(2).float()
        bgr = bgr - bgr.mean(dim=(1, 2, 3, 4), keepdim=True)
        return bgr / bgr.amax(dim=(1, 2, 3, 4), keepdim=True).clamp(min=1e-6)


def _encoder_config(config: HloraMer) -> EncoderConfig:
    encoder = config.encoder
    if config.variant == "code" and encoder.lora_alpha is None:
        encoder = replace(encoder, lora_alpha=1.0)
    if config.scaling == "code":  # pixels arrive scaled; this undoes the encoder's own scaling
        encoder = replace(encoder, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
    return encoder


def _check(config: HloraMer) -> None:
    if config.encoder.output == "tokens":
        raise ConfigError("encoder.output is 'tokens'", "cls, patch_mean or cls_mean: one vector")
    if config.use_stfa and config.filter_size > config.frames:
        raise ConfigError(
            f"stfa_filter={config.filter_size} with frames={config.frames}",
            "a filter no larger than the clip",
        )
