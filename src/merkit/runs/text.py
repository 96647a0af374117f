"""A score in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def score_lines(metrics: Mapping[str, Any]) -> list[str]:
    """UF1, UAR and ACC with intervals, chance, and the inflation where it was measured."""
    lines = []
    for name, score in metrics["scores"].items():
        interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
        chance = metrics["chance"]["values"].get(name)
        tail = f", chance {chance:.3f}" if chance is not None else ""
        lines.append(f"{name.upper():<4} {score['value']:.3f}  ({interval}{tail})")
    oracle = metrics["oracle"]
    if oracle:
        inflation = oracle["uf1"] - metrics["scores"]["uf1"]["value"]
        lines.append(
            f"leaked scoring (best test epoch) would have claimed UF1 {oracle['uf1']:.3f}: "
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
