"""The motion of a clip in four panels: when, where, which way, and the five strongest regions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from merkit.explain import style
from merkit.explain.case import Case, Drawn
from merkit.explain.view import ClipView, RegionMotion, open_view
from merkit.flow.config import FlowConfig
from merkit.report.plots import ACCENT, INK, WARM
from merkit.samples.recipes import RegionFlowRecipe, clip_frame_numbers
from merkit.types import F32, F64

#: Regions in the panel of curves.
_TOP = 5
#: Frames that are read at most where the model does not read motion itself.
_MOST_FRAMES = 64


def motion_figure(case: Case) -> Drawn:
    """Regions by time, mean of each region, mean vectors on the face, the top five curves; in
    pixels of a face whose inner eye corners lie 64 px apart."""
    view, displacement = open_motion(case)
    size = np.asarray(np.linalg.norm(displacement, axis=-1))
    title = f"Motion of facial regions in {case.view.clip.clip_id}"
    note = "displacement from the first frame; px of a face with inner eye corners 64 px apart"
    figure = style.new_figure(9.2, 6.2, title, note)
    grid = figure.subplot_mosaic(
        [["time", "mean"], ["face", "curves"]], width_ratios=(1.35, 1), height_ratios=(1, 1.05)
    )
    over_time = style.tidy(grid["time"], "a  each region over time", "time, ms")
    image = over_time.imshow(size.T, cmap=style.SEQUENTIAL, vmin=0, aspect="auto")
    style.name_ticks(over_time, view.regions)
    style.time_ticks(over_time, view.time_ms)
    style.colour_bar(figure, image, over_time, "px")
    _mean_bars(grid["mean"], size)
    _vectors(grid["face"], view, displacement.mean(axis=0))
    _curves(grid["curves"], view, size)
    mean = style.by_name(view.regions, size.mean(axis=0))
    return Drawn(figure, {"mean_displacement_px": mean})


def open_motion(case: Case) -> tuple[ClipView, F32]:
    """Displacement (T,R,2) of the regions of a view since its first frame, in pixels of the
    normalised face: what the model reads, or for a model that reads something else
    the motion of all frames (64 at most) against the first one.

    Raises:
        VideoError, FaceError: as ``open_view``.
    """
    view, reading = case.view, case.scorer.reading
    if not isinstance(reading, RegionMotion):
        recipe = RegionFlowRecipe(
            track=reading.recipe.track,
            min_found_share=0.0,
            frames=min(len(clip_frame_numbers(view.clip)), _MOST_FRAMES),
            flow=FlowConfig(reference="first"),
        )
        reading = RegionMotion(recipe)
        view = open_view(view.clip, reading)
    flow = np.asarray(view.sample.arrays["flow"], np.float32)
    added_up = reading.recipe.flow.reference == "previous"
    return view, flow.cumsum(axis=0) if added_up else flow


def top_regions(size: F32 | F64, count: int = _TOP) -> list[int]:
    """The regions that move most on average, strongest first; size (T,R)."""
    order = np.argsort(-size.mean(axis=0), kind="stable")
    return [int(r) for r in order[:count]]


def _mean_bars(axes: Axes, size: F32) -> None:
    style.tidy(axes, "b  mean of each region", "mean displacement, px (top five in orange)")
    mean, top = size.mean(axis=0), top_regions(size)
    colours = [WARM if r in top else ACCENT for r in range(len(mean))]
    axes.barh(range(len(mean)), mean, color=colours, height=0.7)
    axes.set_ylim(len(mean) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color=style.GRID)
    axes.set_axisbelow(True)


def _vectors(axes: Axes, view: ClipView, mean: F32) -> None:
    """Arrows are drawn longer than the motion, by a factor that the title states."""
    longest = float(np.linalg.norm(mean, axis=-1).max())
    gain = 0.2 * view.size_px / longest if longest > 0 else 1.0
    style.show_face(axes, view.picture, fade=0.25)
    title = f"c  mean displacement, arrows ×{gain:.0f}"
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    centres, arrows = view.centres_px.T, (mean * gain).T
    axes.quiver(*centres, *arrows, angles="xy", scale_units="xy", scale=1, color=WARM, width=0.012)
    axes.plot(*centres, "o", color=INK, markersize=2.5)


def _curves(axes: Axes, view: ClipView, size: F32) -> None:
    style.tidy(axes, "d  the five that move most", "time, ms", "displacement, px")
    for rank, region in enumerate(top_regions(size)):
        axes.plot(
            view.time_ms, size[:, region], style.MARKERS[rank] + "-", markersize=3,
            color=style.CLASS_COLOURS[rank], linewidth=1.5, label=view.regions[region],
        )  # fmt: skip
    axes.set_ylim(0, 1.45 * max(float(size.max()), 1e-6))  # room for the names
    axes.grid(color=style.GRID)
    axes.legend(
        fontsize=6.5, frameon=False, loc="upper left", ncols=2, handlelength=1.4, columnspacing=0.8
    )
