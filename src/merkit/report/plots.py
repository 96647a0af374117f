"""Plots of a run as SVG text, to stand inside a report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merkit.scoring.metrics import MAIN_METRIC, metric_titles
from merkit.scoring.ranking import CriticalDifference

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
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    return svg(figure)


def curves_plot(histories: Sequence[Sequence[Mapping[str, Any]]], chosen: Sequence[int]) -> str:
    """Training loss and validation UF1 by epoch: one thin line a fold, the mean in bold."""
    figure = Figure(figsize=(8.5, 2.9), layout="constrained")
    for place, (key, title, colour) in enumerate(
        [("train_loss", "training loss", ACCENT), ("val_uf1", "validation UF1", WARM)], start=1
    ):
        axes = figure.add_subplot(1, 2, place)
        axes.spines[["top", "right"]].set_visible(False)
        _curves(axes, histories, key, colour)
        if key == "val_uf1":
            axes.set_ylim(0, 1.02)
            for epoch in chosen:
                axes.axvline(epoch, color=PALE, linewidth=0.6, zorder=0)
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_xlabel("epoch")
    return svg(figure)


def _curves(
    axes: Axes, histories: Sequence[Sequence[Mapping[str, Any]]], key: str, colour: str
) -> None:
    longest = max((len(history) for history in histories), default=0)
    table = np.full((len(histories), longest), np.nan)
    for row, history in zip(table, histories, strict=True):
        values = [np.nan if record[key] is None else record[key] for record in history]
        row[: len(values)] = values
        axes.plot(np.arange(1, len(values) + 1), values, color=colour, alpha=0.25, linewidth=0.8)
    counted = np.maximum((~np.isnan(table)).sum(0), 1)
    mean = np.nansum(table, axis=0) / counted
    axes.plot(np.arange(1, longest + 1), mean, color=colour, linewidth=2.2)


def score_plot(scores: Mapping[str, Mapping[str, float]], chance: Mapping[str, float]) -> str:
    """UF1, UAR and ACC with their intervals; the grey tick is what guessing would give."""
    figure, axes = _axes(6.2, 1.7)
    names, titles = list(scores), metric_titles()
    for row, name in enumerate(reversed(names)):
        score = scores[name]
        axes.plot([score["low"], score["high"]], [row, row], color=ACCENT, linewidth=3, alpha=0.5)
        axes.plot(score["value"], row, "o", color=ACCENT, markersize=7)
        if name in chance:
            axes.plot(chance[name], row, "|", color=INK, markersize=13, markeredgewidth=1.5)
    axes.set_yticks(range(len(names)), [titles.get(n, n) for n in reversed(names)])
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(axis="x", color="#e6eaee")
    return svg(figure)


def _main() -> str:
    return metric_titles()[MAIN_METRIC]


def compare_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """UF1 of several runs with intervals, one row a run."""
    figure, axes = _axes(6.8, 0.7 + 0.42 * len(rows))
    for place, row in enumerate(reversed(rows)):
        axes.plot([row["low"], row["high"]], [place, place], color=ACCENT, linewidth=3, alpha=0.5)
        axes.plot(row["value"], place, "o", color=ACCENT, markersize=6)
    axes.set_yticks(range(len(rows)), [plain(row["name"]) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{_main()} with 95 % interval over subjects")
    axes.grid(axis="x", color="#e6eaee")
    return svg(figure)


def difference_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Paired UF1 differences from one run, one row a run; the line at zero is that run."""
    figure, axes = _axes(6.8, 0.7 + 0.42 * len(rows))
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(reversed(rows)):
        axes.plot([row["low"], row["high"]], [place, place], color=WARM, linewidth=3, alpha=0.5)
        axes.plot(row["value"], place, "o", color=WARM, markersize=6)
    axes.set_yticks(range(len(rows)), [plain(row["name"]) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(f"difference in {_main()} with 95 % interval over subjects")
    axes.grid(axis="x", color="#e6eaee")
    return svg(figure)


def sweep_plot(points: Sequence[Mapping[str, Any]], setting: str, series: str = "") -> str:
    """Scores against a numeric setting, whose values stand at equal distances.

    Args:
        points: ``x``, ``uf1`` and ``uar`` (each value, low, high) and ``series``, the value of
            the second setting or None.
        setting, series: names of the two settings. With a second one each of its values is a
            line of UF1; without, UF1 and UAR are a line each.
    """
    figure, axes = _axes(6.8, 3.2)
    values = sorted({float(point["x"]) for point in points})
    drawn = _sweep_lines(points, series)
    for number, (chosen, score, label, colour) in enumerate(drawn):
        ordered = sorted(chosen, key=lambda point: float(point["x"]))
        shift = 0.06 * (number - (len(drawn) - 1) / 2)  # so that intervals stay apart
        x = [values.index(float(p["x"])) + shift for p in ordered]
        value, low, high = ([p[score][k] for p in ordered] for k in ("value", "low", "high"))
        axes.plot(x, value, "o-", color=colour, label=plain(label), markersize=5)
        axes.vlines(x, low, high, color=colour, alpha=0.35, linewidth=3)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlabel(plain(setting))
    axes.set_ylabel(_main() if series else "score")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(axis="y", color="#e6eaee")
    return svg(figure)


def _sweep_lines(
    points: Sequence[Mapping[str, Any]], series: str
) -> list[tuple[list[Mapping[str, Any]], str, str, Any]]:
    """Points, score, label and colour of each line."""
    if not series:
        pairs = list(metric_titles().items())[:2]
        colours = (ACCENT, WARM)
        return [(list(points), *pair, c) for pair, c in zip(pairs, colours, strict=False)]
    lines = sorted({point["series"] for point in points})
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(lines)))
    return [
        ([p for p in points if p["series"] == line], MAIN_METRIC, f"{series} = {line:g}", shade)
        for line, shade in zip(lines, shades, strict=True)
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
        text = f"{plain(name)} {rank:.2f}" if left else f"{rank:.2f} {plain(name)}"
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


def plain(text: str) -> str:
    """Text that the plotter draws as it is, dollar signs included."""
    return text.replace("$", r"\$")
