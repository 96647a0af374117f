"""Scores of each fold of several runs side by side, where a fold means something of its own:
each direction between databases, each official test part."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from merkit.report.result import Result
from merkit.scoring.metrics import metric_titles

FoldTable = tuple[list[str], list[list[str]]]


def fold_table(runs: Sequence[Result]) -> FoldTable | None:
    """Columns and rows: each fold's scores in every run, and their means over folds.

    Returns:
        None unless all runs list the scores of the same two folds or more.
    """
    found = [{part["name"]: part for part in run.metrics.get("per_fold", ())} for run in runs]
    folds = list(found[0])
    if len(folds) < 2 or any(list(parts) != folds for parts in found):
        return None
    titles = metric_titles()
    names = [name for name in titles if all(name in p for parts in found for p in parts.values())]
    columns = ["fold", "clips"]
    for run in runs:
        first, *others = (titles[name] for name in names)
        columns += [f"{_marked(run)} {first}", *others]
    rows = []
    for fold in folds:
        cells = [fold, str(found[0][fold]["n"] // len(runs[0].seeds))]
        for parts in found:
            cells += [f"{parts[fold][name]:.3f}" for name in names]
        rows.append(cells)
    mean = ["mean", ""]
    for parts in found:
        mean += [f"{fmean(part[name] for part in parts.values()):.3f}" for name in names]
    return columns, [*rows, mean]


def _marked(run: Result) -> str:
    marks = run.metrics["marks"]
    return f"{run.name} ({', '.join(marks)})" if marks else run.name
