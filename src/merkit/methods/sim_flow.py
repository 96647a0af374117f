"""``sim-flow``: a recogniser of onset-apex flow maps that was trained on simulated faces alone.

The movement of facial muscles is geometry, and the optical flow of geometry is exact: a face model
that is moved by action units gives any number of maps with known classes and units. Used as it is,
it needs no training data; it is also a start for training on real clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from merkit.flow.config import FlowConfig
from merkit.methods.sim_flow_network import SimFlowNetwork
from merkit.methods.simulated import SimulatedMethod
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror_map
from merkit.samples.recipes import FlowMapRecipe


@dataclass(frozen=True, kw_only=True)
class SimFlow(SimulatedMethod):
    """See :class:`SimulatedMethod`."""

    name: ClassVar[str] = "sim-flow"
    title: ClassVar[str] = "Recogniser of onset-apex flow trained on simulated faces alone"
    citation: ClassVar[str] = "merkit; docs/methods/sim-flow.md"

    def scratch(self, n_classes: int) -> SimFlowNetwork:
        return SimFlowNetwork(self, n_classes)

    def scratch_recipe(self) -> FlowMapRecipe:
        """Flow by DIS in the tight crop."""
        return FlowMapRecipe(flow=FlowConfig(crop="tight"))

    def mirrored(self, inputs: Inputs) -> Inputs:
        return {**inputs, "flow_map": mirror_map(inputs["flow_map"])}
