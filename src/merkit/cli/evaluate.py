"""``merkit evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.runs.config import EvaluateConfig, Task


def run(words: Sequence[str]) -> int:
    config = parse_config(EvaluateConfig, "evaluate", words)
    config.sources()  # a usage error must not wait for heavy imports
    evaluate, lines = _work(config.task)
    with terminal_progress() as progress:
        result = evaluate(config, progress)
    print("\n".join(lines(result.scores)))
    print(f"report: {result.folder / 'report.html'}")
    return 0


def _work(task: Task) -> tuple[Callable[..., Any], Callable[[Any], list[str]]]:
    """What evaluates a task, and what tells its scores."""
    if task == "au":
        from merkit.report.unit_text import unit_lines
        from merkit.runs.units import evaluate_units

        return evaluate_units, unit_lines
    if task != "recognition":
        from merkit.report.long_text import long_lines
        from merkit.runs.long_videos import evaluate_spotting

        return evaluate_spotting, long_lines
    from merkit.report.text import score_lines
    from merkit.runs.evaluate import evaluate

    return evaluate, score_lines
