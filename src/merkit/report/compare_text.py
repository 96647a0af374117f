"""A comparison in plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.report.compare_folds import fold_table
from merkit.report.compared import GroupComparison
from merkit.report.finished import FinishedRun
from merkit.scoring.ranking import Comparison, CriticalDifference, RankingRefusal

RUN_COLUMNS = ("run", "UF1", "95 % interval", "UAR", "ACC", "trained", "seconds", "marks")
DIFFERENCE_COLUMNS = (
    "run",
    "Δ UF1",
    "95 % interval",
    "p",
    "p Holm",
    "Wilcoxon",
    "W Holm",
    "Δ UAR",
    "95 % interval",
)


def run_row(run: FinishedRun) -> list[str]:
    """Cells of ``RUN_COLUMNS``."""
    scores, cost = run.metrics["scores"], run.metrics["training"]
    return [
        run.name,
        f"{scores['uf1']['value']:.3f}",
        f"{scores['uf1']['low']:.3f} to {scores['uf1']['high']:.3f}",
        f"{scores['uar']['value']:.3f}",
        f"{scores['acc']['value']:.3f}",
        f"{cost['parameters_trainable']:,}",
        f"{cost['seconds']:.0f}",
        ", ".join(run.metrics["marks"]),
    ]


def difference_row(uf1: Comparison, uar: Comparison) -> list[str]:
    """Cells of ``DIFFERENCE_COLUMNS``."""
    return [
        uf1.a,
        f"{uf1.difference.value:+.3f}",
        f"{uf1.difference.low:+.3f} to {uf1.difference.high:+.3f}",
        f"{uf1.p_permutation:.4f}",
        f"{uf1.p_permutation_holm:.4f}",
        f"{uf1.p_wilcoxon:.4f}",
        f"{uf1.p_wilcoxon_holm:.4f}",
        f"{uar.difference.value:+.3f}",
        f"{uar.difference.low:+.3f} to {uar.difference.high:+.3f}",
    ]


def verdict(group: GroupComparison) -> str:
    """Which runs are told apart, or why none is."""
    if group.refusal is not None:
        return str(group.refusal)
    pairs = "; ".join(f"{better} above {worse}" for better, worse in group.apart)
    return (
        f"Told apart over {group.uf1[0].difference.n_subjects} subjects (Holm-adjusted "
        f"permutation p up to 0.05 over all pairs, interval of the difference without zero): "
        f"{pairs}."
    )


def group_lines(group: GroupComparison) -> list[str]:
    """Scores of the runs, their differences from the first, the verdict, and scores by fold
    where a fold means something of its own."""
    metrics = group.runs[0].metrics
    rows = [run_row(run) for run in group.runs]
    differences = [difference_row(*pair) for pair in zip(group.uf1, group.uar, strict=True)]
    return [
        f"{group.data}: {metrics['n_clips']} clips, {metrics['n_subjects']} subjects, "
        f"{len(metrics['classes'])} classes",
        *aligned(RUN_COLUMNS, rows),
        "",
        f"difference from '{group.runs[0].name}', paired by subject",
        *aligned(DIFFERENCE_COLUMNS, differences),
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
    """UF1 of each method on each database, and its mean rank where one may be given."""
    if len(groups) < 2:
        return []
    columns = ["UF1", *(group.data for group in groups)]
    lines = ["over databases", *aligned(columns, database_rows(groups))]
    return [*lines, overall_verdict(overall), ""]


def database_rows(groups: Sequence[GroupComparison]) -> list[list[str]]:
    """A row a method: its name and its UF1 on each database."""
    rows = []
    for run in groups[0].runs:
        cells = [run.method]
        for group in groups:
            same = next(other for other in group.runs if other.method == run.method)
            cells.append(f"{same.metrics['scores']['uf1']['value']:.3f}")
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
