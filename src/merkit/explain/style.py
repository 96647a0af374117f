"""One look for every figure, and the parts that several of them share: quiet, colour-blind safe,
titles on the left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from merkit.explain.view import ClipView
from merkit.report.plots import INK
from merkit.types import F32, F64, U8

#: weights and shares; signed effects; the first component of features
SEQUENTIAL, SIGNED, COMPONENT = "Blues", "RdBu_r", "viridis"
#: Okabe & Ito 2008, "Color universal design", without black
CLASS_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#999999", "#F0E442"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GRID = "#e6eaee"
#: Faces in one row.
_MAX_FACES = 8


def new_figure(width_in: float, height_in: float, title: str, note: str) -> Figure:
    """An empty figure that arranges its own margins, with its title and a smaller line below."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    figure.suptitle(f"{title}\n{note}", x=0.01, ha="left", fontsize=10, color=INK)
    return figure


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """No box, small grey ticks, the title on the left; what stands along x and y."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    if title:
        axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)
    return axes


def bare(axes: Axes, title: str = "") -> Axes:
    """Axes for a picture: neither ticks nor frame."""
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8, color=INK, loc="left")
    return axes


def show_face(axes: Axes, picture: U8, title: str = "", fade: float = 0.0) -> Axes:
    """A grey face below what is drawn over it; ``fade`` 1 would be white.

    Args:
        picture: (S,S,3) or (S,S).
    """
    grey = picture.mean(axis=-1) if picture.ndim == 3 else picture.astype(float)
    grey = grey * (1 - fade) + 255 * fade
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
    return bare(axes, title)


def faces_row(
    figure: Figure | SubFigure,
    view: ClipView,
    maps: F32 | None = None,
    cmap: str = SIGNED,
    limits: tuple[float, float] = (-1, 1),
    label: str = "",
) -> None:
    """One row of at most eight frames with their times, first and last among them, and a map over
    each.

    Args:
        view: of a model that reads pictures.
        maps: (T,h,w) of any resolution, or None for the faces alone.
        limits: (low, high) of the colours.
        label: what the colours mean, beside the colour bar.
    """
    pictures = view.sample.arrays["rgb"].transpose(0, 2, 3, 1)
    places = np.linspace(0, len(pictures) - 1, min(len(pictures), _MAX_FACES)).round().astype(int)
    row = figure.subplots(1, len(places), squeeze=False)[0]
    side = view.size_px - 0.5
    over: dict[str, Any] = {"extent": (-0.5, side, side, -0.5), "interpolation": "bilinear"}
    drawn: Any = None
    for axes, place in zip(row, places, strict=True):
        show_face(axes, np.asarray(pictures[place]), f"{view.time_ms[place]:.0f} ms", fade=0.15)
        if maps is not None:
            low, high = limits
            drawn = axes.imshow(maps[place], cmap=cmap, vmin=low, vmax=high, alpha=0.6, **over)
    if drawn is not None:
        colour_bar(figure, drawn, list(row), label, fraction=0.02, shrink=0.85)


def colour_bar(
    figure: Any, image: Any, axes: Any, label: str, fraction: float = 0.03, **layout: float
) -> None:
    """A colour bar beside axes, with small labels and no frame."""
    bar = figure.colorbar(image, ax=axes, fraction=fraction, **{"pad": 0.01, **layout})
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8, color=INK)


def symmetric_limit(values: np.ndarray) -> float:
    """The largest magnitude, for colours with zero in the middle; 1 where all are zero."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


def time_ticks(axes: Axes, time_ms: F64) -> None:
    """Label positions 0, 1, ... of frames with their times, at most eight of them."""
    places = np.arange(0, len(time_ms), max(1, -(-len(time_ms) // 8)))
    axes.set_xticks(places, [f"{time_ms[i]:.0f}" for i in places])


def name_ticks(axes: Axes, names: Sequence[str]) -> None:
    """Label rows 0, 1, ... with names."""
    axes.set_yticks(range(len(names)), list(names), fontsize=7)


def by_name(names: Sequence[str], values: F32 | F64) -> dict[str, float]:
    """Values by name, for ``explain.json``."""
    return {name: float(value) for name, value in zip(names, values, strict=True)}
