"""A comparison in plain text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merkit.report.compare_folds import fold_table
from merkit.report.compared import GroupComparison
from merkit.report.result import Result
from merkit.scoring.metrics import MAIN_METRIC, metric_titles
from merkit.scoring.ranking import Comparison, CriticalDifference, RankingRefusal


def run_columns(group: GroupComparison) -> list[str]:
    """Titles over ``run_row``."""
    first, *others = _titles(group)
    return ["run", first, "95 % interval", *others, "trained", "seconds", "marks"]


def run_row(run: Result, group: GroupComparison) -> list[str]:
    """One run: its scores, what it cost and what must be told of it."""
    scores, cost = run.metrics["scores"], run.metrics["training"]
    main = scores[MAIN_METRIC]
    return [
        run.name,
        f"{main['value']:.3f}",
        f"{main['low']:.3f} to {main['high']:.3f}",
        *(f"{scores[name]['value']:.3f}" for name in _others(group)),
        f"{cost['parameters_trainable']:,}",
        f"{cost['seconds']:.0f}",
        ", ".join(run.metrics["marks"]),
    ]


def difference_columns(group: GroupComparison) -> list[str]:
    """Titles over ``difference_row``."""
    first, *others = _titles(group)
    tests = ["p", "p Holm", "Wilcoxon", "W Holm"]
    more = [cell for title in others for cell in (f"Δ {title}", "95 % interval")]
    return ["run", f"Δ {first}", "95 % interval", *tests, *more]


def difference_row(found: Mapping[str, Comparison], group: GroupComparison) -> list[str]:
    """One run against the first: every metric's difference, and the tests of the main one."""
    main = found[MAIN_METRIC]
    tests = (main.p_permutation, main.p_permutation_holm, main.p_wilcoxon, main.p_wilcoxon_holm)
    others = [cell for name in _others(group) for cell in _gap(found[name])]
    return [main.a, *_gap(main), *(f"{p:.4f}" for p in tests), *others]


def _gap(comparison: Comparison) -> tuple[str, str]:
    gap = comparison.difference
    return f"{gap.value:+.3f}", f"{gap.low:+.3f} to {gap.high:+.3f}"


def _others(group: GroupComparison) -> list[str]:
    """Names of the metrics beside the main one."""
    return [name for name in group.differences if name != MAIN_METRIC]


def _titles(group: GroupComparison) -> list[str]:
    titles = metric_titles()
    return [titles[name] for name in (MAIN_METRIC, *_others(group))]


def verdict(group: GroupComparison) -> str:
    """Which runs are told apart, or why none is."""
    if group.refusal is not None:
        return str(group.refusal)
    pairs = "; ".join(f"{better} above {worse}" for better, worse in group.apart)
    return (
        f"They differ over {group.main[0].difference.n_subjects} subjects (Holm-adjusted "
        f"permutation p up to 0.05 over all pairs, interval of the difference without zero): "
        f"{pairs}."
    )


def group_lines(group: GroupComparison) -> list[str]:
    """Scores of the runs, their differences from the first, the verdict, and scores by fold
    where a fold means something of its own."""
    metrics = group.runs[0].metrics
    rows = [run_row(run, group) for run in group.runs]
    differences = [difference_row(found, group) for found in group.by_run]
    return [
        f"{group.data}: {metrics['n_clips']} clips, {metrics['n_subjects']} subjects, "
        f"{len(metrics['classes'])} classes",
        *aligned(run_columns(group), rows),
        "",
        f"difference from '{group.runs[0].name}', paired by subject",
        *aligned(difference_columns(group), differences),
        verdict(group),
        *group.notes,
        *_fold_lines(group),
        "",
    ]


def _fold_lines(group: GroupComparison) -> list[str]:
    found = fold_table(group.runs)
    return [] if found is None else ["", "score of each fold", *aligned(*found)]


def overall_lines(
    groups: Sequence[GroupComparison], overall: CriticalDifference | RankingRefusal | None
) -> list[str]:
    """Main metric of each method on each database, and its mean rank where one may be given."""
    if len(groups) < 2:
        return []
    columns = [metric_titles()[MAIN_METRIC], *(group.data for group in groups)]
    lines = ["over databases", *aligned(columns, database_rows(groups))]
    return [*lines, overall_verdict(overall), ""]


def database_rows(groups: Sequence[GroupComparison]) -> list[list[str]]:
    """A row a method: its name and its main metric on each database."""
    rows = []
    for run in groups[0].runs:
        cells = [run.method]
        for group in groups:
            same = next(other for other in group.runs if other.method == run.method)
            cells.append(f"{same.metrics['scores'][MAIN_METRIC]['value']:.3f}")
        rows.append(cells)
    return rows


def overall_verdict(overall: CriticalDifference | RankingRefusal | None) -> str:
    """Mean ranks over databases in words, or why there are none."""
    if overall is None:
        return "Two methods: no ranks are given; read the paired difference of each database above."
    if isinstance(overall, RankingRefusal):
        return str(overall)
    ranks = ", ".join(f"{n} {r:.2f}" for n, r in zip(overall.names, overall.ranks, strict=True))
    return (
        f"Mean ranks over {overall.n_databases} databases: {ranks}; methods within "
        f"{overall.cd:.2f} ranks are not told apart (Friedman p = {overall.friedman_p:.4f})."
    )


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, two spaces between."""
    table = [list(columns), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
