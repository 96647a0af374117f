"""The evolving region graph (E-GAT) by layer, drawn on the clip's own face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from merkit.explain.case import Case, Drawn, Skipped
from merkit.explain.panels import style_bar
from merkit.explain.style import bare, heading, new_figure, show_face
from merkit.report.plots import INK
from merkit.types import F32, F64, I64

#: Edges drawn in each layer: with all pairs of regions nothing can be seen.
EDGES = 24
#: One hue from light to dark, readable on a pale face.
_COLOURS = "YlOrBr"


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """One layer: the strongest undirected ``edges`` (E,2) with their ``weights`` (E,), how much
    attention each region ``received`` (R,), and the mean share regions keep for ``itself``."""

    edges: I64
    weights: F64
    received: F64
    itself: float


def figure(case: Case) -> Drawn | Skipped:
    """One face a layer: nodes at region centres, edges by adjacency, averaged over time."""
    if "adjacency" not in case.output.aux:
        return Skipped(f"{case.method} as configured has no graph of facial regions")
    layers = layer_graphs(time_mean(case.output.aux["adjacency"], case), EDGES)
    count = len(layers)
    drawn = new_figure(2.0 + 2.4 * count, 3.6)
    shown = f"the {len(layers[0].edges)} strongest of {_pairs(case)} pairs, mean over frames"
    heading(drawn, "E-GAT: adjacency of facial regions by layer", f"{case.says}; {shown}")
    grid = drawn.subplots(1, count + 1, width_ratios=[2.4] * count + [1.5], squeeze=False)[0]
    weights = np.concatenate([layer.weights for layer in layers])
    low, high = float(weights.min()), float(weights.max())
    pale = low - 0.3 * (high - low)  # the weakest edge drawn is still seen
    scale = ScalarMappable(Normalize(pale, high), _COLOURS)
    received = np.concatenate([layer.received for layer in layers])
    for k, (axes, layer) in enumerate(zip(grid, layers, strict=False)):
        title = f"layer {k + 1}: {layer.itself:.0%} kept for itself"
        show_face(axes, case.view.picture, title, fade=0.55)
        _draw(axes, layer, case.view.centres_px, scale, received)
    _legend(grid[-1], case.view.regions)
    bar = drawn.colorbar(scale, ax=list(grid[:-1]), fraction=0.02, pad=0.01)
    style_bar(bar, f"weight (even: {1 / len(case.view.regions):.3f})")
    values = {
        f"layer {k + 1}": {
            "received": dict(zip(case.view.regions, layer.received.tolist(), strict=True)),
            "kept_for_itself": layer.itself,
        }
        for k, layer in enumerate(layers)
    }
    return Drawn(drawn, values)


def time_mean(adjacency: Any, case: Case) -> F32:
    """(B,layers,T,R,R) of one clip -> (layers,R,R), the mean over its frames."""
    frames = adjacency[0, :, : case.n_frames] if adjacency.shape[2] > 1 else adjacency[0]
    return np.asarray(frames.detach().float().mean(dim=1).cpu().numpy())


def layer_graphs(adjacency: F32, most: int) -> list[LayerGraph]:
    """Each layer's graph. Adjacency (layers,R,R) has rows that sum to one; an undirected edge
    has the mean of its two directions.

    Args:
        most: edges kept, strongest last so that they are drawn on top.
    """
    graphs = []
    regions = adjacency.shape[-1]
    first, second = np.triu_indices(regions, 1)
    for matrix in adjacency.astype(np.float64):
        pairs = (matrix[first, second] + matrix[second, first]) / 2
        kept = np.argsort(pairs, kind="stable")[-most:]
        edges = np.stack([first[kept], second[kept]], axis=1)
        received = matrix.sum(axis=0) - np.diag(matrix)
        itself = float(np.diag(matrix).mean())
        graphs.append(LayerGraph(edges, pairs[kept], received, itself))
    return graphs


def _draw(axes: Axes, graph: LayerGraph, centres: F64, scale: Any, received: F64) -> None:
    """Edges by colour and width; a node is larger the more attention it receives."""
    low, high = scale.norm.vmin, scale.norm.vmax
    widths = 0.2 + 2.2 * (graph.weights - low) / max(high - low, 1e-9)
    lines = LineCollection(
        list(centres[graph.edges]), colors=scale.to_rgba(graph.weights), linewidths=widths
    )
    axes.add_collection(lines)
    span = max(float(np.ptp(received)), 1e-9)
    sizes = 45 + 110 * (graph.received - received.min()) / span
    axes.scatter(
        centres[:, 0],
        centres[:, 1],
        s=sizes,
        color="white",
        edgecolors=INK,
        linewidths=0.8,
        zorder=3,
    )
    for number, (x, y) in enumerate(centres, start=1):
        axes.text(x, y, str(number), ha="center", va="center", fontsize=6, color=INK, zorder=4)


def _legend(axes: Axes, names: tuple[str, ...]) -> None:
    bare(axes)
    lines = [f"{number}  {name}" for number, name in enumerate(names, start=1)]
    lines += ["", "larger node:", "more attention received"]
    axes.text(0, 0.98, "\n".join(lines), va="top", fontsize=7, color=INK, linespacing=1.35)


def _pairs(case: Case) -> int:
    regions = len(case.view.regions)
    return regions * (regions - 1) // 2
