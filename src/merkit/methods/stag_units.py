"""The action-unit (AU) branch of STAG (eqs 32 and 33), and the AU head that predicts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.labels import ACTION_UNITS
from merkit.samples.batch import Inputs
from merkit.training.network import Output
from merkit.types import F32, ActionUnit

#: Union of the AU numbers that the databases annotate (FACS).
UNION_ACTION_UNITS = tuple(ACTION_UNITS)


@dataclass(frozen=True)
class AuConfig:
    """Settings of the action-unit branch.

    ``source``: ``oracle`` reads the human codes in ``inputs["au"]``, at test time too;
    ``predicted`` trains an AU head inside the model on the training clips' codes (binary
    cross-entropy times ``weight``) and reads its probabilities; ``none`` leaves the branch
    out. ``vocabulary``: AU numbers in the order of the vector. ``width`` d_a and ``hidden`` of
    eq 32 [D]; ``head_hidden`` of the AU head.

    ``missing`` is for clips without codes under ``oracle``: ``short_head`` classifies them by
    a head of their own without the branch (eq 33), ``flag`` feeds a zero vector and an
    availability flag to the one head. ``train_input``: under ``predicted``, what the branch
    reads in training: the same ``predicted`` probabilities as at test, or the human codes
    (``coded``).
    ``detach``: the emotion loss does not reach the AU head, so it stays a predictor of AUs.
    ``edge_bias``: experimental, the codes also move b_ij of eq 14; needs ``oracle``, since the
    head reads what comes after the graph.
    """

    source: Literal["oracle", "predicted", "none"] = "none"
    vocabulary: tuple[int, ...] = UNION_ACTION_UNITS
    width: int = 32
    hidden: int = 64
    head_hidden: int = 64
    weight: float = 1.0
    missing: Literal["short_head", "flag"] = "short_head"
    train_input: Literal["predicted", "coded"] = "predicted"
    detach: bool = True
    edge_bias: bool = False


class UnitBranch(nn.Module):
    """Action units in, embedding a_e out (eq 32), with the AU head of ``predicted``.

    Args:
        config: see :class:`AuConfig`.
        fused: width of the vector the AU head reads.
        regions: N, for ``edge_bias``.
    """

    def __init__(self, config: AuConfig, fused: int, regions: int, dropout: float) -> None:
        super().__init__()
        self.config, self.regions = config, regions
        self.width = 0 if config.source == "none" else config.width
        self.has_flag = config.source == "oracle" and config.missing == "flag"
        self.has_short_head = config.source == "oracle" and config.missing == "short_head"
        units = len(config.vocabulary)
        if self.width:
            self.embed = _perceptron(units + self.has_flag, config.hidden, config.width, dropout)
        if config.source == "predicted":
            self.predict = _perceptron(fused, config.head_hidden, units, dropout)
        if config.edge_bias:
            self.to_edges = nn.Linear(units, regions * regions, bias=False)
            nn.init.zeros_(self.to_edges.weight)

    def forward(
        self, fused: Tensor, inputs: Inputs, aux: dict[str, Tensor]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Embedding (B,d_a) or None; and, for the short head, which clips are known (B,)."""
        if self.config.source == "none":
            return None, None
        if self.config.source == "predicted":
            return self.embed(self._predicted(fused, inputs, aux)), None
        codes, known = self._codes(inputs, fused)
        if self.has_flag:
            return self.embed(torch.cat([codes, known.to(codes)[:, None]], dim=-1)), None
        return self.embed(codes) * known.to(codes)[:, None], known

    def edges(self, inputs: Inputs) -> Tensor | None:
        """Bias (B,N,N) of eq 14 from the codes, or None when ``edge_bias`` is off."""
        if not self.config.edge_bias:
            return None
        codes, _ = self._codes(inputs, self.to_edges.weight)
        return torch.unflatten(self.to_edges(codes), -1, (self.regions, self.regions))

    def _codes(self, inputs: Inputs, like: Tensor) -> tuple[Tensor, Tensor]:
        """Human codes (B,M), zero where unknown, and which clips have codes (B,)."""
        units = len(self.config.vocabulary)
        if "au" not in inputs or "au_known" not in inputs:
            raise ConfigError(
                f"au.source='{self.config.source}' and no action units in the inputs",
                "'au' and 'au_known' of every clip",
                "use a database with AU codes, or set au.source to none",
            )
        codes, known = inputs["au"], inputs["au_known"].bool()
        if codes.shape[-1] != units:
            raise ConfigError(
                f"action units of shape {tuple(codes.shape)}",
                f"(B, {units}), one for each of au.vocabulary",
            )
        return codes.to(like.dtype) * known[:, None].to(like.dtype), known

    def _predicted(self, fused: Tensor, inputs: Inputs, aux: dict[str, Tensor]) -> Tensor:
        logits = self.predict(fused)
        aux |= {"au_logits": logits, "au_probabilities": logits.sigmoid()}
        probabilities = aux["au_probabilities"]
        probabilities = probabilities.detach() if self.config.detach else probabilities
        if not self.training:
            return probabilities  # codes of the clip, if any are there, are not looked at
        codes, known = self._codes(inputs, fused)
        aux |= {"au_target": codes, "au_known": known}
        if self.config.train_input == "predicted":
            return probabilities
        return torch.where(known[:, None], codes, probabilities)


def unit_loss(output: Output) -> Tensor:
    """Binary cross-entropy of the AU head, mean over the clips whose codes are known."""
    logits, target, known = (output.aux[k] for k in ("au_logits", "au_target", "au_known"))
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = known.to(each.dtype)
    return (each.mean(dim=-1) * weight).sum() / weight.sum().clamp(min=1)


def au_vector(
    codes: Sequence[ActionUnit] | None, vocabulary: Sequence[int]
) -> tuple[F32, np.bool_]:
    """Indicator vector (M,) of a clip's action units, and whether the clip has codes at all.

    Units outside the vocabulary are left out; sides and intensities do not count.
    """
    present = {code.number for code in codes or ()}
    vector = np.array([number in present for number in vocabulary], dtype=np.float32)
    return vector, np.bool_(codes is not None)


def _perceptron(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )
