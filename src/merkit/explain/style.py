"""One look for every figure: quiet, colour-blind safe, titles on the left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merkit.files import atomic_file
from merkit.report.plots import INK
from merkit.types import F32, F64, U8

#: weights and shares; signed effects; the first component of features
SEQUENTIAL, SIGNED, COMPONENT = "Blues", "RdBu_r", "viridis"
#: Okabe & Ito 2008, "Color universal design", without black
CLASS_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#999999", "#F0E442"),
)
#: for the class, against it: the ends of SIGNED
FOR, AGAINST = "#b2182b", "#2166ac"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GRID = "#e6eaee"
#: dots per inch of the PNGs; text is 8 to 10 pt
DPI = 100


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that arranges its own margins."""
    return Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def heading(figure: Figure, title: str, note: str = "") -> None:
    """Title of the whole figure on its left, and one smaller line below it."""
    text = f"{title}\n{note}" if note else title
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, color=INK)


def tidy(axes: Axes, title: str = "") -> Axes:
    """No box, small grey ticks, the title on the left."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    if title:
        axes.set_title(title, fontsize=9, color=INK, loc="left")
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


def overlay(
    axes: Axes,
    values: F32 | F64,
    size_px: int,
    cmap: str,
    limits: tuple[float, float],
    alpha: float,
) -> Any:
    """A map of any resolution laid over a face of ``size_px``; returns the image."""
    extent = (-0.5, size_px - 0.5, size_px - 0.5, -0.5)
    return axes.imshow(
        values,
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        alpha=alpha,
        extent=extent,
        interpolation="bilinear",
    )


def symmetric_limit(*values: np.ndarray) -> float:
    """The largest magnitude, for colours with zero in the middle; 1 where all are zero."""
    largest = max((float(np.abs(v).max()) for v in values if v.size), default=0.0)
    return largest or 1.0


def time_ticks(axes: Axes, time_ms: F64, at_most: int = 8, axis: str = "x") -> None:
    """Label positions 0, 1, ... of frames with their times."""
    step = max(1, -(-len(time_ms) // at_most))
    places = np.arange(0, len(time_ms), step)
    labels = [f"{time_ms[i]:.0f}" for i in places]
    (axes.set_xticks if axis == "x" else axes.set_yticks)(places, labels)


def name_ticks(axes: Axes, names: Sequence[str]) -> None:
    """Label rows 0, 1, ... with names."""
    axes.set_yticks(range(len(names)), list(names), fontsize=7)


def save_png(figure: Figure, path: Path) -> Path:
    """Write the figure whole or not at all; the same figure gives the same bytes."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    return path
