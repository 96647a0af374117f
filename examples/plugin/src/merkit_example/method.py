"""``motion-tcn``: dilated convolutions over the motion of facial regions.

Each layer sees twice as far in time as the one before (Bai, Kolter & Koltun 2018,
arXiv:1803.01271, without its causality: a whole clip is there at once).

Shapes: B clips, T frames, R regions, d width, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from merkit.config import check_settings
from merkit.flow.config import FlowConfig
from merkit.methods.base import RegionFlowMethod
from merkit.methods.losses import soft_cross_entropy
from merkit.methods.masking import masked_max, masked_mean, zero_padding
from merkit.samples.batch import Inputs, real_frames
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Network, Output


@dataclass(frozen=True, kw_only=True)
class MotionTcn(RegionFlowMethod):
    """``frames`` T; ``width`` d; ``layers``: the last sees 2^layers frames to each side;
    ``flow``: motion against the first frame."""

    name: ClassVar[str] = "motion-tcn"
    title: ClassVar[str] = "Dilated convolutions over regional motion"
    citation: ClassVar[str] = "an example; the network after Bai et al. 2018, arXiv:1803.01271"

    frames: int = 16
    width: int = 32
    layers: int = 3
    dropout: float = 0.1
    flow: FlowConfig = field(default_factory=lambda: FlowConfig(reference="first"))

    def __post_init__(self) -> None:
        wanted = {
            "frames": (self.frames >= 1, "1 or more"),
            "width": (self.width >= 1, "1 or more"),
            "layers": (1 <= self.layers <= 8, "1 to 8"),
            "dropout": (0 <= self.dropout < 1, "0 to below 1"),
        }
        check_settings(self, "", wanted)
        super().__post_init__()

    def build(self, n_classes: int) -> MotionTcnNetwork:
        return MotionTcnNetwork(self, n_classes)

    def default_recipe(self) -> RegionFlowRecipe:
        """T frames from the first to the last of a clip."""
        return RegionFlowRecipe(frames=self.frames, flow=self.flow)

    def default_training(self) -> TrainConfig:
        return TrainConfig(learning_rate=3e-3, epochs=40, patience=10, class_weights="inverse")


class MotionTcnNetwork(Network):
    """The network; see :class:`MotionTcn`."""

    config: MotionTcn

    def __init__(self, config: MotionTcn, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.lift = nn.Conv1d(2 * config.flow.regions, config.width, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(config.width, config.width, 3, padding=2**i, dilation=2**i)
            for i in range(config.layers)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * config.width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``flow`` (B,T,R,2) and optionally ``mask`` (B,T) to logits (B,C) and features (B,2d)."""
        mask = real_frames(inputs, "flow")
        flow = zero_padding(inputs["flow"].flatten(2), mask).to(self.head.weight.dtype)
        x = self.lift(flow.transpose(1, 2))
        for layer in self.layers:
            x = zero_padding(x.transpose(1, 2), mask).transpose(1, 2)  # as beyond the clip's end
            x = x + nn.functional.gelu(layer(x))
        x = x.transpose(1, 2)
        features = torch.cat([masked_mean(x, mask), masked_max(x, mask)], dim=1)
        return Output(self.head(self.dropout(features)), features)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)
