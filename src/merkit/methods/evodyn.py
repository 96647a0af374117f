"""``evodyn``: evolution dynamics of regional motion, read by a five-layer transformer over time.

He, Wang, Liu, Ma & Li 2025, "Modeling the evolution dynamics to enhance micro-expression
recognition", Frontiers of Computer Science, doi 10.1007/s11704-025-40976-3 (winner of the CCAC
2024 challenge). That network is not public; this is the same team's public sibling of the MEGC
2024 challenge, which is five layers deep as well and serves as the proxy. Parameter names are
those of the published files, so :func:`load_released` reads them.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.flow.config import PUBLISHED_FLOW, FlowConfig
from merkit.methods.base import OWN, RegionFlowMethod
from merkit.methods.losses import soft_cross_entropy
from merkit.methods.masking import attend
from merkit.samples.batch import Inputs, real_frames
from merkit.samples.flow_augment import FlowAugmentConfig
from merkit.samples.recipes import RegionFlowRecipe
from merkit.training.config import TrainConfig
from merkit.training.network import Network, Output


@dataclass(frozen=True, kw_only=True)
class Evodyn(RegionFlowMethod):
    """Settings of :class:`EvodynNetwork`; the defaults are the proxy, number for number.

    ``variant``: ``proxy``, or what the published ``code`` does to its pixels besides: grey by the
    weights of R,G,B on B,G,R, a crop that follows by motion it does not convert, and the five
    frames before the onset, always, in place of a lead drawn in training; unless a setting says
    otherwise.
    ``sequence_length`` is L (25 [CODE]; lost for DFME, also try 50): clips are zero-padded or
    cut to it. ``stride_hz``: every 7th frame of 200 fps is kept, that is about 30 a second.
    ``mask_padding`` keeps attention away from the padding; the published code does not.
    ``roi_tokens`` [R] reads "adaptive spatiotemporal attention": each frame attends over its
    regions before time. ``class_weights`` fixes the loss weights, such as the published
    (1, 3, 9, 9) of none, surprise, positive, negative; empty: fitted on the fold's training
    clips (inverse frequency [D]). ``augment.lead_frames`` stands for the published random onset
    lead [D]: 1 to 40 frames at 200 fps are 0 to 5 of the frames kept, but still ones, drawn at
    every step, and without the 30 frames that go before them there.
    """

    name: ClassVar[str] = "evodyn"
    title: ClassVar[str] = "Transformer over regional motion, full sequence"
    citation: ClassVar[str] = (
        "He et al. 2025, Frontiers of Computer Science, doi:10.1007/s11704-025-40976-3"
    )

    variant: Literal["proxy", "code"] = "proxy"
    flow: FlowConfig = OWN
    sequence_length: int = 25
    stride_hz: float = 30.0
    positions: int = 50
    width: int = 64
    depth: int = 5
    heads: int = 8
    head_width: int = 64
    feed_forward: int = 64
    dropout: float = 0.0
    embedding_dropout: float = 0.0
    mask_padding: bool = False
    roi_tokens: bool = False
    class_weights: tuple[float, ...] = ()
    augment: FlowAugmentConfig = OWN

    def __post_init__(self) -> None:
        code = self.variant == "code"
        if self.flow is OWN:
            swapped = replace(PUBLISHED_FLOW, gray_order="bgr", follow_scaled=False)
            object.__setattr__(self, "flow", swapped if code else PUBLISHED_FLOW)
        if self.augment is OWN:
            object.__setattr__(self, "augment", FlowAugmentConfig(lead_frames=0 if code else 5))
        super().__post_init__()

    def build(self, n_classes: int) -> EvodynNetwork:
        return EvodynNetwork(self, n_classes)

    def default_recipe(self) -> RegionFlowRecipe:
        """Cumulative motion of 18 regions over the whole clip, about 30 frames a second."""
        lead = 5 if self.variant == "code" else 0
        return RegionFlowRecipe(
            frames=0, stride_hz=self.stride_hz, flow=self.flow, lead_frames=lead
        )

    def default_training(self) -> TrainConfig:
        """Numbers of the authors' code [CODE]; class weights by inverse frequency [D]."""
        return TrainConfig(
            optimiser="adamw",
            learning_rate=8e-4,
            weight_decay=0.7,
            schedule="exponential",
            gamma=0.987,
            batch_size=32,
            epochs=9,
            patience=0,
            selection="last",
            class_weights="inverse",
            augment=self.augment != FlowAugmentConfig(),
        )


class Attention(nn.Module):
    """Pre-norm self-attention whose heads are wider together than the token."""

    def __init__(self, config: Evodyn) -> None:
        super().__init__()
        self.heads = config.heads
        inner = config.heads * config.head_width
        self.norm = nn.LayerNorm(config.width)
        self.to_qkv = nn.Linear(config.width, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, config.width), nn.Dropout(config.dropout))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """x (B,L,d), ``hidden`` bool (B,L) True where no token may look; also the weights."""
        q, k, v = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        mixed, weights = attend(q, k, v, self.heads, hidden, self.dropout)
        return self.to_out(mixed), weights


class FeedForward(nn.Module):
    """Pre-norm two-layer perceptron with GELU."""

    def __init__(self, config: Evodyn) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.feed_forward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, config.width),
            nn.Dropout(config.dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B,L,d) -> (B,L,d)."""
        out: Tensor = self.net(x)
        return out


class Transformer(nn.Module):
    """``depth`` residual blocks and a final layer norm."""

    def __init__(self, config: Evodyn, depth: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.layers = nn.ModuleList(
            nn.ModuleList([Attention(config), FeedForward(config)]) for _ in range(depth)
        )

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens (B,L,d) and the attention of every layer (B,layers,heads,L,L)."""
        maps = []
        for layer in cast(Iterable[nn.ModuleList], self.layers):
            mixed, weights = layer[0](x, hidden)
            x = x + mixed
            x = x + layer[1](x)
            maps.append(weights)
        return self.norm(x), torch.stack(maps, dim=1)


class RegionStage(nn.Module):
    """[R] Per-frame attention over region tokens, pooled by learned region weights."""

    def __init__(self, config: Evodyn) -> None:
        super().__init__()
        regions = config.flow.regions
        self.embed = nn.Linear(2, config.width)
        self.position = nn.Parameter(torch.randn(regions, config.width) * 0.02)
        self.transformer = Transformer(config, depth=1)
        self.score = nn.Linear(config.width, 1)

    def forward(self, flow: Tensor) -> tuple[Tensor, Tensor]:
        """(B,L,R,2) -> one token a frame (B,L,d) and the region weights (B,L,R)."""
        tokens, _ = self.transformer((self.embed(flow) + self.position).flatten(0, 1), None)
        tokens = tokens.unflatten(0, flow.shape[:2])
        weights = self.score(tokens).squeeze(-1).softmax(dim=-1)
        return (weights.unsqueeze(-1) * tokens).sum(dim=2), weights


class EvodynNetwork(Network):
    """The proxy network.

    Args:
        config: see :class:`Evodyn`.
        n_classes: C; 704,967 parameters at C=7 and 704,772 at C=4.

    Raises:
        ConfigError: sequence longer than the table of positions, or a wrong number of class
            weights.
    """

    config: Evodyn

    def __init__(self, config: Evodyn, n_classes: int) -> None:
        super().__init__(config, n_classes)
        _check(config, n_classes)
        self.pos_embedding = nn.Parameter(torch.randn(1, config.positions + 1, config.width))
        self.cls_token = nn.Parameter(torch.randn(1, 1, config.width))
        if config.roi_tokens:
            self.regions = RegionStage(config)
        else:
            self.to_patch_embedding = nn.Sequential(
                nn.Linear(2 * config.flow.regions, config.width), nn.LayerNorm(config.width)
            )
        self.dropout = nn.Dropout(config.embedding_dropout)
        self.transformer = Transformer(config, config.depth)
        self.mlp_head = nn.Linear(config.width, n_classes)

    def forward(self, inputs: Inputs) -> Output:
        """``flow`` (B,T,R,2), optional ``mask`` (B,T) -> logits, CLS features (B,d), and in aux
        ``attention`` (B,layers,heads,L+1,L+1) and, with region tokens, ``region_attention``
        (B,L,R)."""
        flow, hidden = self._fit(inputs)
        aux: dict[str, Tensor] = {}
        if self.config.roi_tokens:
            tokens, aux["region_attention"] = self.regions(flow)
        else:
            tokens = self.to_patch_embedding(flow.flatten(2))
        cls = self.cls_token.expand(len(flow), -1, -1)
        tokens = torch.cat([cls, tokens], dim=1)
        tokens = self.dropout(tokens + self.pos_embedding[:, : tokens.shape[1]])
        tokens, aux["attention"] = self.transformer(tokens, hidden)
        features = tokens[:, 0]
        return Output(self.mlp_head(features), features, aux)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Weighted cross-entropy; the config's fixed weights go before the fitted ones."""
        if self.config.class_weights:
            class_weights = output.logits.new_tensor(self.config.class_weights)
        return soft_cross_entropy(output.logits, targets, class_weights)

    def _fit(self, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
        """Flow zero-padded or cut to L, and where attention is hidden (CLS first)."""
        flow, mask = inputs["flow"].to(self.pos_embedding.dtype), real_frames(inputs, "flow")
        length = self.config.sequence_length
        flow = flow * mask[:, :, None, None].to(flow.dtype)
        missing = max(length - flow.shape[1], 0)
        flow = nn.functional.pad(flow, (0, 0, 0, 0, 0, missing))[:, :length]
        if not self.config.mask_padding:
            return flow, None
        hidden = nn.functional.pad(~mask, (0, missing), value=True)[:, :length]
        return flow, nn.functional.pad(hidden, (1, 0), value=False)


def _check(config: Evodyn, n_classes: int) -> None:
    if not 1 <= config.sequence_length <= config.positions:
        raise ConfigError(
            f"sequence_length={config.sequence_length} with positions={config.positions}",
            "a length from 1 to the number of positions",
            "lower sequence_length or raise positions",
        )
    if config.class_weights and len(config.class_weights) != n_classes:
        raise ConfigError(
            f"{len(config.class_weights)} class_weights for {n_classes} classes",
            "one weight a class, or none",
        )


def load_released(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict that the authors released for the MEGC 2024 challenge.

    Only tensors are read, never pickled code. The four classes of those files are none,
    surprise, positive, negative. Do not trust the UF1 in their names: that metric counts one
    class twice and drops another.
    Use it so::

        state = load_released("model.pt")
        model = EvodynNetwork(Evodyn(), n_classes=len(state["mlp_head.bias"]))
        model.load_state_dict(state)

    Returns:
        name -> float32 tensor, with the names and shapes of :class:`EvodynNetwork`.

    Raises:
        MissingDataError: no such file.
        StoreError: not a weights file, or one of another network.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingDataError(f"no weights file at {file}", fix="check the path")
    wanted = "a PyTorch state dict of tensors, as published for MEGC 2024"
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f"{file} is not a weights file: {reason}", wanted) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise StoreError(f"{file} holds a {type(state).__name__}, not tensors by name", wanted)
    _check_released(file, state)
    return {name: tensor.float() for name, tensor in state.items()}


def _check_released(file: Path, state: Mapping[str, Any]) -> None:
    head = state.get("mlp_head.bias")
    classes = len(head) if head is not None and head.ndim == 1 else 4
    with torch.device("meta"):
        expected = EvodynNetwork(Evodyn(), classes).state_dict()
    missing, surplus = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or surplus:
        raise StoreError(
            f"{file} is of another network: {len(missing)} names missing "
            f"{sorted(missing)[:3]}, {len(surplus)} unknown {sorted(surplus)[:3]}",
            f"the {len(expected)} names of the five-layer network",
        )
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            raise StoreError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}", f"{tuple(tensor.shape)}"
            )
