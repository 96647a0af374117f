"""The page of a comparison, and its tables as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from merkit.files import write_json, write_text
from merkit.report.compare_folds import fold_table
from merkit.report.compare_text import (
    database_rows,
    difference_columns,
    difference_row,
    overall_verdict,
    run_columns,
    run_row,
    verdict,
)
from merkit.report.compared import GroupComparison
from merkit.report.page import MARKS, template
from merkit.report.plots import cd_plot, compare_plot, difference_plot, sweep_plot
from merkit.scoring.metrics import MAIN_METRIC
from merkit.scoring.ranking import CriticalDifference, RankingRefusal


def write_page(
    out: Path,
    groups: Sequence[GroupComparison],
    overall: CriticalDifference | RankingRefusal | None,
) -> None:
    """Write one self-contained HTML page, whole or not at all."""
    page = template("compare.html.j2").render(
        title=f"{len(groups[0].runs)} runs compared on {'; '.join(g.data for g in groups)}",
        sections=[_section(group) for group in groups],
        overall=_overall(groups, overall) if len(groups) > 1 else None,
    )
    write_text(out, page)


def write_tables(out: Path, groups: Sequence[GroupComparison]) -> None:
    """Write ``.csv`` (one row a run) and ``.json`` (everything) beside the page."""
    write_text(out.with_suffix(".csv"), _csv(groups))
    write_json(out.with_suffix(".json"), [_plain(group) for group in groups])


def _section(group: GroupComparison) -> dict[str, Any]:
    metrics = group.runs[0].metrics
    marks = dict.fromkeys(mark for run in group.runs for mark in run.metrics["marks"])
    return {
        "data": group.data,
        "clips": metrics["n_clips"],
        "subjects": metrics["n_subjects"],
        "classes": ", ".join(metrics["classes"]),
        "reference": group.runs[0].name,
        "run_columns": run_columns(group),
        "runs": [run_row(run, group) for run in group.runs],
        "difference_columns": difference_columns(group),
        "differences": [difference_row(found, group) for found in group.by_run],
        "verdict": verdict(group),
        "ranked": group.refusal is None,
        "notes": [*group.notes, *(f"{mark}: {MARKS[mark]}" for mark in marks if mark in MARKS)],
        "score_svg": Markup(compare_plot(_score_rows(group))),
        "difference_svg": Markup(difference_plot(_difference_rows(group))),
        "folds": fold_table(group.runs),
        "sweep_svg": Markup(_sweep(group)),
    }


def _score_rows(group: GroupComparison) -> list[dict[str, Any]]:
    return [{"name": run.name, **run.metrics["scores"][MAIN_METRIC]} for run in group.runs]


def _difference_rows(group: GroupComparison) -> list[dict[str, Any]]:
    gaps = [(c.a, c.difference) for c in group.main]
    return [{"name": name, "value": g.value, "low": g.low, "high": g.high} for name, g in gaps]


def _sweep(group: GroupComparison) -> str:
    if group.sweep is None:
        return ""
    lines = group.sweep.series_values or (None,) * len(group.runs)
    points: list[Mapping[str, Any]] = [
        {"x": x, "series": line, **run.metrics["scores"]}
        for run, x, line in zip(group.runs, group.sweep.values, lines, strict=True)
    ]
    return sweep_plot(points, group.sweep.setting, group.sweep.series)


def _overall(
    groups: Sequence[GroupComparison], overall: CriticalDifference | RankingRefusal | None
) -> dict[str, Any]:
    return {
        "columns": ["method", *(group.data for group in groups)],
        "rows": database_rows(groups),
        "verdict": overall_verdict(overall),
        "ranked": isinstance(overall, CriticalDifference),
        "svg": Markup(cd_plot(overall)) if isinstance(overall, CriticalDifference) else "",
    }


def _csv(groups: Sequence[GroupComparison]) -> str:
    """One row a run: scores, intervals, costs, and the difference from the first run."""
    rows = [row for group in groups for row in _csv_rows(group)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _csv_rows(group: GroupComparison) -> list[dict[str, Any]]:
    main = {c.a: c for c in group.main}
    rows = []
    for run in group.runs:
        row: dict[str, Any] = {"data": group.data, "run": run.name, "method": run.method}
        for metric, score in run.metrics["scores"].items():
            row |= {f"{metric}{end}": score[key] for end, key in _ENDS}
        cost = run.metrics["training"]
        row |= {"parameters_trainable": cost["parameters_trainable"], "seconds": cost["seconds"]}
        row["marks"] = " ".join(run.metrics["marks"])
        found = main.get(run.name)
        row |= {
            f"{MAIN_METRIC}_difference": found.difference.value if found else "",
            f"{MAIN_METRIC}_difference_low": found.difference.low if found else "",
            f"{MAIN_METRIC}_difference_high": found.difference.high if found else "",
            "p_permutation_holm": found.p_permutation_holm if found else "",
            "p_wilcoxon_holm": found.p_wilcoxon_holm if found else "",
        }
        rows.append(row)
    return rows


_ENDS = (("", "value"), ("_low", "low"), ("_high", "high"))


def _plain(group: GroupComparison) -> dict[str, Any]:
    return {
        "data": group.data,
        "reference": group.runs[0].name,
        "runs": [
            {
                "name": run.name,
                "method": run.method,
                "scores": run.metrics["scores"],
                "training": run.metrics["training"],
                "marks": run.metrics["marks"],
                "fold_hash": run.document["fold_hash"],
            }
            for run in group.runs
        ],
        **{
            f"{name}_differences": [asdict(c) for c in found]
            for name, found in group.differences.items()
        },
        "folds": {run.name: run.metrics.get("per_fold", []) for run in group.runs},
        "verdict": verdict(group),
        "notes": list(group.notes),
    }
