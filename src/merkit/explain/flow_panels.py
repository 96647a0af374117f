"""The motion of a clip in four panels: when, where, which way, and the five strongest regions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merkit.explain.case import Case, Drawn
from merkit.explain.clipview import Motion, open_motion
from merkit.explain.panels import strongest, style_bar
from merkit.explain.style import (
    CLASS_COLOURS,
    GRID,
    MARKERS,
    SEQUENTIAL,
    heading,
    name_ticks,
    new_figure,
    show_face,
    tidy,
    time_ticks,
)
from merkit.report.plots import ACCENT, INK, WARM
from merkit.types import F32, F64

#: Regions in the panel of curves.
TOP = 5


def figure(case: Case) -> Drawn:
    """Regions by time, mean of each region, mean vectors on the face, the top five curves."""
    motion = open_motion(case.view, case.recipe)
    return Drawn(draw(motion, case.view.clip.clip_id), _values(motion))


def draw(motion: Motion, name: str) -> Figure:
    """The four panels; speed and displacement are in pixels of a face whose inner eye corners
    lie 64 px apart."""
    size = np.linalg.norm(motion.displacement, axis=-1)
    drawn = new_figure(9.2, 6.2)
    note = "displacement from the first frame; px of a face with inner eye corners 64 px apart"
    heading(drawn, f"Motion of facial regions in {name}", note)
    grid = drawn.subplot_mosaic(
        [["time", "mean"], ["face", "curves"]], width_ratios=(1.35, 1), height_ratios=(1, 1.05)
    )
    _over_time(grid["time"], motion, size)
    _mean_bars(grid["mean"], size)
    _vectors(grid["face"], motion)
    _curves(grid["curves"], motion, size)
    return drawn


def top_regions(size: F32 | F64, count: int = TOP) -> list[int]:
    """The regions that move most on average, strongest first; size (T,R)."""
    order = np.argsort(-size.mean(axis=0), kind="stable")
    return [int(r) for r in order[:count]]


def _over_time(axes: Axes, motion: Motion, size: F32) -> None:
    tidy(axes, "a  each region over time")
    image = axes.imshow(size.T, cmap=SEQUENTIAL, vmin=0, aspect="auto")
    name_ticks(axes, motion.regions)
    time_ticks(axes, motion.time_ms)
    axes.set_xlabel("time, ms", fontsize=8, color=INK)
    figure = axes.get_figure()
    assert figure is not None
    style_bar(figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01), "px")


def _mean_bars(axes: Axes, size: F32) -> None:
    tidy(axes, "b  mean of each region")
    mean, top = size.mean(axis=0), top_regions(size)
    colours = [WARM if r in top else ACCENT for r in range(len(mean))]
    axes.barh(range(len(mean)), mean, color=colours, height=0.7)
    axes.set_ylim(len(mean) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlabel("mean displacement, px (top five in orange)", fontsize=8, color=INK)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


def _vectors(axes: Axes, motion: Motion) -> None:
    """Arrows are drawn longer than the motion, by a factor that the title states."""
    mean = motion.displacement.mean(axis=0)
    longest = float(np.linalg.norm(mean, axis=-1).max())
    side = motion.picture.shape[0]
    gain = 0.2 * side / longest if longest > 0 else 1.0
    show_face(axes, motion.picture, "", fade=0.25)
    axes.set_title(f"c  mean displacement, arrows ×{gain:.0f}", fontsize=9, color=INK, loc="left")
    centres = (motion.boxes_px[:, :2] + motion.boxes_px[:, 2:] - 1) / 2
    axes.quiver(
        *centres.T,
        *(mean * gain).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=WARM,
        width=0.012,
    )
    axes.plot(*centres.T, "o", color=INK, markersize=2.5)


def _curves(axes: Axes, motion: Motion, size: F32) -> None:
    tidy(axes, "d  the five that move most")
    for rank, region in enumerate(top_regions(size)):
        axes.plot(
            motion.time_ms,
            size[:, region],
            color=CLASS_COLOURS[rank],
            marker=MARKERS[rank],
            markersize=3,
            linewidth=1.5,
            label=motion.regions[region],
        )
    axes.set_xlabel("time, ms", fontsize=8, color=INK)
    axes.set_ylabel("displacement, px", fontsize=8, color=INK)
    axes.set_ylim(0, 1.45 * max(float(size.max()), 1e-6))  # room for the names
    axes.grid(color=GRID)
    axes.legend(
        fontsize=6.5, frameon=False, loc="upper left", ncols=2, handlelength=1.4, columnspacing=0.8
    )


def _values(motion: Motion) -> dict[str, object]:
    size = np.linalg.norm(motion.displacement, axis=-1)
    return {"mean_displacement_px": strongest(size.mean(axis=0), motion.regions)}
