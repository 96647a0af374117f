"""Figures of what a score comes from: integrated gradients, Grad-CAM, occlusion, frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from scipy.ndimage import gaussian_filter
from torch import Tensor

from merkit.explain import style
from merkit.explain.attribution import (
    gradient_by_frame,
    integrated_gradients,
    occlusion,
    token_relevance,
)
from merkit.explain.case import Case, Drawn, Skipped
from merkit.explain.view import ClipView, Pictures
from merkit.report.plots import INK
from merkit.types import F32

#: for the class, against it: the ends of style.SIGNED
_FOR, _AGAINST = "#b2182b", "#2166ac"


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects on the score: ``table`` (R,T) of each region in each frame, ``by_region`` (R,),
    ``by_frame`` (T,), and the ``names`` of the regions."""

    table: F32
    by_region: F32
    by_frame: F32
    names: tuple[str, ...]

    @property
    def height_in(self) -> float:
        """What their panels need."""
        return 1.8 + 0.145 * len(self.names)

    @property
    def values(self) -> dict[str, object]:
        """For ``explain.json``."""
        return {
            "by_region": style.by_name(self.names, self.by_region),
            "by_frame": self.by_frame.tolist(),
        }


def gradients_figure(case: Case) -> Drawn | Skipped:
    """Integrated gradients: over pixels where the model reads pictures, by region and frame."""
    if not case.loaded.model.differentiable:
        return Skipped(f"{case.name} has no gradient: what it reads of a clip is counted")
    steps = case.config.steps
    baseline = case.scorer.baseline(case.config.baseline)
    found = integrated_gradients(case.scorer, baseline, steps, case.config.chunk)
    effects = pooled(case, found.effect)
    note = (
        f"{case.says}\nlog-odds {found.change:+.2g} against the {_nothing(case)}; "
        f"{found.residual:+.1g} of it unaccounted for at {steps} steps"
    )
    title = "Integrated gradients: red speaks for the class, blue against it"
    pictures = isinstance(case.scorer.reading, Pictures)
    figure = style.new_figure(9.2, effects.height_in + (1.75 if pictures else 0.2), title, note)
    lower: Figure | SubFigure = figure
    if pictures:
        upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 2.6)))
        sigma = case.view.size_px / 50  # single pixels cannot be seen
        maps = gaussian_filter(found.effect.sum(axis=1), (0, sigma, sigma))
        maps = maps / style.symmetric_limit(np.percentile(np.abs(maps), 99.5))
        style.faces_row(upper, case.view, maps, label="relative")
    _panels(lower, case.view, effects)
    return Drawn(figure, effects.values | {"change": found.change, "residual": found.residual})


def occlusion_figure(case: Case) -> Drawn:
    """Occlusion: each region in each frame, each region throughout, each frame whole."""
    scorer, names = case.scorer, case.parts
    baseline = scorer.baseline(case.config.baseline)
    regions = scorer.reading.regions(scorer.values, case.view)

    def fall(groups: Tensor, count: int) -> F32:
        return occlusion(scorer, baseline, groups, count, case.config.chunk)

    by_region, by_frame = fall(regions, len(names)), fall(scorer.frames, scorer.length)
    table = by_region
    if scorer.length > 1:
        table = fall(regions * scorer.length + scorer.frames, len(names) * scorer.length)
    shown = slice(case.n_frames)
    table = table.reshape(len(names), -1)[:, shown]
    effects = Effects(table, by_region, by_frame[shown], names)
    title = "Occlusion: how far the log-odds fall without a part"
    note = f"{case.says}; each part replaced by the {_nothing(case)}"
    figure = style.new_figure(9.2, effects.height_in, title, note)
    _panels(figure, case.view, effects)
    return Drawn(figure, effects.values)


def gradcam_figure(case: Case) -> Drawn | Skipped:
    """Relevance of each patch token in the last block, over the faces."""
    if case.encoder is None:
        return Skipped(f"{case.name} has no encoder with patch tokens")
    maps = token_relevance(case.scorer, case.encoder)
    limit = style.symmetric_limit(maps)
    title = "Grad-CAM of the last block: red patches speak for the class"
    figure = style.new_figure(9.2, 2.1, title, case.says)
    style.faces_row(figure, case.view, maps, limits=(-limit, limit), label="token × gradient")
    return Drawn(figure, {"by_frame": maps.sum(axis=(1, 2)).tolist()})


def frames_figure(case: Case) -> Drawn | Skipped:
    """Importance of each frame: occluded one at a time, and the gradient's guess of it."""
    scorer = case.scorer
    if scorer.length < 2:
        return Skipped(f"{case.name} reads one picture a clip, not a run of frames")
    shown = slice(case.n_frames)
    baseline = scorer.baseline(case.config.baseline)
    fall = occlusion(scorer, baseline, scorer.frames, scorer.length, case.config.chunk)[shown]
    values = {"occlusion": fall.tolist()}
    pictures = isinstance(scorer.reading, Pictures)
    title = "Frame importance: how far the log-odds fall without a frame"
    note = f"{case.says}; each frame replaced by the {_nothing(case)}"
    figure = style.new_figure(7.6, 3.7 if pictures else 2.7, title, note)
    lower: Figure | SubFigure = figure
    if pictures:
        upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.7)))
        style.faces_row(upper, case.view)
    axes = lower.subplots()
    _frame_bars(axes, fall, case.view)
    if case.loaded.model.differentiable:
        guess = gradient_by_frame(scorer, baseline)[shown]
        values["gradient"] = guess.tolist()
        label = "gradient × (frame − baseline)"
        axes.plot(range(len(guess)), guess, "D", color=INK, markersize=4, label=label)
        axes.legend(fontsize=7, frameon=False, loc="best")
    return Drawn(figure, values)


def pooled(case: Case, effect: F32) -> Effects:
    """Effects of single input numbers, of the shape of the input, summed by region and frame; what
    is summed is kept."""
    scorer, names = case.scorer, case.parts
    cells = scorer.reading.regions(scorer.values, case.view) * scorer.length + scorer.frames
    places = cells.flatten().cpu().numpy()
    sums = np.bincount(places, effect.ravel(), len(names) * scorer.length)
    table = sums.reshape(len(names), -1)[:, : case.n_frames].astype(np.float32)
    return Effects(table, table.sum(axis=1), table.sum(axis=0), names)


def _nothing(case: Case) -> str:
    """What stands for it, in words."""
    return case.scorer.reading.nothing(case.scorer.values)[case.config.baseline][0]


def _panels(figure: Figure | SubFigure, view: ClipView, effects: Effects) -> None:
    """Regions by frames as colours, sums of rows and columns as bars, regions on the face; no
    table of a single frame."""
    if effects.table.shape[1] == 1:
        bars, face = figure.subplots(1, 2, width_ratios=(1.3, 1))
        _region_bars(bars, effects, "each region")
        style.name_ticks(bars, effects.names)
        _regions_on_face(figure, face, view, effects)
        return
    grid = figure.subplot_mosaic(
        [["table", "regions", "face"], ["frames", ".", "face"]],
        width_ratios=(2.1, 0.8, 1.5),
        height_ratios=(3, 1),
    )
    limit = style.symmetric_limit(effects.table)
    table = style.tidy(grid["table"], "one region in one frame")
    image = table.imshow(effects.table, cmap=style.SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    style.name_ticks(table, effects.names)
    style.time_ticks(table, view.time_ms[: effects.table.shape[1]])
    style.colour_bar(figure, image, table, "log-odds")
    _region_bars(grid["regions"], effects, "one region, all frames")
    grid["regions"].set_yticks([])
    _frame_bars(grid["frames"], effects.by_frame, view, "one frame, all of the face")
    _regions_on_face(figure, grid["face"], view, effects)


def _frame_bars(axes: Axes, values: F32, view: ClipView, title: str = "") -> None:
    """One bar a frame; positive speaks for the class."""
    style.tidy(axes, title, "time from the first frame, ms", "log-odds")
    axes.bar(range(len(values)), values, color=_colours(values), width=0.75)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xlim(-0.5, len(values) - 0.5)
    style.time_ticks(axes, view.time_ms[: len(values)])


def _region_bars(axes: Axes, effects: Effects, title: str) -> None:
    style.tidy(axes, title, "log-odds")
    rows = range(len(effects.names))
    axes.barh(rows, effects.by_region, color=_colours(effects.by_region), height=0.7)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_ylim(len(effects.names) - 0.5, -0.5)


def _regions_on_face(
    figure: Figure | SubFigure, axes: Axes, view: ClipView, effects: Effects
) -> None:
    style.show_face(axes, view.picture, fade=0.2)
    axes.set_title("each region on the face", fontsize=9, color=INK, loc="left")
    values = effects.by_region[: len(view.regions)]
    limit = style.symmetric_limit(values)
    coloured = np.append(values, np.nan)[view.region_map()]
    image = axes.imshow(coloured, cmap=style.SIGNED, vmin=-limit, vmax=limit, alpha=0.65)
    style.colour_bar(figure, image, axes, "log-odds", fraction=0.04, pad=0.02)


def _colours(values: F32) -> list[str]:
    return [_FOR if value > 0 else _AGAINST for value in values]
