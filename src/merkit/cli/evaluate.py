"""``merkit evaluate``."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.runs.config import EvaluateConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(EvaluateConfig, "evaluate", words)
    config.sources()  # a usage error must not wait for heavy imports
    if config.task == "au":
        return _units(config)
    if config.task != "recognition":
        return _spotting(config)
    from merkit.report.text import score_lines
    from merkit.runs.evaluate import evaluate

    with terminal_progress() as progress:
        result = evaluate(config, progress)
    print("\n".join(score_lines(result.scores)))
    print(f"report: {result.folder / 'report.html'}")
    return 0


def _units(config: EvaluateConfig) -> int:
    from merkit.report.unit_text import unit_lines
    from merkit.runs.units import evaluate_units

    with terminal_progress() as progress:
        result = evaluate_units(config, progress)
    print("\n".join(unit_lines(result.scores)))
    print(f"report: {result.folder / 'report.html'}")
    return 0


def _spotting(config: EvaluateConfig) -> int:
    from merkit.report.long_text import long_lines
    from merkit.runs.long_videos import evaluate_spotting

    with terminal_progress() as progress:
        result = evaluate_spotting(config, progress)
    print("\n".join(long_lines(result.scores)))
    print(f"report: {result.folder / 'report.html'}")
    return 0
