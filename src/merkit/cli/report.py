"""``merkit report``: the page of one run again, or several runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Write report.html of one run, or compare several on the same clips."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """run folders"""
    out: Path = Path("comparison.html")
    """where a comparison of several runs goes"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "report", words)
    if not options.runs:
        raise ConfigError("no run was named", "one or more run folders", "merkit report RUN")
    from merkit.report.result import as_written

    with as_written(options.runs):
        return _report(options)


def _report(options: Options) -> int:
    if len(options.runs) > 1:
        from merkit.report.compare_page import compare_runs

        print(compare_runs(options.runs, options.out))
        return 0
    from merkit.report.page import write_report
    from merkit.report.result import RECOGNITION, read_result, read_task
    from merkit.report.text import score_lines

    task = read_task(options.runs[0])
    if task == "au":
        return _units(options.runs[0])
    if task != RECOGNITION:
        return _spotting(options.runs[0])
    result = read_result(options.runs[0])
    print("\n".join(score_lines(result.scores)))
    print(f"report: {write_report(result)}")
    return 0


def _units(run: Path) -> int:
    from merkit.report.unit_page import write_unit_report
    from merkit.report.unit_result import read_unit_result
    from merkit.report.unit_text import unit_lines

    result = read_unit_result(run)
    print("\n".join(unit_lines(result.scores)))
    print(f"report: {write_unit_report(result)}")
    return 0


def _spotting(run: Path) -> int:
    from merkit.report.long_page import write_long_report
    from merkit.report.long_result import read_long_result
    from merkit.report.long_text import long_lines

    result = read_long_result(run)
    print("\n".join(long_lines(result.scores)))
    print(f"report: {write_long_report(result)}")
    return 0
