"""``sim-seq``: a recogniser of region motion over a whole course, trained on simulated faces alone.

An expression is told not only by what moves at its apex but by how it comes and goes; noise does
not rise and fall as one. See :mod:`merkit.simulate.sequences` for what it was shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from merkit.flow.config import FlowConfig
from merkit.methods.sim_seq_network import SimSeqNetwork
from merkit.methods.simulated import SimulatedMethod
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror
from merkit.samples.recipes import RegionFlowRecipe

#: frames of a clip, from onset to offset
FRAMES = 16


@dataclass(frozen=True, kw_only=True)
class SimSeq(SimulatedMethod):
    """See :class:`SimulatedMethod`."""

    name: ClassVar[str] = "sim-seq"
    title: ClassVar[str] = "Recogniser of region motion trained on simulated faces alone"
    citation: ClassVar[str] = "merkit; docs/methods/sim-seq.md"

    def scratch(self, n_classes: int) -> SimSeqNetwork:
        return SimSeqNetwork(self, n_classes)

    def scratch_recipe(self) -> RegionFlowRecipe:
        """Motion of eighteen regions by DIS, against the first of frames over the whole clip."""
        return RegionFlowRecipe(frames=FRAMES, flow=FlowConfig(reference="first"))

    def mirrored(self, inputs: Inputs) -> Inputs:
        return mirror(inputs)
