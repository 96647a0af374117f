"""First principal component of patch features over the face, with and without LoRA.

The figure of HLoRA-MER and of the DINOv2 paper (Oquab et al. 2024, figure 1): what the encoder
tells apart at each place of the face. "Without" is the same model with its adapters switched
off, so the difference is theirs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from merkit.explain.case import Case, Drawn, Skipped
from merkit.explain.panels import faces_row
from merkit.explain.style import COMPONENT, heading, new_figure
from merkit.methods.encoder.network import Encoder
from merkit.types import F32, F64


@dataclass(frozen=True, eq=False)
class Component:
    """``scores`` (M,) of each token on the first component, and the ``share`` of variance."""

    scores: F64
    share: float
    direction: F64


def figure(case: Case) -> Drawn | Skipped:
    """One row of faces with LoRA and one without; one row where there are no adapters."""
    encoder = getattr(case.model, "encoder", None)
    if not isinstance(encoder, Encoder):
        return Skipped(f"{case.method} has no encoder with patch tokens")
    rows = _rows(encoder, case.scorer.values)
    values: dict[str, object] = {name: {"variance_share": c.share} for name, c in rows.items()}
    note = f"{case.says}; this encoder has no LoRA to switch off"
    if len(rows) == 2:
        values["correlation"] = _correlation(*rows.values())
        note = f"{case.says}; correlation of the two rows {values['correlation']:.2f}"
    drawn = new_figure(9.2, 0.6 + 1.55 * len(rows))
    heading(drawn, "First principal component of patch features", note)
    parts = np.atleast_1d(drawn.subfigures(len(rows), 1))  # type: ignore[arg-type]
    for part, (name, component) in zip(parts, rows.items(), strict=True):
        maps = component.scores.reshape(-1, *encoder.grid).astype(np.float32)
        low, high = np.percentile(maps, [1, 99])
        label = f"{name}\n({component.share:.0%} of variance)"
        faces_row(part, case.view, maps, COMPONENT, (low, high), label)
    return Drawn(drawn, values)


def _rows(encoder: Encoder, frames: Tensor) -> dict[str, Component]:
    """The component of frames (1,T,3,S,S) under each condition, by its name."""
    found = first_component(flat(patch_tokens(encoder, frames)))
    if not adapters(encoder):
        frozen = encoder.config.tune == "frozen"
        return {"frozen encoder" if frozen else "all weights trained": found}
    with without_adapters(encoder):
        plain = first_component(flat(patch_tokens(encoder, frames)))
    return {"with LoRA": found, "without LoRA": _same_sign(plain, found.scores)}


def _correlation(a: Component, b: Component) -> float:
    """Of the scores, which have mean zero; 0 where one of them has no variance."""
    size = float(np.linalg.norm(a.scores) * np.linalg.norm(b.scores))
    return float(a.scores @ b.scores) / size if size > 0 else 0.0


@torch.no_grad()
def patch_tokens(encoder: Encoder, rgb: Tensor) -> F32:
    """Patch tokens after the last normalisation, (T,P,D), of frames (1,T,3,S,S)."""
    with _all_tokens(encoder):
        tokens: Tensor = encoder(rgb)
    return tokens[0, :, 1:].float().cpu().numpy()


def flat(tokens: F32) -> F64:
    """All patches of all frames as rows, (T P, D), without the mean of their frame: the figure
    is about places on the face, not about differences between frames."""
    centred = tokens.astype(np.float64) - tokens.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.asarray(centred.reshape(-1, tokens.shape[-1]))


def first_component(rows: F64) -> Component:
    """First principal component of rows (M,D), by singular values.

    The sign, which is free, is that of the largest entry of the direction, so that the same
    features give the same picture. Rows that are all equal give zeros.
    """
    centred = rows - rows.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((spread**2).sum())
    direction = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()])
    share = float(spread[0] ** 2 / total) if total > 0 else 0.0
    return Component(centred @ direction, share, direction)


def adapters(encoder: Encoder) -> list[torch.nn.Module]:
    """The layers that carry LoRA adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [m for m in encoder.modules() if isinstance(m, BaseTunerLayer)]


@contextmanager
def without_adapters(encoder: Encoder) -> Iterator[None]:
    """Inside, adapters add nothing; afterwards they and what is trainable are as before."""
    layers = adapters(encoder)
    trainable = {name: p.requires_grad for name, p in encoder.named_parameters()}
    try:
        for layer in layers:
            layer.enable_adapters(False)  # type: ignore[operator]
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)  # type: ignore[operator]
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(trainable[name])


@contextmanager
def _all_tokens(encoder: Encoder) -> Iterator[None]:
    """Inside, the encoder returns every token in place of frame vectors."""
    config = encoder.config
    encoder.config = replace(config, output="tokens")
    try:
        yield
    finally:
        encoder.config = config


def _same_sign(component: Component, like: F64) -> Component:
    """Turned so that it rises where ``like`` rises, for two rows that can be compared."""
    if float(component.scores @ like) >= 0:
        return component
    return Component(-component.scores, component.share, -component.direction)
