"""Several finished runs in one table, with differences paired by subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.errors import ConfigError
from merkit.report.comparable import check_same_clips, differences_told
from merkit.report.compare_page import write_page, write_tables
from merkit.report.compare_text import group_lines, overall_lines
from merkit.report.compared import GroupComparison
from merkit.report.result import Result, read_results
from merkit.report.sweep import find_sweep
from merkit.scoring.intervals import Interval
from merkit.scoring.metrics import MAIN_METRIC, usable_metrics
from merkit.scoring.ranking import (
    Comparison,
    CriticalDifference,
    RankingRefusal,
    compare_methods,
    critical_difference,
    ranking_refusal,
)

ALPHA = 0.05


def compare_runs(runs: Sequence[Path], out: Path, tables: bool = True) -> str:
    """Compare finished runs; write one self-contained page, return the table as text.

    Runs on the same clips are compared by subject. Runs on several databases are compared on
    each, and over all of them where every method was run once on each.

    Args:
        runs: run folders; differences are against the first (of each database).
        out: the page to write (``.html``).
        tables: also write ``.csv`` and ``.json`` beside the page.

    Raises:
        ConfigError: fewer than two runs, or runs that cannot be compared.
        MissingDataError, StoreError: a folder that is no finished run.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run to compare", "two or more run folders")
    if out.suffix != ".html":
        raise ConfigError(f"the comparison goes to {out}", "a file name ending in .html")
    finished = read_results(runs)
    groups = [_compare_group(group) for group in _by_database(finished)]
    overall = _over_databases(groups) if len(groups) > 1 else None
    write_page(out, groups, overall)
    if tables:
        write_tables(out, groups)
    lines = [line for group in groups for line in group_lines(group)]
    lines += overall_lines(groups, overall)
    return "\n".join([*lines, f"page: {out}"])


def _by_database(runs: Sequence[Result]) -> list[tuple[Result, ...]]:
    """Runs of one database together, in the order of their first runs.

    Raises:
        ConfigError: several databases, and not every method once on each.
    """
    groups: dict[str, list[Result]] = {}
    for run in runs:
        groups.setdefault(run.data, []).append(run)
    if len(groups) > 1:
        first = runs[0].data
        wanted = sorted(run.method for run in groups[first])
        for data, group in groups.items():
            methods = sorted(run.method for run in group)
            if methods != wanted or len(set(methods)) < len(methods) or len(methods) < 2:
                raise ConfigError(
                    f"runs on several databases: {methods} on {data}, {wanted} on {first}",
                    "the same two or more methods once on each database, or one database",
                    "compare the runs of one database, or add the missing ones",
                )
    return [tuple(group) for group in groups.values()]


def _compare_group(runs: tuple[Result, ...]) -> GroupComparison:
    check_same_clips(runs)
    notes = differences_told(runs)
    shared = set(runs[0].seeds).intersection(*(run.seeds for run in runs[1:]))
    if not shared:
        raise ConfigError(
            f"runs {[run.name for run in runs]} have no seed in common",
            "at least one seed that all of them trained with, to pair their predictions",
        )
    if any(set(run.seeds) != shared for run in runs):
        notes.append(f"Differences are over the shared seeds {sorted(shared)}.")
    scored = [name for name in usable_metrics() if all(name in r.metrics["scores"] for r in runs)]
    against = {name: _pairs(runs, shared, name, runs[0].name) for name in scored}
    main = against[MAIN_METRIC]
    every = main if len(runs) == 2 else _pairs(runs, shared, MAIN_METRIC, None)
    return GroupComparison(
        data=runs[0].data,
        runs=runs,
        differences=against,
        refusal=ranking_refusal(every, ALPHA),
        apart=_distinguished(every),
        notes=tuple(notes),
        sweep=find_sweep([run.document["settings"] for run in runs]),
    )


def _pairs(
    runs: Sequence[Result], seeds: set[int], metric: str, reference: str | None
) -> tuple[Comparison, ...]:
    tables = [run.table[run.table.seed.isin(seeds)] for run in runs]
    first = tables[0]
    return compare_methods(
        first.y_true,
        {run.name: table.y_pred for run, table in zip(runs, tables, strict=True)},
        first.subject,
        len(runs[0].metrics["classes"]),
        metric=metric,
        reference=reference,
        seeds=first.seed if len(seeds) > 1 else None,
    )


def _distinguished(comparisons: Sequence[Comparison]) -> tuple[tuple[str, str], ...]:
    """Pairs by the rule of ``ranking_refusal``, the better first."""
    found = []
    for c in comparisons:
        gap = c.difference
        if c.p_permutation_holm <= ALPHA and not gap.low <= 0 <= gap.high:
            found.append((c.a, c.b) if gap.value > 0 else (c.b, c.a))
    return tuple(found)


def _over_databases(
    groups: Sequence[GroupComparison],
) -> CriticalDifference | RankingRefusal | None:
    """Ranks over databases, or why not; None for two methods, where there is no rank to give."""
    methods = [run.method for run in groups[0].runs]
    if len(methods) < 3:
        return None
    intervals = []
    for group in groups:
        by_method = {run.method: run for run in group.runs}
        intervals.append([_interval(by_method[method]) for method in methods])
    return critical_difference(
        [[interval.value for interval in row] for row in intervals],
        methods,
        [group.runs[0].metrics["n_subjects"] for group in groups],
        intervals,
        alpha=ALPHA,
    )


def _interval(run: Result) -> Interval:
    score = run.metrics["scores"][MAIN_METRIC]
    return Interval(
        score["value"],
        score["low"],
        score["high"],
        0.95,
        "percentile",
        run.metrics["n_subjects"],
        len(run.seeds),
    )
