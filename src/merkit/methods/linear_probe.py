"""``linear-probe``: what frozen DINOv2 features give by themselves.

The class tokens of a frozen encoder, averaged over frames, and one linear layer (Oquab et al.
2024, "DINOv2: Learning robust visual features without supervision", section 7, linear probing).
Every trained row of a table should stand above this one.

Shapes: B clips, T frames, D frame vector, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import nn

from merkit.errors import ConfigError
from merkit.methods.base import RgbMethod
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.network import EncoderNetwork
from merkit.methods.masking import masked_mean
from merkit.samples.batch import Inputs
from merkit.samples.recipes import RgbRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Output


@dataclass(frozen=True, kw_only=True)
class LinearProbe(RgbMethod):
    """Settings of :class:`LinearProbeNetwork`.

    Args:
        encoder: a DINOv2 encoder, always frozen. ``tiny`` is refused: it has no pretrained
            weights, and a frozen random encoder would be a misleading row of a table.
        frames: T [D].
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

    def default_recipe(self) -> RgbRecipe:
        """Aligned frames of the size the encoder reads."""
        return RgbRecipe(frames=self.frames, align=self.encoder.alignment())

    def default_training(self) -> TrainConfig:
        """Adam 1e-3, best epoch on validation subjects [D]."""
        return TrainConfig(
            optimiser="adam", learning_rate=1e-3, epochs=100, patience=20, class_weights="inverse"
        )


class LinearProbeNetwork(EncoderNetwork):
    """The network; see :class:`LinearProbe`."""

    config: LinearProbe

    def __init__(self, config: LinearProbe, n_classes: int) -> None:
        super().__init__(config, n_classes, replace(config.encoder, tune="frozen"))
        width = self.encoder.width
        self.norm = nn.BatchNorm1d(width, affine=False) if config.normalise else nn.Identity()
        self.head = nn.Linear(width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``rgb`` u8 (B,T,3,S,S) or ``tokens`` (B,T,D), and optionally ``mask`` (B,T)."""
        features = masked_mean(self.encode(inputs), inputs.get("mask"))
        return Output(self.head(self.norm(features)), features)
