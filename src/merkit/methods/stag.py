"""``stag``: evolving region graph and temporal transformer, with an action-unit branch.

STAG, "Spatio-Temporal Evolving Structural Representation of Action Units for
Micro-expression Recognition", arXiv 2606.28083, eqs 1 and 12 to 35. The graph is in
:mod:`merkit.methods.stag_graph`, the transformer and the fusion in
:mod:`merkit.methods.stag_fusion`, the action units in :mod:`merkit.methods.stag_units`. The text
at hand has lost its numbers: every default is a choice [D] or a reconstruction [R], and a field.

The paper feeds human action-unit (AU) codes of the test clip to the network. That is an
*oracle input*: nobody has such codes for new video, and without them the paper's own SAMM
score falls from 0.91 to 0.62 (its table 5). ``au`` says which way is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.flow.config import FlowConfig
from merkit.methods.base import RegionFlowMethod
from merkit.methods.losses import focal_loss
from merkit.methods.stag_fusion import (
    CrossFusion,
    CrossFusionConfig,
    TemporalBranch,
    TemporalConfig,
)
from merkit.methods.stag_graph import GraphBranch, GraphConfig
from merkit.methods.stag_units import AuConfig, UnitBranch, au_vector, unit_loss
from merkit.samples.batch import Arrays, Inputs, real_frames
from merkit.samples.flow_augment import FlowAugmentConfig
from merkit.samples.inputs import Input
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Network, Output
from merkit.types import Clip


@dataclass(frozen=True, kw_only=True)
class Stag(RegionFlowMethod):
    """Settings of :class:`StagNetwork`.

    ``frames`` T: 16 [D]. ``flow``: 14 regions, since the paper's best rows have 14, and motion
    against the previous frame, as it says; its public ancestor measures against the first.
    ``frame_select`` keeps the ``frame_top_k`` frames of largest mean motion, an idea of the
    abstract that no equation has. ``use_graph``, ``use_transformer``, ``use_cross``: the rows
    of the ablation. ``gamma`` and ``smoothing`` of eqs 34 and 35: 2 and 0.1 [D].
    """

    name: ClassVar[str] = "stag"
    title: ClassVar[str] = "Evolving region graph and temporal transformer"
    citation: ClassVar[str] = "STAG 2026, arXiv:2606.28083"

    flow: FlowConfig = field(
        default_factory=lambda: FlowConfig(estimator="farneback", reference="previous", regions=14)
    )
    frames: int = 16
    au: AuConfig = field(default_factory=AuConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    fusion: CrossFusionConfig = field(default_factory=CrossFusionConfig)
    use_graph: bool = True
    use_transformer: bool = True
    use_cross: bool = True
    dropout: float = 0.3
    frame_select: Literal["none", "topk"] = "none"
    frame_top_k: int = 8
    gamma: float = 2.0
    smoothing: float = 0.1
    augment: FlowAugmentConfig = field(
        default_factory=lambda: FlowAugmentConfig(mixup_alpha=0.2, cutmix_p=0.5)
    )

    def build(self, n_classes: int) -> StagNetwork:
        return StagNetwork(self, n_classes)

    def default_recipe(self) -> RegionFlowRecipe:
        """Motion of the regions at T interpolated frame indices (eqs 2 to 11)."""
        return RegionFlowRecipe(frames=self.frames, flow=self.flow)

    def default_training(self) -> TrainConfig:
        """The paper's procedure; its numbers are lost, these are [D]."""
        return TrainConfig(
            optimiser="adamw",
            learning_rate=5e-4,
            weight_decay=1e-2,
            batch_size=32,
            epochs=200,
            patience=40,
            warmup_epochs=10,
            class_weights="inverse",
            oversample=3,
            swa_start=0.75,
            swa_learning_rate=1e-4,
            mirror_at_test=True,
        )

    def inputs(self) -> tuple[Input, ...]:
        """See ``Method.inputs``; action units where the branch for them is in use."""
        if self.au.source == "none":
            return super().inputs()
        shape, needed = ("B", len(self.au.vocabulary)), self.au.source == "oracle"
        when = " (au.source=oracle)" if needed else ", needed in training and not read otherwise"
        codes = f"1 where a coder named the action unit of au.vocabulary{when}"
        return (
            *super().inputs(),
            Input("au", "float32", shape, codes, optional=not needed),
            Input("au_known", "bool", ("B",), "whether anybody coded the clip", not needed),
        )

    def marks(self) -> tuple[str, ...]:
        """Whether and whence the score used action units."""
        return () if self.au.source == "none" else (f"{self.au.source}-au",)

    def annotation(self, clip: Clip) -> Arrays:
        """``au`` (M,) and ``au_known`` () of a clip; nothing where the branch is left out."""
        if self.au.source == "none":
            return {}
        codes, known = au_vector(clip.action_units, self.au.vocabulary)
        return {"au": codes, "au_known": known}


class StagNetwork(Network):
    """The network; see :class:`Stag`.

    Raises:
        ConfigError: settings that exclude each other; in ``forward``, inputs of another form or
            missing action units.
    """

    config: Stag

    def __init__(self, config: Stag, n_classes: int) -> None:
        super().__init__(config, n_classes)
        _check(config)
        regions, width = config.flow.regions, 0
        if config.use_graph:
            self.graph = GraphBranch(config.graph, regions, config.dropout)
            width += config.graph.output
        if config.use_transformer:
            self.temporal = TemporalBranch(config.temporal, regions, config.frames, config.dropout)
            width += config.temporal.width
        if self._fuses:
            self.fusion = CrossFusion(config.fusion, config.graph, config.temporal, config.dropout)
        self.units = UnitBranch(config.au, width, regions, config.dropout)
        self.head = nn.Linear(width + self.units.width, n_classes)
        if self.units.has_short_head:
            self.short_head = nn.Linear(width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``flow`` (B,T,R,2), T at most ``frames``; optional ``mask`` (B,T); for the AU branch
        ``au`` (B,M) and ``au_known`` (B,).

        Returns logits, the composite vector of eq 33 (zeros in place of unknown AUs), and in
        aux ``adjacency`` (B,layers,T,R,R), ``temporal_attention`` β (B,T),
        ``transformer_attention`` (B,layers,heads,T+1,T+1), ``cross_to_frames`` (B,heads,R,T),
        ``cross_to_regions`` (B,heads,T,R), ``au_probabilities`` (B,M), and with
        ``frame_select`` the indices ``selected_frames`` (B,k).
        """
        aux: dict[str, Tensor] = {}
        flow, mask = self._prepare(inputs, aux)
        fused = self._fused(flow, mask, self.units.edges(inputs), aux)
        embedded, known = self.units(fused, inputs, aux)
        features = fused if embedded is None else torch.cat([fused, embedded], dim=-1)
        logits = self.head(features)
        if known is not None:
            logits = torch.where(known[:, None], logits, self.short_head(fused))
        return Output(logits, features, aux)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Eqs 34 and 35, plus the AU head's cross-entropy under ``predicted``."""
        config = self.config
        loss = focal_loss(output.logits, targets, class_weights, config.gamma, config.smoothing)
        return sum(self.extra_losses(output), loss)

    def extra_losses(self, output: Output) -> tuple[Tensor, ...]:
        """The AU head's cross-entropy, where it has targets."""
        if "au_target" not in output.aux:
            return ()
        return (self.config.au.weight * unit_loss(output),)

    @property
    def _fuses(self) -> bool:
        return self.config.use_graph and self.config.use_transformer and self.config.use_cross

    def _prepare(self, inputs: Inputs, aux: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Flow in the model's precision with zeros over padding, and the mask."""
        flow, config = inputs["flow"], self.config
        if flow.shape[2:] != (config.flow.regions, 2) or flow.shape[1] > config.frames:
            raise ConfigError(
                f"flow of shape {tuple(flow.shape)}",
                f"(B, T, {config.flow.regions}, 2) with T at most {config.frames}",
                "set flow.regions and frames as the samples were prepared",
            )
        mask = real_frames(inputs, "flow")
        flow = flow.to(self.head.weight.dtype).masked_fill(~mask[:, :, None, None], 0.0)
        if config.frame_select == "topk" and config.frame_top_k < flow.shape[1]:
            return select_frames(flow, mask, config.frame_top_k, aux)
        return flow, mask

    def _fused(
        self, flow: Tensor, mask: Tensor, edges: Tensor | None, aux: dict[str, Tensor]
    ) -> Tensor:
        """[g*‖z*] of eq 31, or what the ablation switches leave of it."""
        parts = []
        if self.config.use_graph:
            nodes, g, aux["temporal_attention"], aux["adjacency"] = self.graph(flow, mask, edges)
            parts.append(g)
        if self.config.use_transformer:
            frames, z, aux["transformer_attention"] = self.temporal(flow, mask)
            parts.append(z)
        if self._fuses:
            g, z, to_frames, to_regions = self.fusion(nodes, frames, g, z, mask)
            aux |= {"cross_to_frames": to_frames, "cross_to_regions": to_regions}
            parts = [g, z]
        return torch.cat(parts, dim=-1)


def select_frames(
    flow: Tensor, mask: Tensor, k: int, aux: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """The k frames of largest mean motion, in their order; padding comes last."""
    strength = flow.norm(dim=-1).mean(dim=-1).masked_fill(~mask, -1.0)
    index = strength.topk(k, dim=1).indices.sort(dim=1).values
    aux["selected_frames"] = index
    chosen = flow.gather(1, index[:, :, None, None].expand(-1, -1, *flow.shape[2:]))
    return chosen, mask.gather(1, index)


def _check(config: Stag) -> None:
    if not (config.use_graph or config.use_transformer):
        raise ConfigError("use_graph and use_transformer are both off", "at least one branch")
    if config.au.edge_bias and (config.au.source != "oracle" or not config.use_graph):
        raise ConfigError(
            f"au.edge_bias with au.source='{config.au.source}', use_graph={config.use_graph}",
            "au.source='oracle' and use_graph",
            "switch au.edge_bias off",
        )
    for name, width, heads in (
        ("temporal", config.temporal.width, config.temporal.heads),
        ("fusion", config.fusion.width, config.fusion.heads),
    ):
        if width % heads:
            raise ConfigError(f"{name}.width={width}, {name}.heads={heads}", "a multiple of heads")
    if not 0 < config.graph.smoothing < 1:
        raise ConfigError(f"graph.smoothing={config.graph.smoothing}", "between 0 and 1")
