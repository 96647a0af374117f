"""``merkit teach``: a recogniser from simulated faces alone."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.teaching.config import TeachConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(TeachConfig, "teach", words)
    config.model_file()
    from merkit.teaching.make import teach

    with terminal_progress() as progress:
        marks = teach(config, progress)
    print(
        f"{config.out}: on {marks.clips} simulated clips of others UF1 {marks.uf1:.3f}, mean F1 of "
        f"action units {marks.mean_unit_f1:.3f}, calibration error {marks.calibration_error:.3f}"
    )
    return 0
