"""Scores and comparisons as text: lines of the terminal, and the tables that a page shows too."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TypeAlias

import numpy as np

from merkit.report.compare import GroupComparison, Overall
from merkit.report.result import AnyResult
from merkit.scoring.metrics import MAIN_METRIC
from merkit.scoring.ranking import Comparison, RankingRefusal
from merkit.scoring.scores import Scores
from merkit.scoring.unit_scores import UnitScores
from merkit.types import Averaging

#: titles of columns, and rows of cells
Table: TypeAlias = tuple[list[str], list[list[str]]]


def number(value: float, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return format(value, form) if np.isfinite(value) else "–"


def score_lines(scores: Scores) -> list[str]:
    """Every metric with its interval, chance, and the inflation where it was measured."""
    lines = []
    for name, title in scores.titles().items():
        score, chance = scores[name], scores.chance[name]
        bounds = f"95 % interval {score.bounds()}, chance {chance:.3f}"
        lines.append(f"{title:<4} {score.value:.3f}  ({bounds})")
    by_class = scores.titles(per_class=True).items()
    lines.append("; ".join(f"{title} {scores[name].value:.3f}" for name, title in by_class))
    if scores.oracle:
        leaked = scores.oracle[MAIN_METRIC]
        lines.append(
            "leaked scoring (best test epoch) would have claimed "
            f"{scores.titles()[MAIN_METRIC]} {leaked:.3f}: "
            f"inflation {leaked - scores.main.value:+.3f}"
        )
    return lines + how_lines(scores, MAIN_METRIC)


def how_lines(scores: Scores | UnitScores, metric: str) -> list[str]:
    """How a score came about: pooling, marks, seeds, weights, and of how much."""
    lines = []
    if scores.pooling == "fold_mean":
        lines.append("scores are means over folds (metric_pooling=fold_mean)")
    if scores.marks:
        lines.append(f"marked: {', '.join(scores.marks)}")
    lines.append(seeds_in_words(scores, metric))
    lines += averaging_in_words([training.averaging for training in scores.folds])
    lines.append(
        f"{scores.n_clips} clips, {scores.n_subjects} subjects, {scores.n_folds} folds, "
        f"{scores.training.seconds:.0f} s of training"
    )
    return lines


def seeds_in_words(scores: Scores | UnitScores, metric: str) -> str:
    """How far a metric moves with the training seed."""
    if scores.training.epochs_max == 0:
        return "Nothing was trained, so no seed moves the score."
    title, values = scores.titles()[metric], [part.values[metric] for part in scores.per_seed]
    if len(values) == 1:
        return (
            "One training seed: how far the score would move with another seed is not measured, "
            "and is not in its interval."
        )
    spread = f"{min(values):.3f} to {max(values):.3f}, standard deviation {stdev(values):.3f}"
    return f"{len(values)} training seeds: {title} {spread}; the interval draws seeds too."


def averaging_in_words(trainings: Sequence[Averaging]) -> list[str]:
    """A line where weights were to be averaged and some models hold those of one epoch."""
    never, after = trainings.count("never reached"), trainings.count("after the best epoch")
    if not never + after:
        return []
    return [
        f"Weights were to be averaged (training.swa_start). Of {len(trainings)} trainings, {never} "
        f"ended before by patience and {after} had their best epoch before: their models hold the "
        "weights of one epoch. Raise training.patience (0: never stop early), lower "
        "training.swa_start, or take training.selection=last."
    ]


def comparison_lines(groups: Sequence[GroupComparison], overall: Overall) -> list[str]:
    """A comparison in whole: each database, then all of them."""
    lines = [line for group in groups for line in _group_lines(group)]
    if len(groups) > 1:
        lines += ["over databases", *_aligned(database_table(groups)), overall_verdict(overall), ""]
    return lines


def _group_lines(group: GroupComparison) -> list[str]:
    scores, folds = group.first.scores, fold_table(group.runs)
    return [
        f"{group.data}: {scores.n_clips} clips, {scores.n_subjects} subjects, "
        f"{len(group.first.labels)} {group.first.told_apart}",
        *_aligned(run_table(group)),
        "",
        f"difference from '{group.first.name}', paired by subject",
        *_aligned(difference_table(group)),
        "",
        *_aligned(class_table(group)),
        verdict(group),
        *group.notes,
        *(["", "score of each fold", *_aligned(folds)] if folds else []),
        "",
    ]


def run_table(group: GroupComparison) -> Table:
    """A row a run: its scores, what it cost and what must be told of it."""
    main, *others = group.titles().items()
    titles = [title for _, title in others]
    columns = ["run", main[1], "95 % interval", *titles, "trained", "seconds", "marks"]
    rows = []
    for run in group.runs:
        scores, cost = run.scores, run.scores.training
        row = [run.name, f"{scores.main.value:.3f}", scores.main.bounds()]
        row += [f"{scores[name].value:.3f}" for name, _ in others]
        row += [f"{cost.parameters_trainable:,}", f"{cost.seconds:.0f}", ", ".join(scores.marks)]
        rows.append(row)
    return columns, rows


def difference_table(group: GroupComparison) -> Table:
    """A row a run: its difference from the first in every metric, and the tests of the main one."""
    main, *others = group.titles().items()
    tests = ["p", "p Holm", "Wilcoxon", "W Holm"]
    more = [cell for _, title in others for cell in (f"Δ {title}", "95 % interval")]
    rows = []
    for place, c in enumerate(group.main):
        p_values = (c.p_permutation, c.p_permutation_holm, c.p_wilcoxon, c.p_wilcoxon_holm)
        row = [c.a, *_gap(c), *(f"{p:.4f}" for p in p_values)]
        for name, _ in others:
            row += _gap(group.differences[name][place])
        rows.append(row)
    return ["run", f"Δ {main[1]}", "95 % interval", *tests, *more], rows


def class_table(group: GroupComparison) -> Table:
    """A row a run and metric of one class or unit: its score, and its difference from the first
    run."""
    rows = []
    for name, title in group.titles(per_class=True).items():
        found = {c.a: c for c in group.differences[name]}
        for run in group.runs:
            gap = _gap(found[run.name]) if run.name in found else ("", "")
            rows.append([title, run.name, number(run.scores[name].value), *gap])
    return [group.first.told_apart, "run", "score", "Δ", "95 % interval"], rows


def _gap(comparison: Comparison) -> tuple[str, str]:
    gap = comparison.difference
    return number(gap.value, "+.3f"), gap.bounds("+.3f")


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


def fold_table(runs: Sequence[AnyResult]) -> Table | None:
    """Each fold's scores in every run, and their means, where a fold means something of its own:
    each direction between databases, each official test part.

    Returns:
        None unless all runs list the scores of the same two folds or more.
    """
    found = [{part.name: part for part in run.scores.per_fold} for run in runs]
    folds = list(found[0])
    if len(folds) < 2 or any(list(parts) != folds for parts in found):
        return None
    every = [run.scores.titles() for run in runs]
    titles = {name: title for name, title in every[0].items() if all(name in t for t in every)}
    columns = ["fold", "clips"]
    for run in runs:
        marks = f" ({', '.join(run.scores.marks)})" if run.scores.marks else ""
        first, *others = titles.values()
        columns += [f"{run.name}{marks} {first}", *others]
    rows = [
        [
            fold,
            str(found[0][fold].n),
            *(f"{parts[fold].values[name]:.3f}" for parts in found for name in titles),
        ]
        for fold in folds
    ]
    means = (fmean(p.values[name] for p in parts.values()) for parts in found for name in titles)
    return columns, [*rows, ["mean", "", *(f"{mean:.3f}" for mean in means)]]


def database_table(groups: Sequence[GroupComparison]) -> Table:
    """A row a method: its main metric on each database."""
    title = groups[0].titles()[groups[0].main_metric]
    rows = []
    for method in (run.method for run in groups[0].runs):
        same = [next(run for run in group.runs if run.method == method) for group in groups]
        rows.append([method, *(f"{run.scores.main.value:.3f}" for run in same)])
    return [title, *(group.data for group in groups)], rows


def overall_verdict(overall: Overall) -> str:
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


def _aligned(table: Table) -> list[str]:
    """Columns of equal width, two spaces between."""
    cells = [table[0], *table[1]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
