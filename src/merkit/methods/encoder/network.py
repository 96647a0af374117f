"""The frame encoder: frozen part computed once, tuned blocks in every step.

Shapes: B clips, T frames, S image side, N tokens (class, registers, patches), P patches,
D width, D' width of the frame vector.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.methods.encoder.block import run_block
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.encoder.parts import frame_vector, motion_map, standardised_difference
from merkit.methods.encoder.weights import add_lora, build_backbone
from merkit.methods.losses import soft_cross_entropy
from merkit.samples.batch import Inputs
from merkit.training.device import half_works
from merkit.training.network import Network, Output

#: Raised when the frozen part computes something else, so stored tokens are not read again.
_TOKENS_VERSION = 1
#: settings that decide what the frozen part computes, beside its weights
_FROZEN_FIELDS = (
    "image_size_px",
    "mean",
    "std",
    "input",
    "difference_gain",
    "motion",
    "precision",
)
#: the same, of the transformers configuration; shapes are taken from the weights
_ARCHITECTURE_FIELDS = ("num_attention_heads", "layer_norm_eps", "hidden_act", "image_size")


class Encoder(nn.Module):
    """Frames to frame vectors.

    The blocks before the first tuned one are frozen: ``frozen`` computes their output once,
    and ``forward`` takes either that or the frames themselves. Equal to transformers' own
    forward pass within rounding.

    Args:
        config: settings; None fields are resolved (the result is ``self.config``).

    Raises:
        MissingWeightsError: pretrained weights cannot be had.
        ConfigError: settings that do not fit the backbone.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config = config.resolved()
        self.backbone: Any = build_backbone(config)
        self.backbone.embeddings.dropout = nn.Identity()  # as drop path: off
        self.n_registers = int(getattr(self.backbone.config, "num_register_tokens", 0))
        self.n_blocks = len(self.backbone.encoder.layer)
        #: index of the first tuned block
        self.split = self.n_blocks - config.lora_blocks
        if config.tune == "lora":
            add_lora(self.backbone, config)
        elif config.tune == "frozen":
            self.split = self.n_blocks
            self.backbone.requires_grad_(False)
        else:
            self.split = 0
            if getattr(self.backbone.embeddings, "mask_token", None) is not None:
                self.backbone.embeddings.mask_token.requires_grad_(False)  # pretraining's own
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(3, 1, 1), persistent=False)
        self._digest = ""
        self.register_load_state_dict_post_hook(_forget_digest)  # type: ignore[no-untyped-call]

    @property
    def width(self) -> int:
        """D', the width of a frame vector (of each token for ``output="tokens"``)."""
        width = int(self.backbone.config.hidden_size)
        return 2 * width if self.config.output == "cls_mean" else width

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        motion = self.config.input == "motion"
        side = self.config.motion.cells if motion else self.config.resolved_size_px
        patches = side // int(self.backbone.config.patch_size)
        return patches, patches

    def forward(self, x: Tensor) -> Tensor:
        """Frame vectors (B,T,D'), or (B,T,1+P,D) for ``output="tokens"``.

        Args:
            x: frames (B,T,3,S,S), u8 or float 0..255, or what ``frozen`` made of them.

        Raises:
            ConfigError: frames of another form or size.
        """
        if x.ndim == 5 and x.shape[2] == 3:
            x = self._frozen_part(x)
        x = x.to(self._weight.dtype)
        return x if self.split == self.n_blocks else self._finish(x)

    @torch.no_grad()
    def frozen(self, rgb: Tensor) -> Tensor:
        """Output of the frozen part in 16 bit: f16 (B,T,N,D), the tokens before the split.

        With ``tune="frozen"`` nothing is left to do: the frame vectors themselves. With
        ``input="motion"`` no block is frozen but the measurement is: the maps (B,T,2,G,G).
        Works in chunks of ``chunk_frames``, each moved to the encoder's device and back.

        Args:
            rgb: frames (B,T,3,S,S), u8.
        """
        chunk, n_frames = self.config.chunk_frames, rgb.shape[1]
        step = max(1, chunk // n_frames)
        rows = []
        for clips in torch.split(rgb, step):
            pieces = [self._frozen_piece(clips, t) for t in range(0, n_frames, chunk)]
            rows.append(torch.cat(pieces, dim=1))
        return torch.cat(rows)

    def frozen_key(self) -> str | None:
        """Identity of what ``frozen`` computes: weights by content, split, input, precision.

        None where nothing is frozen.
        """
        if self.split == 0 and self.config.input != "motion":
            return None
        if not self._digest:
            self._digest = self._frozen_digest()
        return self._digest

    @property
    def _weight(self) -> Tensor:
        weight: Tensor = self.backbone.layernorm.weight
        return weight

    @property
    def _precision(self) -> torch.dtype:
        """Of the frozen part: as set, where the machine has it."""
        wanted: torch.dtype = getattr(torch, self.config.precision)
        if wanted == torch.float32:
            return wanted
        device = str(self._weight.device)
        works = half_works(device, wanted, backward=False, lstm=False)
        return wanted if works else torch.float32

    def _frozen_piece(self, clips: Tensor, start: int) -> Tensor:
        """Frozen output of the frames from ``start`` on, at most a chunk of them."""
        lead = int(self.config.input != "frame" and start > 0)  # the frame before is read
        frames = clips[:, start - lead : start + self.config.chunk_frames]
        device, precision = self._weight.device, self._precision
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            tokens = self._frozen_part(frames.to(device))
        return tokens[:, lead:].to(torch.float16).to(clips.device)

    def _frozen_part(self, rgb: Tensor) -> Tensor:
        """Input, embedding and the blocks before the split, (B,T,N,D); all when that is all.

        The weights here need no gradient, so none is recorded unless the pixels want one, as
        attribution does.
        """
        size = self.config.image_size_px
        if rgb.ndim != 5 or rgb.shape[2:] != (3, size, size):
            raise ConfigError(
                f"frames of shape {tuple(rgb.shape)}",
                f"(B, T, 3, {size}, {size})",
                "prepare the clips with the recipe of this configuration",
            )
        pixels = self._prepare(rgb)
        if self.split == 0:
            return pixels
        tokens = self._blocks(self._embed(pixels), 0, self.split)
        tokens = self._pool(tokens) if self.split == self.n_blocks else tokens
        return tokens.reshape(*rgb.shape[:2], *tokens.shape[1:])

    def _embed(self, pixels: Tensor) -> Tensor:
        """Patch embedding of (B,T,3,S,S), with class token and positions: (B T,N,D)."""
        tokens: Tensor = self.backbone.embeddings(pixels.flatten(0, 1).to(self._weight.dtype))
        return tokens

    def _prepare(self, rgb: Tensor) -> Tensor:
        if self.config.input == "motion":
            return motion_map(rgb, self.config.motion)
        if self.config.input == "difference":
            return standardised_difference(rgb, self.config.difference_gain)
        return (rgb.to(self.mean.dtype) / 255 - self.mean) / self.std

    def _finish(self, x: Tensor) -> Tensor:
        """Tuned blocks, final normalisation and pooling of tokens (B,T,N,D); with the
        embedding where that is tuned as well, of (B,T,3,S,S) or (B,T,2,G,G)."""
        tokens = x.flatten(0, 1) if self.split else self._embed(x)
        tokens = self._blocks(tokens, self.split, self.n_blocks)
        vectors = self._pool(tokens)
        return vectors.reshape(*x.shape[:2], *vectors.shape[1:])

    def _blocks(self, x: Tensor, first: int, stop: int) -> Tensor:
        """Blocks ``first`` to ``stop - 1``; the last of all computes only what is read."""
        for i in range(first, stop):
            only_class = i == self.n_blocks - 1 and self.config.output == "cls"
            x = run_block(self.backbone.encoder.layer[i], x, 1 if only_class else None)
        return x

    def _pool(self, x: Tensor) -> Tensor:
        """Final layer norm and frame vector of (M,N,D); registers are dropped."""
        if self.config.output == "cls":
            x = x[:, :1]
        elif self.n_registers:
            x = torch.cat((x[:, :1], x[:, 1 + self.n_registers :]), dim=1)
        return frame_vector(self.backbone.layernorm(x), self.config.output)

    def _frozen_digest(self) -> str:
        settings = asdict(self.config)
        kept = {name: settings[name] for name in _FROZEN_FIELDS}
        kept["precision"] = str(self._precision).removeprefix("torch.")
        kept |= {"version": _TOKENS_VERSION, "split": self.split}
        if self.split == self.n_blocks:
            kept["output"] = self.config.output
        kept |= {name: getattr(self.backbone.config, name, None) for name in _ARCHITECTURE_FIELDS}
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode())
        for name, tensor in self._frozen_tensors():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            octets = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest.update(octets.numpy().data)
        return digest.hexdigest()[:32]

    def _frozen_tensors(self) -> list[tuple[str, Tensor]]:
        """Weights of the frozen part, by name."""
        if self.split == 0:
            return []
        parts = [("embeddings", self.backbone.embeddings)]
        parts += [(str(i), self.backbone.encoder.layer[i]) for i in range(self.split)]
        if self.split == self.n_blocks:
            parts.append(("layernorm", self.backbone.layernorm))
        return [(f"{p}.{n}", t) for p, m in parts for n, t in m.state_dict().items()]


def _forget_digest(module: nn.Module, _: object) -> None:
    module._digest = ""  # type: ignore[assignment]


class EncoderNetwork(Network):
    """Base of the networks that read frames by an encoder; cross-entropy unless one has its own
    loss.

    Args:
        encoder: settings of the encoder.
    """

    def __init__(self, config: Any, n_classes: int, encoder: EncoderConfig) -> None:
        super().__init__(config, n_classes)
        self.encoder = Encoder(encoder)

    def encode(self, inputs: Inputs) -> Tensor:
        """What the encoder makes of ``rgb`` u8 (B,T,3,S,S), or of ``tokens`` in its place."""
        x = inputs["tokens"] if "tokens" in inputs else self.pixels(inputs["rgb"])
        encoded: Tensor = self.encoder(x)
        return encoded

    def pixels(self, rgb: Tensor) -> Tensor:
        """Frames (B,T,3,S,S) as the encoder is to read them."""
        return rgb

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Cross-entropy."""
        return soft_cross_entropy(output.logits, targets, class_weights)

    def frozen_key(self) -> str | None:
        """Identity of the encoder's frozen part, or None where every weight is trained."""
        return self.encoder.frozen_key()

    def frozen(self, inputs: Inputs) -> Inputs:
        """``rgb`` replaced by ``tokens``, f16; the rest as it came."""
        if self.frozen_key() is None:
            return inputs
        others = {name: value for name, value in inputs.items() if name != "rgb"}
        return others | {"tokens": self.encoder.frozen(self.pixels(inputs["rgb"]))}
