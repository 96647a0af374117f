"""A score in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merkit.scoring.metrics import MAIN_METRIC, metric_titles


def score_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Every metric with its interval, chance, and the inflation where it was measured."""
    titles = metric_titles()
    lines = []
    for name, score in metrics["scores"].items():
        interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
        chance = metrics["chance"]["values"].get(name)
        tail = f", chance {chance:.3f}" if chance is not None else ""
        lines.append(f"{titles.get(name, name):<4} {score['value']:.3f}  ({interval}{tail})")
    oracle = metrics["oracle"]
    if oracle:
        leaked = oracle[MAIN_METRIC]
        inflation = leaked - metrics["scores"][MAIN_METRIC]["value"]
        lines.append(
            f"leaked scoring (best test epoch) would have claimed {titles[MAIN_METRIC]} "
            f"{leaked:.3f}: "
            f"inflation {inflation:+.3f}"
        )
    if metrics["marks"]:
        lines.append(f"marked: {', '.join(metrics['marks'])}")
    lines.append(
        f"{metrics['n_clips']} clips, {metrics['n_subjects']} subjects, "
        f"{metrics['n_folds']} folds, "
        f"{metrics['training']['seconds']:.0f} s of training"
    )
    return lines
