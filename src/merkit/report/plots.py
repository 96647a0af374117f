"""Plots of a run as SVG text, to stand inside a report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merkit.report.sweep import Sweep
from merkit.scoring.intervals import Interval
from merkit.scoring.ranking import CriticalDifference
from merkit.scoring.scores import FoldTraining, Scores
from merkit.scoring.unit_scores import UnitScores

# names of classes and runs are text, also where they hold a dollar sign
mpl.rcParams["text.parse_math"] = False
#: characters of a class's name that a plot shows
_LONGEST = 40

INK, ACCENT, WARM, PALE = "#1f2933", "#1d6fa5", "#c2571a", "#b9c4cf"


def svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element; the same figure gives the same bytes."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "merkit", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def confusion_plot(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Rows true, columns predicted; each cell shows the count and the share of its row."""
    counts = np.asarray(matrix)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 1.6 + 0.75 * len(classes)
    figure, axes = _axes(side, side)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        ink = "white" if share[i, j] > 0.55 else INK
        label = f"{counts[i, j]}\n{share[i, j]:.0%}"
        axes.text(j, i, label, ha="center", va="center", color=ink, fontsize=9)
    names = [shorten(name, _LONGEST, placeholder="…") or name[:_LONGEST] for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    return svg(figure)


def curves_plot(trainings: Sequence[FoldTraining], chosen_by: str = "validation UF1") -> str:
    """Training loss and validation score by epoch: one thin line a fold, the mean in bold."""
    figure = Figure(figsize=(8.5, 2.9), layout="constrained")
    for place, (key, title, colour) in enumerate(
        [("train_loss", "training loss", ACCENT), ("val_uf1", chosen_by, WARM)], start=1
    ):
        axes = figure.add_subplot(1, 2, place)
        axes.spines[["top", "right"]].set_visible(False)
        _curves(axes, trainings, key, colour)
        if key == "val_uf1":
            axes.set_ylim(0, 1.02)
            for training in trainings:
                axes.axvline(training.chosen_epoch, color=PALE, linewidth=0.6, zorder=0)
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_xlabel("epoch")
    return svg(figure)


def _curves(axes: Axes, trainings: Sequence[FoldTraining], key: str, colour: str) -> None:
    longest = max(len(training.history) for training in trainings)
    table = np.full((len(trainings), longest), np.nan)
    for row, training in zip(table, trainings, strict=True):
        values = [getattr(record, key) for record in training.history]
        row[: len(values)] = [np.nan if value is None else value for value in values]
        axes.plot(np.arange(1, longest + 1), row, color=colour, alpha=0.25, linewidth=0.8)
    counted = np.maximum((~np.isnan(table)).sum(0), 1)
    mean = np.nansum(table, axis=0) / counted
    axes.plot(np.arange(1, longest + 1), mean, color=colour, linewidth=2.2)


def score_plot(scores: Scores) -> str:
    """Every metric with its interval; the dark tick is what guessing would give."""
    titles = scores.titles() | scores.titles(per_class=True)
    rows = {title: scores[name] for name, title in titles.items()}
    figure, axes = _intervals(rows, ACCENT, width=6.2)
    for row, name in enumerate(titles):
        axes.plot(scores.chance[name], row, "|", color=INK, markersize=13, markeredgewidth=1.5)
    axes.set_xlim(0, 1)
    return svg(figure)


def interval_plot(rows: Mapping[str, Interval]) -> str:
    """Scores from 0 to 1, one row each."""
    figure, axes = _intervals(rows, ACCENT, width=6.2)
    axes.set_xlim(0, 1)
    return svg(figure)


def compare_plot(rows: Mapping[str, Interval], title: str) -> str:
    """A score of several runs, one row a run."""
    figure, axes = _intervals(rows, ACCENT)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{title} with 95 % interval over subjects")
    return svg(figure)


def difference_plot(rows: Mapping[str, Interval], title: str) -> str:
    """Paired differences from one run, one row a run; the line at zero is that run."""
    figure, axes = _intervals(rows, WARM)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(f"difference in {title} with 95 % interval over subjects")
    return svg(figure)


def _intervals(
    rows: Mapping[str, Interval], colour: str, width: float = 6.8
) -> tuple[Figure, Axes]:
    """Named intervals under one another, the first on top."""
    figure, axes = _axes(width, 0.7 + 0.34 * len(rows))
    for place, interval in enumerate(rows.values()):
        bounds = [interval.low, interval.high]
        axes.plot(bounds, [place, place], color=colour, linewidth=3, alpha=0.5)
        axes.plot(interval.value, place, "o", color=colour, markersize=6)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#e6eaee")
    return figure, axes


def sweep_plot(sweep: Sweep | None, runs: Sequence[Scores | UnitScores]) -> str:
    """Scores against a numeric setting, whose values stand at equal distances; "" without a sweep.

    With a second setting each of its values is a line of the main metric; without, the first two
    metrics are a line each.
    """
    if sweep is None:
        return ""
    figure, axes = _axes(6.8, 3.2)
    values = sorted(set(sweep.values))
    lines = _sweep_lines(sweep, runs)
    for number, (label, colour, points) in enumerate(lines):
        shift = 0.06 * (number - (len(lines) - 1) / 2)  # so that intervals stay apart
        ordered = sorted(points, key=lambda point: point[0])
        x = [values.index(setting) + shift for setting, _ in ordered]
        intervals = [interval for _, interval in ordered]
        shown = [interval.value for interval in intervals]
        axes.plot(x, shown, "o-", color=colour, label=label, markersize=5)
        low, high = [i.low for i in intervals], [i.high for i in intervals]
        axes.vlines(x, low, high, color=colour, alpha=0.35, linewidth=3)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlabel(sweep.setting)
    axes.set_ylabel(runs[0].titles()[runs[0].main_metric] if sweep.series else "score")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(axis="y", color="#e6eaee")
    return svg(figure)


def _sweep_lines(
    sweep: Sweep, runs: Sequence[Scores | UnitScores]
) -> list[tuple[str, Any, list[tuple[float, Interval]]]]:
    """Label, colour and points of each line."""
    if not sweep.series:
        named = list(runs[0].titles().items())[:2]
        return [
            (
                title,
                colour,
                [(x, run.scores[name]) for x, run in zip(sweep.values, runs, strict=True)],
            )
            for (name, title), colour in zip(named, (ACCENT, WARM), strict=False)
        ]
    series = sorted(set(sweep.series_values))
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(series)))
    points = list(zip(sweep.series_values, sweep.values, runs, strict=True))
    return [
        (f"{sweep.series} = {line:g}", shade, [(x, run.main) for s, x, run in points if s == line])
        for line, shade in zip(series, shades, strict=True)
    ]


def cd_plot(found: CriticalDifference) -> str:
    """Critical-difference diagram (Demšar 2006, section 3.2.4): mean ranks on a line, best on
    the left; a bar joins methods that are not told apart."""
    n = len(found.names)
    figure, axes = _axes(7.2, 1.3 + 0.24 * n)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.xaxis.set_ticks_position("top")
    axes.set_yticks([])
    half = (n + 1) // 2
    top = 0.6 * (len(found.groups) + 1)
    for place, (name, rank) in enumerate(zip(found.names, found.ranks, strict=True)):
        left = place < half
        height = -top - 0.6 * (place if left else n - 1 - place)
        edge = 0.9 if left else n + 0.1
        axes.plot([rank, rank, edge], [0, height, height], color=INK, linewidth=1)
        side = "right" if left else "left"
        text = f"{name} {rank:.2f}" if left else f"{rank:.2f} {name}"
        axes.annotate(
            text, (edge, height), (-4 if left else 4, 0), textcoords="offset points",
            ha=side, va="center", fontsize=9, color=INK,
        )  # fmt: skip
    for row, (first, last) in enumerate(found.groups, start=1):
        ends = [found.ranks[first] - 0.04, found.ranks[last] + 0.04]
        axes.plot(ends, [-0.6 * row, -0.6 * row], color=WARM, linewidth=4)
    axes.set_xlim(0.9, n + 0.1)
    axes.set_ylim(-top - 0.6 * half, 0)
    axes.set_title(f"mean rank; critical difference {found.cd:.2f}", fontsize=10, color=INK)
    return svg(figure)
