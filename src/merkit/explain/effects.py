"""Figures of what a score comes from: integrated gradients, Grad-CAM, occlusion, frames."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure, SubFigure
from scipy.ndimage import gaussian_filter

from merkit.explain.attribution import (
    frame_groups,
    gradient_by_frame,
    integrated_gradients,
    occlusion,
    region_groups,
    token_relevance,
)
from merkit.explain.case import Case, Drawn, Skipped
from merkit.explain.panels import (
    Effects,
    faces_row,
    frames_bars,
    strongest,
    table_panels,
)
from merkit.explain.style import SIGNED, heading, new_figure, symmetric_limit
from merkit.methods.encoder.network import Encoder
from merkit.report.plots import INK
from merkit.types import F32

#: What is not in any region of a picture.
REST = "rest of the picture"


def gradients_figure(case: Case) -> Drawn | Skipped:
    """Integrated gradients: over pixels where the model reads pictures, by region and frame."""
    scorer = case.scorer
    if not scorer.differentiable:
        return Skipped(f"{case.method} has no gradient: what it reads of a clip is counted")
    baseline = scorer.baseline(case.config.baseline)
    found = integrated_gradients(scorer, baseline, case.config.steps, case.config.chunk)
    effects = pooled(case, found.effect)
    note = (
        f"{case.says}\nlog-odds {found.change:+.2g} against the {_baseline(case)}; "
        f"{found.residual:+.1g} of it unaccounted for at {case.config.steps} steps"
    )
    picture = scorer.name == "rgb"
    figure = new_figure(9.2, _table_height(effects) + (1.75 if picture else 0.2))
    heading(figure, "Integrated gradients: red speaks for the class, blue against it", note)
    lower: Figure | SubFigure = figure
    if picture:
        upper, lower = np.atleast_1d(figure.subfigures(2, 1, height_ratios=(1, 2.6)))  # type: ignore[arg-type]
        maps = smoothed(found.effect.sum(axis=1), case.view.size_px)
        maps = maps / symmetric_limit(np.percentile(np.abs(maps), 99.5))
        faces_row(upper, case.view, maps, SIGNED, (-1, 1), "relative")
    table_panels(lower, case.view, effects, time=scorer.name != "flow_map")
    return Drawn(figure, _values(effects) | {"change": found.change, "residual": found.residual})


def occlusion_figure(case: Case) -> Drawn | Skipped:
    """Occlusion: each region in each frame, each region throughout, each frame whole."""
    scorer, config = case.scorer, case.config
    baseline = scorer.baseline(config.baseline)
    regions = region_groups(scorer, case.view.region_map(scorer.values.shape[-1]))
    names = region_names(case)

    def run(groups: object, count: int) -> F32:
        return occlusion(scorer, baseline, groups, count, config.chunk)  # type: ignore[arg-type]

    by_region = run(regions, len(names))
    if scorer.name == "flow_map":
        table, by_frame = by_region[:, None], np.zeros(1, np.float32)
    else:
        frames, n = frame_groups(scorer), scorer.values.shape[1]
        by_frame = run(frames, n)[: case.n_frames]
        table = run(regions * n + frames, len(names) * n).reshape(-1, n)[:, : case.n_frames]
    effects = Effects(table, by_region, by_frame, names)
    figure = new_figure(9.2, _table_height(effects))
    note = f"{case.says}; each part replaced by the {_baseline(case)}"
    heading(figure, "Occlusion: how far the log-odds fall without a part", note)
    table_panels(figure, case.view, effects, time=scorer.name != "flow_map")
    return Drawn(figure, _values(effects))


def gradcam_figure(case: Case) -> Drawn | Skipped:
    """Relevance of each patch token in the last block, over the faces."""
    encoder = getattr(case.model, "encoder", None)
    if not isinstance(encoder, Encoder):
        return Skipped(f"{case.method} has no encoder with patch tokens")
    maps = token_relevance(case.scorer, encoder)
    limit = symmetric_limit(maps)
    figure = new_figure(9.2, 2.1)
    heading(figure, "Grad-CAM of the last block: red patches speak for the class", case.says)
    faces_row(figure, case.view, maps, SIGNED, (-limit, limit), "token × gradient")
    return Drawn(figure, {"by_frame": maps.sum(axis=(1, 2)).tolist()})


def frames_figure(case: Case) -> Drawn | Skipped:
    """Importance of each frame: occluded one at a time, and the gradient's guess of it."""
    scorer, config = case.scorer, case.config
    if scorer.name == "flow_map" or scorer.values.shape[1] < 2:
        return Skipped(f"{case.method} reads one picture a clip, not a run of frames")
    baseline = scorer.baseline(config.baseline)
    count = scorer.values.shape[1]
    fall = occlusion(scorer, baseline, frame_groups(scorer), count, config.chunk)[: case.n_frames]
    values = {"occlusion": fall.tolist()}
    picture = scorer.name == "rgb"
    figure = new_figure(7.6, 3.7 if picture else 2.7)
    note = f"{case.says}; each frame replaced by the {_baseline(case)}"
    heading(figure, "Frame importance: how far the log-odds fall without a frame", note)
    lower: Figure | SubFigure = figure
    if picture:
        upper, lower = np.atleast_1d(figure.subfigures(2, 1, height_ratios=(1, 1.7)))  # type: ignore[arg-type]
        faces_row(upper, case.view, None, SIGNED, None, "")
    axes = lower.subplots()
    frames_bars(axes, fall, case.view, "")
    if scorer.differentiable:
        guess = gradient_by_frame(scorer, baseline)[: case.n_frames]
        values["gradient"] = guess.tolist()
        label = "gradient × (frame − baseline)"
        axes.plot(range(len(guess)), guess, "D", color=INK, markersize=4, label=label)
        axes.legend(fontsize=7, frameon=False, loc="best")
    return Drawn(figure, values)


def region_names(case: Case) -> tuple[str, ...]:
    """Names of the groups: the regions, and for pictures what is left."""
    return case.view.regions if case.scorer.name == "flow" else (*case.view.regions, REST)


def pooled(case: Case, effect: F32) -> Effects:
    """Effects of single input numbers summed by region and frame; what is summed is kept.

    Args:
        effect: (T,3,S,S), (T,R,2) or (3,28,28).
    """
    names = region_names(case)
    if case.scorer.name == "flow":
        table = effect.sum(axis=-1).T[:, : case.n_frames]
    else:
        per_pixel = effect.sum(axis=-3).reshape(-1, effect.shape[-1] ** 2)
        regions = case.view.region_map(effect.shape[-1]).ravel()
        rows = [per_pixel[:, regions == r].sum(axis=1) for r in range(len(names))]
        table = np.stack(rows)
    return Effects(table, table.sum(axis=1), table.sum(axis=0), names)


def smoothed(maps: F32, size_px: int) -> F32:
    """Maps (T,S,S) blurred by a fiftieth of the side, since single pixels cannot be seen."""
    sigma = size_px / 50
    return np.asarray(gaussian_filter(maps, (0, sigma, sigma)), np.float32)


def _baseline(case: Case) -> str:
    texts = {
        "still": "first frame (no motion)",
        "mean": "mean of the clip",
        "zero": "black" if case.scorer.name == "rgb" else "zero motion",
    }
    if case.scorer.name == "flow" and case.config.baseline == "still":
        return "clip without motion"
    if case.scorer.name == "flow_map" and case.config.baseline != "zero":
        return "median of the map" if case.config.baseline == "still" else "mean of the map"
    return texts[case.config.baseline]


def _table_height(effects: Effects) -> float:
    return 1.8 + 0.145 * len(effects.names)


def _values(effects: Effects) -> dict[str, object]:
    return {
        "by_region": strongest(effects.by_region, effects.names),
        "by_frame": effects.by_frame.tolist(),
    }
