"""Parts that several figures share: rows of faces, and a table of effects with its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from merkit.explain.clipview import ClipView
from merkit.explain.style import (
    AGAINST,
    FOR,
    SIGNED,
    name_ticks,
    overlay,
    show_face,
    symmetric_limit,
    tidy,
    time_ticks,
)
from merkit.report.plots import INK
from merkit.types import F32, I64, U8

#: Faces in one row.
MAX_FACES = 8


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects on the score: ``table`` (R,T) of each region in each frame, ``by_region`` (R,),
    ``by_frame`` (T,), and the ``names`` of the regions."""

    table: F32
    by_region: F32
    by_frame: F32
    names: tuple[str, ...]


def shown_frames(count: int) -> I64:
    """Positions of at most eight frames, first and last among them."""
    places = np.linspace(0, count - 1, min(count, MAX_FACES))
    return np.round(places).astype(np.int64)


def faces(view: ClipView) -> tuple[U8, I64]:
    """Aligned frames to show, (K,S,S,3), and their positions in the sample."""
    rgb = view.sample.arrays["rgb"]
    chosen = shown_frames(len(rgb))
    return np.ascontiguousarray(np.asarray(rgb)[chosen].transpose(0, 2, 3, 1)), chosen


def faces_row(
    figure: Figure | SubFigure, view: ClipView, maps: F32 | None, cmap: str, limits: Any, label: str
) -> None:
    """One row of frames with their times, and a map over each.

    Args:
        maps: (T,h,w) of any resolution, or None for the faces alone.
        limits: (low, high) of the colours.
        label: what the colours mean, beside the colour bar.
    """
    pictures, chosen = faces(view)
    row = figure.subplots(1, len(chosen), squeeze=False)[0]
    drawn: Any = None
    for axes, picture, place in zip(row, pictures, chosen, strict=True):
        show_face(axes, picture, f"{view.time_ms[place]:.0f} ms", fade=0.15)
        if maps is not None:
            drawn = overlay(axes, maps[place], view.size_px, cmap, limits, 0.6)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=list(row), fraction=0.02, pad=0.01, shrink=0.85)
        style_bar(bar, label)


def style_bar(bar: Any, label: str) -> None:
    """Small labels and no frame around a colour bar."""
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8, color=INK)


def table_panels(figure: Figure | SubFigure, view: ClipView, effects: Effects, time: bool) -> None:
    """Regions by frames as colours, sums of rows and columns as bars, regions on the face.

    Args:
        time: whether the clip has frames; a flow map has none, and no table is drawn.
    """
    if not time:
        bars, face = figure.subplots(1, 2, width_ratios=(1.3, 1))
        _region_bars(bars, effects, labelled=True)
        _regions_on_face(figure, face, view, effects)
        return
    grid = figure.subplot_mosaic(
        [["table", "regions", "face"], ["frames", ".", "face"]],
        width_ratios=(2.1, 0.8, 1.5),
        height_ratios=(3, 1),
    )
    limit = symmetric_limit(effects.table)
    table = tidy(grid["table"], "one region in one frame")
    image = table.imshow(effects.table, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    name_ticks(table, effects.names)
    time_ticks(table, view.time_ms[: effects.table.shape[1]])
    bar = figure.colorbar(image, ax=table, fraction=0.03, pad=0.01)
    style_bar(bar, "log-odds")
    _region_bars(grid["regions"], effects, labelled=False)
    frames_bars(grid["frames"], effects.by_frame, view, "one frame, all of the face")
    _regions_on_face(figure, grid["face"], view, effects)


def frames_bars(axes: Axes, values: F32, view: ClipView, title: str) -> None:
    """One bar a frame; positive speaks for the class."""
    tidy(axes, title)
    colours = [_colour(v) for v in values]
    axes.bar(range(len(values)), values, color=colours, width=0.75)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xlim(-0.5, len(values) - 0.5)
    time_ticks(axes, view.time_ms[: len(values)])
    axes.set_xlabel("time from the first frame, ms", fontsize=8, color=INK)
    axes.set_ylabel("log-odds", fontsize=8, color=INK)


def _region_bars(axes: Axes, effects: Effects, labelled: bool) -> None:
    tidy(axes, "one region, all frames" if not labelled else "each region")
    rows = range(len(effects.names))
    colours = [_colour(v) for v in effects.by_region]
    axes.barh(rows, effects.by_region, color=colours, height=0.7)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_ylim(len(effects.names) - 0.5, -0.5)
    if labelled:
        name_ticks(axes, effects.names)
    else:
        axes.set_yticks([])
    axes.set_xlabel("log-odds", fontsize=8, color=INK)


def _regions_on_face(
    figure: Figure | SubFigure, axes: Axes, view: ClipView, effects: Effects
) -> None:
    show_face(axes, view.picture, "", fade=0.2)
    axes.set_title("each region on the face", fontsize=9, color=INK, loc="left")
    values = np.append(effects.by_region[: len(view.regions)], np.nan)
    limit = symmetric_limit(effects.by_region[: len(view.regions)])
    coloured = values[view.region_map()]
    image = axes.imshow(coloured, cmap=SIGNED, vmin=-limit, vmax=limit, alpha=0.65)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    style_bar(bar, "log-odds")


def _colour(value: float) -> str:
    return FOR if value > 0 else AGAINST


def strongest(values: Sequence[float] | np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Values by name, for ``explain.json``."""
    return {name: float(value) for name, value in zip(names, values, strict=True)}
