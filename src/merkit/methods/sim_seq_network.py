"""The network of ``sim-seq``: region motion over a clip to classes and action units.

Shapes: B clips, T frames, C classes, d features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.face.regions import region_names
from merkit.methods.bundled import UNITS
from merkit.methods.losses import soft_cross_entropy
from merkit.samples.batch import Inputs, real_frames
from merkit.samples.flow_augment import mirror
from merkit.training.network import Network, Output

REGIONS = len(region_names(18))
WIDTH, FEATURES = 96, 128
#: motion in pixels below which a clip is not scaled up any further
_LEAST_PX = 1e-3
#: what is drawn in training: gain, noise in shares of a clip's root mean square, shift in time
_GAIN_LOG_SD, _NOISE_MAX, _SHIFT_FRAMES = 0.1, 0.2, 1
#: regions of each part of the face: brows, mouth, nose, eyelids; chances that nothing is seen
_PARTS = torch.tensor([4, 4, 6, 2, 1, 1])
_UNSEEN_REGION, _UNSEEN_PART = 0.08, 0.04


class SimSeqNetwork(Network):
    """Convolutions over time, and what they found at most and on average; the same of the mirrored
    clip, so that a face and its mirror image get the same answer with sides exchanged.

    A clip is divided by the size of its own motion, so that gain does not matter; that size is
    given to the answer of no movement alone.

    Raises:
        ConfigError: in ``forward``, motion of another form.
    """

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.lift = nn.Conv1d(2 * REGIONS, WIDTH, kernel_size=1)
        self.layers = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, kernel_size=5, padding=2) for _ in range(2)
        )
        self.join = nn.Linear(2 * WIDTH, FEATURES)
        self.class_head = nn.Linear(FEATURES, n_classes)
        self.unit_head = nn.Linear(FEATURES, 2 * len(UNITS))
        self.nothing_head = nn.Linear(FEATURES + 1, 1)

    def forward(self, inputs: Inputs) -> Output:
        """``flow`` (B,T,18,2) in pixels, optional ``mask`` (B,T) -> logits (B,C) and features
        (B,d); ``aux``: ``units`` (B,12,2), logits of each action unit on the left and right of the
        person, and ``nothing`` (B,), the logit that nothing moved."""
        flow = inputs["flow"]
        if flow.ndim != 4 or flow.shape[2:] != (REGIONS, 2):
            raise ConfigError(f"motion of shape {tuple(flow.shape)}", f"(B, T, {REGIONS}, 2)")
        mask = real_frames(inputs, "flow")
        flow = flow.to(self.class_head.weight.dtype) * mask[:, :, None, None]
        size = flow.square().sum(-1).mean(-1).amax(-1).sqrt().clamp(min=_LEAST_PX)
        flow = flow / size[:, None, None, None]
        seen = self._features(flow, mask)
        mirrored = self._features(mirror({"flow": flow})["flow"], mask)
        units = self._units(seen) + self._units(mirrored).flip(-1)
        features = (seen + mirrored) / 2
        known = torch.cat([features, size.log()[:, None]], dim=1)
        aux = {"units": units / 2, "nothing": self.nothing_head(known)[:, 0]}
        return Output(self.class_head(features), features, aux)

    def levelled(self, inputs: Inputs) -> Tensor:
        """What learning from simulation changes: motion (B,T,18,2) of clips without padding."""
        flow: Tensor = inputs["flow"]
        return flow

    def answer(self, flow: Tensor) -> Output:
        """The answer to motion (B,T,18,2)."""
        return self.forward({"flow": flow})

    @staticmethod
    def mirrored(flow: Tensor) -> Tensor:
        """Motion of the same faces seen in a mirror."""
        return mirror({"flow": flow})["flow"]

    @staticmethod
    def jittered(flow: Tensor, generator: torch.Generator) -> Tensor:
        """Motion, each clip changed by what must not matter: the gain of each region, noise in
        every frame but the first, where in the course it begins (first frames are held or passed
        over), and regions or whole parts of the face in which nothing is seen."""
        n, frames = flow.shape[:2]

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator)

        size = flow.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        shift = torch.randint(-_SHIFT_FRAMES, _SHIFT_FRAMES + 1, (n, 1), generator=generator)
        source = (torch.arange(frames) + shift).clamp(0, frames - 1)
        moved = flow[torch.arange(n)[:, None], source]
        moved = moved - moved[:, :1]  # motion is against the first frame, whichever that is
        gain = (_GAIN_LOG_SD * torch.randn(n, 1, REGIONS, 1, generator=generator)).exp()
        noise = (
            _NOISE_MAX * uniform(n, 1, 1, 1) * size * torch.randn(flow.shape, generator=generator)
        )
        noise[:, 0] = 0
        seen = uniform(n, REGIONS) >= _UNSEEN_REGION
        seen &= (uniform(n, len(_PARTS)) >= _UNSEEN_PART).repeat_interleave(_PARTS, dim=1)
        return (moved * gain + noise) * seen[:, None, :, None]

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)

    def _features(self, flow: Tensor, mask: Tensor) -> Tensor:
        """(B,d) of (B,T,18,2)."""
        real = mask[:, None].to(flow.dtype)
        x = nn.functional.gelu(self.lift(flow.flatten(2).transpose(1, 2))) * real
        for layer in self.layers:
            x = x + nn.functional.gelu(layer(x)) * real
        most = x.masked_fill(~mask[:, None], -torch.inf).amax(-1)
        mean = x.sum(-1) / real.sum(-1)
        return nn.functional.gelu(self.join(torch.cat([most, mean], dim=1)))

    def _units(self, features: Tensor) -> Tensor:
        units: Tensor = self.unit_head(features).unflatten(1, (len(UNITS), 2))
        return units
