"""A comparison written down: one page, and its tables as CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from merkit.errors import ConfigError
from merkit.files import write_json, write_text
from merkit.report.compare import GroupComparison, Overall, compare_results
from merkit.report.page import MARKS, template
from merkit.report.plots import cd_plot, compare_plot, difference_plot, sweep_plot
from merkit.report.text import (
    class_table,
    comparison_lines,
    database_table,
    difference_table,
    fold_table,
    overall_verdict,
    run_table,
    verdict,
)
from merkit.report.unit_result import read_results
from merkit.scoring.ranking import CriticalDifference
from merkit.tables import safe_cells


def compare_runs(runs: Sequence[Path], out: Path) -> str:
    """Compare finished runs; write one self-contained page, with ``.csv`` (one row a run) and
    ``.json`` (everything) beside it, and return the tables as text.

    Runs on the same clips are compared by subject. Runs on several databases are compared on
    each, and over all of them where every method was run once on each.

    Args:
        runs: run folders; differences are against the first (of each database).
        out: the page to write (``.html``).

    Raises:
        ConfigError: fewer than two runs, or runs that cannot be compared.
        MissingDataError, StoreError: a folder that is no finished run.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run to compare", "two or more run folders")
    if out.suffix != ".html":
        raise ConfigError(f"the comparison goes to {out}", "a file name ending in .html")
    groups, overall = compare_results(read_results(runs))
    page = template("compare.html.j2").render(
        title=f"{len(groups[0].runs)} runs compared on {'; '.join(g.data for g in groups)}",
        sections=[_section(group) for group in groups],
        overall=_overall(groups, overall) if len(groups) > 1 else None,
    )
    write_text(out, page)
    rows = pd.DataFrame([row for group in groups for row in _rows(group)])
    write_text(out.with_suffix(".csv"), safe_cells(rows).to_csv(index=False, lineterminator="\n"))
    write_json(out.with_suffix(".json"), [_plain(group) for group in groups])
    return "\n".join([*comparison_lines(groups, overall), f"page: {out}"])


def _section(group: GroupComparison) -> dict[str, Any]:
    scores, title = group.first.scores, group.titles()[group.main_metric]
    marks = dict.fromkeys(mark for run in group.runs for mark in run.scores.marks)
    return {
        "data": group.data,
        "scores": scores,
        "told_apart": group.first.told_apart,
        "labels": group.first.labels,
        "reference": group.first.name,
        "runs": run_table(group),
        "differences": difference_table(group),
        "by_class": class_table(group),
        "verdict": verdict(group),
        "ranked": group.refusal is None,
        "notes": [*group.notes, *(f"{mark}: {MARKS[mark]}" for mark in marks if mark in MARKS)],
        "score_svg": Markup(compare_plot({r.name: r.scores.main for r in group.runs}, title)),
        "difference_svg": Markup(difference_plot({c.a: c.difference for c in group.main}, title)),
        "folds": fold_table(group.runs),
        "sweep_svg": Markup(sweep_plot(group.sweep, [run.scores for run in group.runs])),
    }


def _overall(groups: Sequence[GroupComparison], overall: Overall) -> dict[str, Any]:
    return {
        "table": database_table(groups),
        "verdict": overall_verdict(overall),
        "ranked": isinstance(overall, CriticalDifference),
        "svg": Markup(cd_plot(overall)) if isinstance(overall, CriticalDifference) else "",
    }


def _rows(group: GroupComparison) -> list[dict[str, Any]]:
    """A row a run: scores, intervals, costs, and the difference from the first run."""
    main, name_of_main = {c.a: c for c in group.main}, group.main_metric
    rows = []
    for run in group.runs:
        row: dict[str, Any] = {"data": group.data, "run": run.name, "method": run.method}
        for name, score in run.scores.scores.items():
            row |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
        cost, found = run.scores.training, main.get(run.name)
        row |= {
            "parameters_trainable": cost.parameters_trainable,
            "seconds": cost.seconds,
            "marks": " ".join(run.scores.marks),
            f"{name_of_main}_difference": found.difference.value if found else None,
            f"{name_of_main}_difference_low": found.difference.low if found else None,
            f"{name_of_main}_difference_high": found.difference.high if found else None,
            "p_permutation_holm": found.p_permutation_holm if found else None,
            "p_wilcoxon_holm": found.p_wilcoxon_holm if found else None,
        }
        rows.append(row)
    return rows


def _plain(group: GroupComparison) -> dict[str, Any]:
    return {
        "data": group.data,
        "reference": group.first.name,
        "runs": [
            {"name": run.name, "method": run.method, **asdict(run.scores)} for run in group.runs
        ],
        **{
            f"{name}_differences": [asdict(c) for c in found]
            for name, found in group.differences.items()
        },
        "verdict": verdict(group),
        "notes": group.notes,
    }
