"""The network of ``sim-flow``: one onset-apex flow map to classes and action units.

Shapes: B clips, C classes, d features, U action units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.errors import ConfigError
from merkit.methods.bundled import UNITS
from merkit.methods.losses import soft_cross_entropy
from merkit.samples.batch import Inputs
from merkit.training.network import Network, Output

#: a channel whose values hardly differ is not blown up to noise (grey levels of 255)
_LEAST_RMS = 1.0
#: what the network must not mind, as it is drawn in training: size of the crop, its place in shares
#: of half of it, the gain of each channel, its offset and its noise in shares of its own root mean
#: square
_SIZE_SD, _SHIFT_SD, _GAIN_LOG_SD, _OFFSET_SD, _NOISE_MAX = 0.08, 0.08, 0.2, 0.1, 0.25


class SimFlowNetwork(Network):
    """Three convolutions, one hidden layer, and a linear layer for each answer.

    Each channel is centred on its median, where most of a face lies still whatever the head does,
    and divided by its root mean square, so that neither offset nor gain of a map matters. When it
    is asked, not trained, it looks at the map and at its mirror image and answers by the mean, so
    that left and right are alike to it.

    Args:
        channels: of the three convolutions.
        hidden: d.

    Raises:
        ConfigError: in ``forward``, a map of another form.
    """

    def __init__(
        self,
        config: Any,
        n_classes: int,
        channels: tuple[int, int, int] = (24, 32, 64),
        hidden: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(config, n_classes)
        first, second, third = channels
        self.trunk = nn.Sequential(
            nn.Conv2d(3, first, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(second, third, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(third),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(third * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.class_head = nn.Linear(hidden, n_classes)
        self.unit_head = nn.Linear(hidden, 2 * len(UNITS))
        self.nothing_head = nn.Linear(hidden, 1)

    def forward(self, inputs: Inputs) -> Output:
        """``flow_map`` (B,3,28,28), 0 to 255, channels strain, v, u -> logits (B,C) and features
        (B,d); ``aux``: ``units`` (B,U,2), logits of each action unit on the left and right of the
        person, and ``nothing`` (B,), the logit that nothing moved."""
        maps = self.levelled(inputs)
        if self.training:
            return self.answer(maps)
        straight, twin = self.answer(maps), self.answer(self.mirrored(maps))
        units = (straight.aux["units"] + twin.aux["units"].flip(-1)) / 2
        nothing = (straight.aux["nothing"] + twin.aux["nothing"]) / 2
        logits = (straight.logits + twin.logits) / 2
        features = (straight.features + twin.features) / 2
        return Output(logits, features, {"units": units, "nothing": nothing})

    def levelled(self, inputs: Inputs) -> Tensor:
        """Maps (B,3,28,28) free of offset and gain."""
        image = inputs["flow_map"]
        if image.shape[1:] != (3, 28, 28):
            raise ConfigError(f"flow map of shape {tuple(image.shape)}", "(B, 3, 28, 28)")
        image = image.to(self.class_head.weight.dtype)
        centred = image - image.flatten(2).median(dim=-1).values[..., None, None]
        rms = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
        return centred / rms.clamp_min(_LEAST_RMS)

    def answer(self, maps: Tensor) -> Output:
        """The answer to levelled maps, not to their mirror images."""
        features = self.trunk(maps)
        units = self.unit_head(features).unflatten(1, (len(UNITS), 2))
        aux = {"units": units, "nothing": self.nothing_head(features)[:, 0]}
        return Output(self.class_head(features), features, aux)

    @staticmethod
    def mirrored(maps: Tensor) -> Tensor:
        """Levelled maps of the same faces seen in a mirror."""
        flipped = maps.flip(-1)
        return torch.cat([flipped[:, :2], -flipped[:, 2:]], dim=1)

    @staticmethod
    def jittered(maps: Tensor, generator: torch.Generator) -> Tensor:
        """Levelled maps, each changed by what must not matter: crop, gain, offset, noise."""
        n, channels = maps.shape[:2]

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        place = torch.zeros(n, 2, 3)
        place[:, [0, 1], [0, 1]] = 1 + _SIZE_SD * normal(n, 2)
        place[:, :, 2] = _SHIFT_SD * normal(n, 2)
        grid = F.affine_grid(place, list(maps.shape), align_corners=False)
        moved = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)
        gain = (_GAIN_LOG_SD * normal(n, channels, 1, 1)).exp()
        noise = _NOISE_MAX * torch.rand(n, 1, 1, 1, generator=generator)
        offset = _OFFSET_SD * normal(n, channels, 1, 1)
        return moved * gain + offset + noise * normal(*maps.shape)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)
