"""Attention of frames on frames, as heat maps: IFFA, DGAT, and the transformers over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from merkit.explain.case import Case, Drawn, Skipped
from merkit.explain.panels import style_bar
from merkit.explain.style import SEQUENTIAL, heading, new_figure, tidy
from merkit.report.plots import INK
from merkit.types import F32, I64

#: method -> name of its attention, for the title
_TITLES = {
    "sfa-dgat": "DGAT: attention of frames on frames",
    "hlora-mer": "IFFA: attention of frames on frames",
    "stag": "Temporal transformer: attention of frames on frames, mean of the heads",
    "evodyn": "Transformer: attention of frames on frames, mean of the heads",
}


@dataclass(frozen=True, eq=False)
class FrameMaps:
    """``weights`` (K,L,L), rows sum to one over what is shown and hidden; one ``names`` a map;
    ``places``: the frame of each row, -1 for the class token; ``even``: the weight if all were
    the same; ``hidden``: mean share of the attention that goes to padding beyond the clip."""

    weights: F32
    names: tuple[str, ...]
    places: I64
    even: float
    hidden: float = 0.0


def figure(case: Case) -> Drawn | Skipped:
    """A map a head, or a layer; rows attend, columns are attended to."""
    maps = frame_maps(case)
    if maps is None:
        return Skipped(f"{case.method} as configured has no attention over frames")
    count = len(maps.weights)
    drawn = new_figure(max(4.6, 1.1 + 1.95 * min(count, 5)), 3.1 if count <= 5 else 5.4)
    note = case.says
    if maps.hidden > 0.005:
        note += f"; {maps.hidden:.0%} of the attention goes to padding and is not shown"
    heading(drawn, _TITLES.get(case.method, "Attention of frames on frames"), note)
    grid = drawn.subplots(-(-count // 5), min(count, 5), squeeze=False).ravel()
    high = float(maps.weights.max())
    labels = ["class" if p < 0 else f"{case.view.time_ms[p]:.0f}" for p in maps.places]
    for k, axes in enumerate(grid):
        if k >= count:
            axes.set_visible(False)
            continue
        tidy(axes, maps.names[k])
        image = axes.imshow(maps.weights[k], cmap=SEQUENTIAL, vmin=0, vmax=high)
        step = max(1, -(-len(labels) // 5))
        ticks = list(range(0, len(labels), step))
        axes.set_xticks(ticks, [labels[i] for i in ticks], rotation=90, fontsize=7)
        axes.set_yticks(ticks, [labels[i] for i in ticks] if k % 5 == 0 else [], fontsize=7)
        if k % 5 == 0:
            axes.set_ylabel("frame that looks, ms", fontsize=8, color=INK)
    grid[0].set_xlabel("frame looked at, ms", fontsize=8, color=INK)
    bar = drawn.colorbar(image, ax=list(grid), fraction=0.02, pad=0.01, shrink=0.75)
    style_bar(bar, f"weight (even: {maps.even:.3f})")
    names = dict(zip(maps.names, maps.weights.mean(axis=1).tolist(), strict=True))
    return Drawn(drawn, {"attention_received": names})


def frame_maps(case: Case) -> FrameMaps | None:
    """What the model's ``aux`` holds of attention over frames; None where there is none."""
    aux = {name: tensor[0].detach().float().cpu().numpy() for name, tensor in _kept(case).items()}
    if "transformer_attention" in aux:
        return _by_layer(aux["transformer_attention"], _selected(case))
    if "attention" not in aux:
        return None
    attention = aux["attention"]
    if attention.ndim == 4:  # (layers, heads, 1+L, 1+L)
        return _by_layer(attention, np.arange(case.n_frames))
    frames = np.arange(attention.shape[-1])
    if len(attention) == 1:
        return FrameMaps(attention, ("mean of the channels",), frames, 1 / len(frames))
    names = tuple(f"head {h + 1}" for h in range(len(attention)))
    mean = attention.mean(axis=0, keepdims=True)
    maps = np.concatenate([mean, attention])
    return FrameMaps(maps, ("mean of the heads", *names), frames, 1 / len(frames))


def _kept(case: Case) -> dict[str, Tensor]:
    wanted = ("transformer_attention", "attention")
    return {name: case.output.aux[name] for name in wanted if name in case.output.aux}


def _selected(case: Case) -> I64:
    """Frames that the transformer saw, where a model chooses some."""
    if "selected_frames" in case.output.aux:
        return np.asarray(case.output.aux["selected_frames"][0].cpu().numpy())
    return np.arange(case.n_frames)


def _by_layer(attention: F32, frames: I64) -> FrameMaps:
    """(layers,heads,1+L,1+L) with the class token first -> a map a layer, padding cut off."""
    kept = 1 + len(frames)
    mean = attention.mean(axis=1)[:, :kept]
    hidden = float(mean[:, :, kept:].sum(axis=-1).mean())
    names = tuple(f"layer {i + 1}" for i in range(len(mean)))
    even = 1 / attention.shape[-1]
    return FrameMaps(mean[:, :, :kept], names, np.append(-1, frames), even, hidden)
