"""``ststnet``: the shallow triple-stream network, the field's usual small baseline.

Liong, Gan, See, Khor & Huang 2019, "Shallow Triple Stream Three-dimensional CNN (STSTNet)
for Micro-expression Recognition", FG. As in the authors' PyTorch code, with the names of its
state dicts (``conv1`` ... ``fc``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.flow.config import FlowConfig
from merkit.methods.base import Method
from merkit.methods.losses import soft_cross_entropy
from merkit.methods.ststnet_stack import StackedStstnet
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror_map
from merkit.samples.recipes import FlowMapRecipe
from merkit.training.config import TrainConfig
from merkit.training.loop import Stack, Training
from merkit.training.network import Network, Output


@dataclass(frozen=True, kw_only=True)
class Ststnet(Method):
    """``filters`` of the three streams, ``dropout`` after their pooling."""

    name: ClassVar[str] = "ststnet"
    title: ClassVar[str] = "Shallow triple-stream network on onset-apex flow"
    citation: ClassVar[str] = "Liong et al. 2019, FG"

    flow: FlowConfig = field(default_factory=lambda: FlowConfig(estimator="tvl1"))
    filters: tuple[int, int, int] = (3, 5, 8)
    dropout: float = 0.5

    def build(self, n_classes: int) -> StstnetNetwork:
        return StstnetNetwork(self, n_classes)

    def default_recipe(self) -> FlowMapRecipe:
        """One flow map from onset to apex."""
        return FlowMapRecipe(flow=self.flow)

    def default_training(self) -> TrainConfig:
        """Adam 5e-5, batch 256, 800 epochs, the last one kept [CODE]."""
        return TrainConfig(
            optimiser="adam",
            learning_rate=5e-5,
            batch_size=256,
            epochs=800,
            patience=0,
            selection="last",
        )

    def stacked(self, trainings: Sequence[Training]) -> Stack:
        """On a processor by the way that was made for it, which reads the clips as they are, in
        32 bits."""
        plain = type(self).augmented is Method.augmented and not trainings[0].bf16
        if plain and trainings[0].clips.device.type == "cpu":
            return StackedStstnet(trainings)
        return super().stacked(trainings)

    def mirrored(self, inputs: Inputs) -> Inputs:
        return {**inputs, "flow_map": mirror_map(inputs["flow_map"])}


class StstnetNetwork(Network):
    """Three parallel 3×3 convolutions over one onset-apex flow map of 3×28×28.

    28×28 becomes 30×30 (padding 2), 10×10 (max-pool) and 5×5 (average pool): 400 features at
    16 channels.

    Raises:
        ConfigError: in ``forward``, a map of another form.
    """

    config: Ststnet

    def __init__(self, config: Ststnet, n_classes: int) -> None:
        super().__init__(config, n_classes)
        first, second, third = config.filters
        self.conv1 = nn.Conv2d(3, first, kernel_size=3, padding=2)
        self.conv2 = nn.Conv2d(3, second, kernel_size=3, padding=2)
        self.conv3 = nn.Conv2d(3, third, kernel_size=3, padding=2)
        self.bn1 = nn.BatchNorm2d(first)
        self.bn2 = nn.BatchNorm2d(second)
        self.bn3 = nn.BatchNorm2d(third)
        self.max_pool = nn.MaxPool2d(kernel_size=3, stride=3, padding=1)
        self.average_pool = nn.AvgPool2d(kernel_size=2, stride=2)
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(5 * 5 * sum(config.filters), n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``flow_map`` (B,3,28,28), 0 to 255, channels strain, v, u (B,G,R of the public
        images) -> logits and the 400 features."""
        image = inputs["flow_map"]
        if image.shape[1:] != (3, 28, 28):
            raise ConfigError(f"flow map of shape {tuple(image.shape)}", "(B, 3, 28, 28)")
        image = image.to(self.fc.weight.dtype)
        pairs = ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3))
        streams = [
            self.dropout(self.max_pool(norm(convolution(image).relu())))
            for convolution, norm in pairs
        ]
        features = self.average_pool(torch.cat(streams, dim=1)).flatten(1)
        return Output(self.fc(features), features)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)
