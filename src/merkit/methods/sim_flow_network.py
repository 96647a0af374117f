"""The network of ``sim-flow``: one onset-apex flow map to classes and action units.

Shapes: B clips, C classes, d features.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.methods.bundled import UNITS
from merkit.methods.losses import soft_cross_entropy
from merkit.samples.batch import Inputs
from merkit.training.network import Network, Output


class SimFlowNetwork(Network):
    """Two strided convolutions and one hidden layer, then a linear layer for each answer.

    Raises:
        ConfigError: in ``forward``, a map of another form.
    """

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
        )
        self.class_head = nn.Linear(64, n_classes)
        self.unit_head = nn.Linear(64, 2 * len(UNITS))
        self.nothing_head = nn.Linear(64, 1)

    def forward(self, inputs: Inputs) -> Output:
        """``flow_map`` (B,3,28,28), 0 to 255, channels strain, v, u -> logits (B,C) and features
        (B,d); ``aux``: ``units`` (B,12,2), logits of each action unit on the left and right of the
        person, and ``nothing`` (B,), the logit that nothing moved."""
        image = inputs["flow_map"]
        if image.shape[1:] != (3, 28, 28):
            raise ConfigError(f"flow map of shape {tuple(image.shape)}", "(B, 3, 28, 28)")
        features = self.trunk(image.to(self.class_head.weight.dtype) / 127.5 - 1)
        units = self.unit_head(features).unflatten(1, (len(UNITS), 2))
        aux = {"units": units, "nothing": self.nothing_head(features)[:, 0]}
        return Output(self.class_head(features), features, aux)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)
