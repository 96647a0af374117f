"""Recognisers with random weights, that stand for those trained on simulated faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from merkit.flow.config import FlowConfig
from merkit.methods.bundled import UNITS, save_bundled
from merkit.methods.losses import soft_cross_entropy
from merkit.methods.sim_flow import SimFlow
from merkit.methods.sim_seq import SimSeq
from merkit.methods.simulated import SimulatedMethod
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.network import Network, Output


def sim_flow_folder(folder: Path, seed: int = 0) -> Path:
    """A ``sim-flow`` whose classes differ from clip to clip."""
    return _write(folder, SimFlow(start="random"), seed)


def sim_seq_folder(folder: Path, seed: int = 0) -> Path:
    """A ``sim-seq`` whose classes differ from clip to clip."""
    return _write(folder, SimSeq(start="random"), seed)


@dataclass(frozen=True, kw_only=True)
class RegionRecogniser(SimulatedMethod):
    """Stands for a recogniser of region sequences."""

    name: ClassVar[str] = "region-recogniser"
    title: ClassVar[str] = "A recogniser of region sequences for tests"
    citation: ClassVar[str] = "nobody"

    def scratch(self, n_classes: int) -> RegionNetwork:
        return RegionNetwork(self, n_classes)

    def scratch_recipe(self) -> RegionFlowRecipe:
        return RegionFlowRecipe(frames=6, flow=FlowConfig(reference="first"))

    def example(self) -> Inputs:
        return {"flow": torch.zeros(2, 6, 18, 2)}

    def mirrored(self, inputs: Inputs) -> Inputs:
        return mirror(inputs)


class RegionNetwork(Network):
    def __init__(self, config: RegionRecogniser, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.norm = nn.BatchNorm1d(36)
        self.heads = nn.Linear(36, n_classes + 2 * len(UNITS) + 1)

    def forward(self, inputs: Inputs) -> Output:
        features = self.norm(inputs["flow"].flatten(2).mean(1).to(self.heads.weight.dtype))
        said, units, nothing = self.heads(features).split([self.n_classes, 2 * len(UNITS), 1], 1)
        aux = {"units": units.unflatten(1, (len(UNITS), 2)), "nothing": nothing[:, 0]}
        return Output(said, features, aux)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        return soft_cross_entropy(output.logits, targets, class_weights)


def region_folder(folder: Path, seed: int = 0) -> Path:
    """A recogniser of regions; ``RegionRecogniser`` must be registered to read it again."""
    return _write(folder, RegionRecogniser(start="random"), seed)


def _write(folder: Path, method: SimulatedMethod, seed: int) -> Path:
    torch.manual_seed(seed)
    network = method.scratch(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    save_bundled(folder, method, network, {"made_by": "a test"}, "# For tests\n")
    return folder
