"""``linear-probe``: what frozen DINOv2 features give by themselves.

The class tokens of a frozen encoder, averaged over frames, and one linear layer (Oquab et al.
2024, "DINOv2: Learning robust visual features without supervision", section 7, linear probing).
Every trained row of a table should stand above this one.

Shapes: B clips, T frames, D frame vector, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.errors import ConfigError
from merkit.methods.base import RgbMethod
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.network import EncoderNetwork
from merkit.methods.masking import masked_mean
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror_map
from merkit.samples.recipes import FlowMapRecipe, Recipe, RgbRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Output


@dataclass(frozen=True, kw_only=True)
class LinearProbe(RgbMethod):
    """Settings of :class:`LinearProbeNetwork`.

    Args:
        encoder: a DINOv2 encoder, always frozen. ``tiny`` is refused: it has no pretrained
            weights, and a frozen random encoder would be a misleading row of a table.
        picture: what the encoder reads of a clip: aligned ``face`` pictures, or its one
            ``flow-map`` from onset to apex, measured or published, grown to the encoder's size;
            u, v and strain are red, green and blue. Flow maps are not augmented.
        frames: T of ``face`` [D].
        normalise: bring features to mean 0 and variance 1 of the training clips before the
            linear layer, by batch normalisation without its own weights (as He et al. 2022,
            "Masked autoencoders", appendix A.1).

    Raises:
        ConfigError: an encoder that is not frozen, without weights, or without one vector a
            frame.
    """

    name: ClassVar[str] = "linear-probe"
    title: ClassVar[str] = "Frozen DINOv2 class tokens and one linear layer"
    citation: ClassVar[str] = "Oquab et al. 2024, TMLR"

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    picture: Literal["face", "flow-map"] = "face"
    frames: int = 8
    normalise: bool = True

    def __post_init__(self) -> None:
        if self.encoder.name == "tiny":
            raise ConfigError(
                "encoder.name is 'tiny', which has no pretrained weights",
                "a DINOv2 encoder: the probe shows what its frozen features are worth",
                "choose dinov2-small, or a folder of weights by encoder.path",
            )
        if self.encoder.tune not in (None, "frozen"):
            raise ConfigError(
                f"encoder.tune is '{self.encoder.tune}'",
                "frozen: a probe trains its linear layer alone",
                "leave encoder.tune out, or use sfa-dgat for a tuned encoder",
            )
        if self.encoder.output == "tokens":
            raise ConfigError("encoder.output is 'tokens'", "cls, patch_mean or cls_mean")
        if self.frames < 1:
            raise ConfigError(f"frames is {self.frames}", "at least 1")
        super().__post_init__()

    def build(self, n_classes: int) -> LinearProbeNetwork:
        return LinearProbeNetwork(self, n_classes)

    def default_recipe(self) -> Recipe:
        """Aligned frames of the size the encoder reads, or a flow map."""
        if self.picture == "flow-map":
            return FlowMapRecipe()
        return RgbRecipe(frames=self.frames, align=self.encoder.alignment())

    def default_training(self) -> TrainConfig:
        """Adam 1e-3, best epoch on validation subjects [D]."""
        return TrainConfig(
            optimiser="adam",
            learning_rate=1e-3,
            epochs=100,
            patience=20,
            class_weights="inverse",
            augment=self.picture == "face",
        )

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]:
        """See ``Method.augmented``; flow maps as they came."""
        if "flow_map" in inputs:
            return inputs, targets
        return super().augmented(inputs, targets, generator)

    def mirrored(self, inputs: Inputs) -> Inputs:
        """See ``RgbMethod.mirrored``."""
        if "flow_map" in inputs:
            return {**inputs, "flow_map": mirror_map(inputs["flow_map"])}
        return super().mirrored(inputs)


class LinearProbeNetwork(EncoderNetwork):
    """The network; see :class:`LinearProbe`."""

    config: LinearProbe

    def __init__(self, config: LinearProbe, n_classes: int) -> None:
        super().__init__(config, n_classes, replace(config.encoder, tune="frozen"))
        width = self.encoder.width
        self.norm = nn.BatchNorm1d(width, affine=False) if config.normalise else nn.Identity()
        self.head = nn.Linear(width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``rgb`` u8 (B,T,3,S,S), ``flow_map`` (B,3,M,M) or ``tokens`` (B,T,D), and optionally
        ``mask`` (B,T)."""
        features = masked_mean(self.encode(self._pictures(inputs)), inputs.get("mask"))
        return Output(self.head(self.norm(features)), features)

    def frozen(self, inputs: Inputs) -> Inputs:
        """See ``EncoderNetwork.frozen``."""
        return super().frozen(self._pictures(inputs))

    def _pictures(self, inputs: Inputs) -> Inputs:
        """Flow maps, B,G,R, as clips of one R,G,B frame."""
        if "flow_map" not in inputs:
            return inputs
        others = {name: value for name, value in inputs.items() if name != "flow_map"}
        size = self.encoder.config.resolved_size_px
        image = inputs["flow_map"].flip(1).float()
        grown = F.interpolate(image, (size, size), mode="bilinear", antialias=True)
        return others | {"rgb": grown[:, None]}
