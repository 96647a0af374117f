"""Figures of which parts of a clip a score comes from: integrated gradients, Grad-CAM, occlusion,
frames.

Computed by captum (Kokhlikyan et al. 2020, arXiv:2009.07896), an optional dependency. Effects
are in units of the score, that is log-odds: an effect of 0.7 doubles the odds of the class. Where a
gradient is taken cuDNN is off: it has none of an LSTM in evaluation mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.backends import cudnn

from merkit.errors import MissingPackageError
from merkit.explain import style
from merkit.explain.case import Case, Drawn, Scorer, numpy_of
from merkit.explain.view import ClipView, Pictures
from merkit.methods.encoder.network import Encoder
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


def gradients_figure(case: Case) -> Drawn | str:
    """Integrated gradients: over pixels where the model reads pictures, by region and frame."""
    if not case.loaded.model.differentiable:
        return f"{case.name} has no gradient: what it reads of a clip is counted"
    effect, change, residual = integrated_gradients(case)
    effects = pooled(case, effect)
    note = (
        f"{case.says}\nlog-odds {change:+.2g} against the {case.nothing}; "
        f"{residual:+.1g} of it unaccounted for at {case.config.steps} steps"
    )
    title = "Integrated gradients: red speaks for the class, blue against it"
    pictures = isinstance(case.scorer.reading, Pictures)
    figure = style.new_figure(9.2, effects.height_in + (1.75 if pictures else 0.2), title, note)
    lower: Figure | SubFigure = figure
    if pictures:
        upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 2.6)))
        sigma = case.view.size_px / 50  # single pixels cannot be seen
        maps = gaussian_filter(effect.sum(axis=1), (0, sigma, sigma))
        maps = maps / style.symmetric_limit(np.percentile(np.abs(maps), 99.5))
        style.faces_row(upper, case.view, maps, label="relative")
    _panels(lower, case.view, effects)
    return Drawn(figure, effects.values | {"change": change, "residual": residual})


def occlusion_figure(case: Case) -> Drawn:
    """Occlusion: each region in each frame, each region throughout, each frame whole."""
    scorer, names = case.scorer, case.parts
    regions = scorer.reading.regions(scorer.values, case.view)
    by_region = occlusion(case, regions, len(names))
    by_frame = occlusion(case, scorer.frames, scorer.length)
    table = by_region
    if scorer.length > 1:
        cells = regions * scorer.length + scorer.frames
        table = occlusion(case, cells, len(names) * scorer.length)
    shown = slice(case.n_frames)
    table = table.reshape(len(names), -1)[:, shown]
    effects = Effects(table, by_region, by_frame[shown], names)
    title = "Occlusion: how far the log-odds fall without a part"
    note = f"{case.says}; each part replaced by the {case.nothing}"
    figure = style.new_figure(9.2, effects.height_in, title, note)
    _panels(figure, case.view, effects)
    return Drawn(figure, effects.values)


def gradcam_figure(case: Case) -> Drawn | str:
    """Relevance of each patch token in the last block, over the faces."""
    if case.encoder is None:
        return f"{case.name} has no encoder with patch tokens"
    maps = token_relevance(case.scorer, case.encoder)
    limit = style.symmetric_limit(maps)
    title = "Grad-CAM of the last block: red patches speak for the class"
    figure = style.new_figure(9.2, 2.1, title, case.says)
    style.faces_row(figure, case.view, maps, limits=(-limit, limit), label="token × gradient")
    return Drawn(figure, {"by_frame": maps.sum(axis=(1, 2)).tolist()})


def frames_figure(case: Case) -> Drawn | str:
    """Importance of each frame: occluded one at a time, and the gradient's guess of it."""
    scorer = case.scorer
    if scorer.length < 2:
        return f"{case.name} reads one picture a clip, not a run of frames"
    shown = slice(case.n_frames)
    fall = occlusion(case, scorer.frames, scorer.length)[shown]
    values = {"occlusion": fall.tolist()}
    pictures = isinstance(scorer.reading, Pictures)
    title = "Frame importance: how far the log-odds fall without a frame"
    note = f"{case.says}; each frame replaced by the {case.nothing}"
    figure = style.new_figure(7.6, 3.7 if pictures else 2.7, title, note)
    lower: Figure | SubFigure = figure
    if pictures:
        upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.7)))
        style.faces_row(upper, case.view)
    axes = lower.subplots()
    _frame_bars(axes, fall, case.view)
    if case.loaded.model.differentiable:
        guess = gradient_by_frame(case)[shown]
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


def require_captum() -> Any:
    """captum's module of attributions.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import captum.attr
    except ImportError:
        raise MissingPackageError(
            "captum is not installed",
            "captum, which computes integrated gradients, Grad-CAM and occlusion",
            "pip install 'merkit[explain]', or name figures that need none: "
            "--figures patch-pca attention graph flow",
        ) from None
    return captum.attr


def integrated_gradients(case: Case) -> tuple[F32, float, float]:
    """Integrated gradients along the straight line from the baseline to the clip, by the
    Gauss-Legendre rule.

    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", eq 1; by their
    completeness axiom the effects add up to the change of the score.

    Returns:
        The effect of every input number (same shape as the input, without the batch axis); the
        change of the score from baseline to clip; and the residual of it that the effects do not
        add up to, from the finite number of steps.
    """
    scorer, steps, chunk = case.scorer, case.config.steps, case.config.chunk
    method = require_captum().IntegratedGradients(scorer)
    with cudnn.flags(enabled=False):
        effect = method.attribute(
            scorer.values, baselines=case.baseline, n_steps=steps, internal_batch_size=chunk
        )
    with torch.no_grad():
        change = float(scorer(scorer.values) - scorer(case.baseline))
    return numpy_of(effect[0]), change, change - float(effect.double().sum())


def occlusion(case: Case, groups: Tensor, count: int) -> F32:
    """How much the score falls when a group of input numbers is replaced by the baseline.

    Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", with groups
    that follow the face in place of a sliding square.

    Args:
        groups: int64 of the input's shape (1, ...), values 0 to count - 1; groups may be empty.

    Returns:
        F32 (count,); positive: the group speaks for the class.
    """
    method = require_captum().FeatureAblation(case.scorer)
    _, compact = torch.unique(groups, return_inverse=True)
    effect = method.attribute(
        case.scorer.values,
        baselines=case.baseline,
        feature_mask=compact,
        perturbations_per_eval=case.config.chunk,
    )
    found = torch.zeros(count, device=effect.device)
    found[groups.flatten()] = effect.float().flatten()  # the same for all of a group
    return numpy_of(found)


def token_relevance(scorer: Scorer, encoder: Encoder) -> F32:
    """Grad-CAM for patch tokens, element by element: the sum over channels of token times
    gradient, F32 (T, rows, columns).

    Read where tokens enter the attention of the last block, since after it the class token
    alone may be computed. Element-wise products are Draelos & Carin 2020 (arXiv:2011.08891),
    who show that averaging the gradient over positions first, as Grad-CAM does (Selvaraju et
    al. 2017), may point at places that the network did not use.
    """
    layer = encoder.backbone.encoder.layer[-1].norm1
    method = require_captum().LayerGradientXActivation(scorer, layer)
    with cudnn.flags(enabled=False):
        relevance = method.attribute(scorer.values)
    patches = relevance[:, 1 + encoder.n_registers :].sum(dim=-1)
    rows, columns = encoder.grid
    return numpy_of(patches.reshape(-1, rows, columns))


def gradient_by_frame(case: Case) -> F32:
    """First-order guess of occluding each frame: gradient times (clip - baseline), (T,)."""
    values = case.scorer.values.clone().requires_grad_(True)
    with cudnn.flags(enabled=False):
        (slope,) = torch.autograd.grad(case.scorer(values).sum(), values)
    product = slope * (case.scorer.values - case.baseline)
    return numpy_of(product[0].flatten(1).sum(dim=1))
