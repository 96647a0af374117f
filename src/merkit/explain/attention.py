"""What attended to what: frames to frames as heat maps (IFFA, DGAT, the transformers over time),
and the evolving graph of facial regions (E-GAT) on the clip's own face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from torch import Tensor

from merkit.explain import style
from merkit.explain.case import Case, Drawn, numpy_of
from merkit.report.plots import INK
from merkit.types import F32, F64, I64

#: method -> name of its attention, for the title
_TITLES = {
    "sfa-dgat": "DGAT: attention of frames on frames",
    "hlora-mer": "IFFA: attention of frames on frames",
    "stag": "Temporal transformer: attention of frames on frames, mean of the heads",
    "evodyn": "Transformer: attention of frames on frames, mean of the heads",
}
#: Edges drawn in each layer: with all pairs of regions nothing can be seen.
EDGES = 24
#: Edges have one hue from light to dark, readable on a pale face.
_EDGE_COLOURS = "YlOrBr"


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


def frames_figure(case: Case) -> Drawn | str:
    """A map a head, or a layer; rows attend, columns are attended to."""
    maps = frame_maps(case)
    if maps is None:
        return f"{case.name} as configured has no attention over frames"
    count = len(maps.weights)
    note = case.says
    if maps.hidden > 0.005:
        note += f"; {maps.hidden:.0%} of the attention goes to padding and is not shown"
    width, height = max(4.6, 1.1 + 1.95 * min(count, 5)), 3.1 if count <= 5 else 5.4
    title = _TITLES.get(case.name, "Attention of frames on frames")
    figure = style.new_figure(width, height, title, note)
    grid = figure.subplots(-(-count // 5), min(count, 5), squeeze=False).ravel()
    labels = ["class" if p < 0 else f"{case.view.time_ms[p]:.0f}" for p in maps.places]
    ticks = range(0, len(labels), max(1, -(-len(labels) // 5)))
    times = [labels[i] for i in ticks]
    for k, (axes, name, weights) in enumerate(zip(grid, maps.names, maps.weights, strict=False)):
        first = k % 5 == 0
        across, down = "" if k else "frame looked at, ms", "frame that looks, ms" if first else ""
        style.tidy(axes, name, across, down)
        image = axes.imshow(weights, cmap=style.SEQUENTIAL, vmin=0, vmax=float(maps.weights.max()))
        axes.set_xticks(ticks, times, rotation=90, fontsize=7)
        axes.set_yticks(ticks, times if first else [], fontsize=7)
    for axes in grid[count:]:
        axes.set_visible(False)
    label = f"weight (even: {maps.even:.3f})"
    style.colour_bar(figure, image, list(grid), label, fraction=0.02, shrink=0.75)
    received = dict(zip(maps.names, maps.weights.mean(axis=1).tolist(), strict=True))
    return Drawn(figure, {"attention_received": received})


def frame_maps(case: Case) -> FrameMaps | None:
    """What the model's ``aux`` holds of attention over frames; None where there is none."""
    aux, frames = case.output.aux, np.arange(case.n_frames)
    if "transformer_attention" in aux:
        if "selected_frames" in aux:  # where a model chooses some
            frames = np.asarray(aux["selected_frames"][0].cpu().numpy())
        return _by_layer(numpy_of(aux["transformer_attention"][0]), frames)
    if "attention" not in aux:
        return None
    attention = numpy_of(aux["attention"][0])
    if attention.ndim == 4:  # (layers, heads, 1+L, 1+L)
        return _by_layer(attention, frames)
    frames = np.arange(attention.shape[-1])
    if len(attention) == 1:
        return FrameMaps(attention, ("mean of the channels",), frames, 1 / len(frames))
    names = tuple(f"head {h + 1}" for h in range(len(attention)))
    mean = attention.mean(axis=0, keepdims=True)
    maps = np.concatenate([mean, attention])
    return FrameMaps(maps, ("mean of the heads", *names), frames, 1 / len(frames))


def _by_layer(attention: F32, frames: I64) -> FrameMaps:
    """(layers,heads,1+L,1+L) with the class token first -> a map a layer, padding cut off."""
    kept = 1 + len(frames)
    mean = attention.mean(axis=1)[:, :kept]
    hidden = float(mean[:, :, kept:].sum(axis=-1).mean())
    names = tuple(f"layer {i + 1}" for i in range(len(mean)))
    even = 1 / attention.shape[-1]
    return FrameMaps(mean[:, :, :kept], names, np.append(-1, frames), even, hidden)


def graph_figure(case: Case) -> Drawn | str:
    """One face a layer: nodes at region centres, edges by adjacency, averaged over time."""
    if "adjacency" not in case.output.aux:
        return f"{case.name} as configured has no graph of facial regions"
    adjacency = time_mean(case.output.aux["adjacency"], case)
    edges, weights = strongest_edges(adjacency, EDGES)
    itself = np.diagonal(adjacency, axis1=1, axis2=2)
    received = adjacency.sum(axis=1) - itself
    count, names = len(adjacency), case.view.regions
    pairs = len(names) * (len(names) - 1) // 2
    shown = f"the {edges.shape[1]} strongest of {pairs} pairs, mean over frames"
    title = "E-GAT: adjacency of facial regions by layer"
    figure = style.new_figure(2.0 + 2.4 * count, 3.6, title, f"{case.says}; {shown}")
    *grid, legend = figure.subplots(1, count + 1, width_ratios=[2.4] * count + [1.5])
    low, high = float(weights.min()), float(weights.max())
    pale = low - 0.3 * (high - low)  # the weakest edge drawn is still seen
    scale = ScalarMappable(Normalize(pale, high), _EDGE_COLOURS)
    spread = (received - received.min()) / max(float(np.ptp(received)), 1e-9)
    values = {}
    for k, axes in enumerate(grid):
        kept = float(itself[k].mean())
        title = f"layer {k + 1}: {kept:.0%} kept for itself"
        style.show_face(axes, case.view.picture, title, fade=0.55)
        centres, sizes = case.view.centres_px, 45 + 110 * spread[k]
        _draw_graph(axes, edges[k], weights[k], centres, scale, sizes)
        received_by = style.by_name(names, received[k])
        values[f"layer {k + 1}"] = {"received": received_by, "kept_for_itself": kept}
    lines = [f"{number}  {name}" for number, name in enumerate(names, start=1)]
    lines += ["", "larger node:", "more attention received"]
    style.bare(legend)
    legend.text(0, 0.98, "\n".join(lines), va="top", fontsize=7, color=INK, linespacing=1.35)
    style.colour_bar(figure, scale, grid, f"weight (even: {1 / len(names):.3f})", fraction=0.02)
    return Drawn(figure, values)


def time_mean(adjacency: Tensor, case: Case) -> F64:
    """(B,layers,T,R,R) of one clip -> (layers,R,R), the mean over its frames."""
    frames = adjacency[0, :, : case.n_frames] if adjacency.shape[2] > 1 else adjacency[0]
    return numpy_of(frames.float().mean(dim=1)).astype(np.float64)


def strongest_edges(adjacency: F64, most: int) -> tuple[I64, F64]:
    """Undirected edges (layers,E,2) of each layer's graph (layers,R,R), and their weights
    (layers,E): the mean of the two directions.

    Args:
        most: edges kept, strongest last so that they are drawn on top.
    """
    first, second = np.triu_indices(adjacency.shape[-1], 1)
    pairs = (adjacency[:, first, second] + adjacency[:, second, first]) / 2
    kept = np.argsort(pairs, axis=1, kind="stable")[:, -most:]
    edges = np.stack([first[kept], second[kept]], axis=-1)
    return edges, np.take_along_axis(pairs, kept, axis=1)


def _draw_graph(
    axes: Axes, edges: I64, weights: F64, centres: F64, scale: ScalarMappable, sizes: F64
) -> None:
    """Edges by colour and width; a node is larger the more attention it receives."""
    colours, shares = scale.to_rgba(weights), np.asarray(scale.norm(weights))
    lines = LineCollection(list(centres[edges]), colors=colours, linewidths=0.2 + 2.2 * shares)
    axes.add_collection(lines)
    x, y = centres.T
    axes.scatter(x, y, sizes, "white", edgecolors=INK, linewidths=0.8, zorder=3)
    for number, (x, y) in enumerate(centres, start=1):
        axes.text(x, y, str(number), ha="center", va="center", fontsize=6, color=INK, zorder=4)
