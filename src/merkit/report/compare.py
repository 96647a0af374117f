"""Several finished runs side by side: whether they can be compared, and what differs.

Differences are paired by subject. ``report.compare_page`` writes them down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from merkit.errors import ConfigError
from merkit.report.result import AnyResult
from merkit.report.sweep import Sweep, find_sweep
from merkit.scoring.ranking import (
    Comparison,
    CriticalDifference,
    RankingRefusal,
    compare_methods,
    critical_difference,
    ranking_refusal,
)

ALPHA = 0.05
#: ranks over databases, or why there are none; None for two methods
Overall: TypeAlias = CriticalDifference | RankingRefusal | None


@dataclass(frozen=True)
class GroupComparison:
    """Runs on the same clips. ``differences``: each run against the first, by metric. ``refusal``:
    why they are not ranked; None where ``apart`` names pairs that are told apart, better first."""

    data: str
    runs: tuple[AnyResult, ...]
    differences: Mapping[str, tuple[Comparison, ...]]
    refusal: RankingRefusal | None
    apart: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    sweep: Sweep | None

    @property
    def first(self) -> AnyResult:
        """The run that differences are from."""
        return self.runs[0]

    @property
    def main_metric(self) -> str:
        """Name of the metric that ranks."""
        return self.first.scores.main_metric

    @property
    def main(self) -> tuple[Comparison, ...]:
        """Each run against the first in the main metric."""
        return self.differences[self.main_metric]

    def titles(self, per_class: bool = False) -> dict[str, str]:
        """Title of every metric that all runs have, by name, the main one first."""
        titles = self.first.scores.titles(per_class)
        names = sorted(titles, key=lambda name: name != self.main_metric)
        return {name: titles[name] for name in names if name in self.differences}


def compare_results(results: Sequence[AnyResult]) -> tuple[list[GroupComparison], Overall]:
    """Compare runs on each database, and over all of them where every method was run once on each.

    Raises:
        ConfigError: runs that cannot be compared; says why.
    """
    groups = [_compare_group(group) for group in _by_database(results)]
    return groups, _over_databases(groups) if len(groups) > 1 else None


def _by_database(runs: Sequence[AnyResult]) -> list[tuple[AnyResult, ...]]:
    """Runs of one database together, in the order of their first runs.

    Raises:
        ConfigError: several databases, and not every method once on each.
    """
    groups: dict[str, list[AnyResult]] = {}
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


def _compare_group(runs: tuple[AnyResult, ...]) -> GroupComparison:
    check_same_clips(runs)
    notes = differences_told(runs)
    first = runs[0]
    shared = sorted(set(first.seeds).intersection(*(run.seeds for run in runs[1:])))
    if not shared:
        raise ConfigError(
            f"runs {[run.name for run in runs]} have no seed in common",
            "at least one seed that all of them trained with, to pair their predictions",
        )
    if any(list(run.seeds) != shared for run in runs):
        notes.append(f"Differences are over the shared seeds {shared}.")
    ways = {(run.scores.pooling, run.scores.fold_hash) for run in runs}
    pooling = first.scores.pooling if len(ways) == 1 else "pooled"
    if any(run.scores.pooling != pooling for run in runs):
        notes.append("Differences are of pooled scores: means over folds need the same folds.")
    tables = {run.name: run.tables(shared, pooling) for run in runs}
    metrics = {
        name: metric
        for name, metric in first.scores.metrics().items()
        if all(name in run.scores.scores for run in runs)
    }
    against = {
        name: compare_methods(tables, metric, reference=first.name)
        for name, metric in metrics.items()
    }
    every = against[first.scores.main_metric]
    if len(runs) > 2:
        every = compare_methods(tables, metrics[first.scores.main_metric])
    return GroupComparison(
        data=first.data,
        runs=runs,
        differences=against,
        refusal=ranking_refusal(every, ALPHA),
        apart=tuple(
            (c.a, c.b) if c.difference.value > 0 else (c.b, c.a) for c in every if c.apart(ALPHA)
        ),
        notes=tuple(notes),
        sweep=find_sweep([run.settings for run in runs]),
    )


def _over_databases(groups: Sequence[GroupComparison]) -> Overall:
    methods = [run.method for run in groups[0].runs]
    if len(methods) < 3:
        return None
    intervals = []
    for group in groups:
        by_method = {run.method: run.scores.main for run in group.runs}
        intervals.append([by_method[method] for method in methods])
    return critical_difference(
        [[interval.value for interval in row] for row in intervals],
        methods,
        [group.first.scores.n_subjects for group in groups],
        intervals,
        alpha=ALPHA,
    )


def check_same_clips(runs: Sequence[AnyResult]) -> None:
    """Refuse runs that did not answer the same question.

    Raises:
        ConfigError: other classes or units, clips, subjects or true labels; names the difference.
    """
    first = runs[0]
    for run in runs[1:]:
        labels, wanted = list(run.labels), list(first.labels)
        if labels != wanted:
            what = run.told_apart
            raise ConfigError(
                f"run '{run.name}' has the {what} {labels}, run '{first.name}' {wanted}",
                f"runs with the same {what}",
                "evaluate both under one label map, or with the same --units",
            )
        _check_rows(first, run)


def _check_rows(first: AnyResult, run: AnyResult) -> None:
    ours, theirs = _once(first), _once(run)
    only = [
        (name, sorted(set(a.index) - set(b.index)))
        for name, a, b in ((first.name, ours, theirs), (run.name, theirs, ours))
    ]
    if any(clips for _, clips in only):
        told = "; ".join(
            f"{len(clips)} only in '{name}', such as {clips[0][0]}" for name, clips in only if clips
        )
        raise ConfigError(
            f"runs '{first.name}' and '{run.name}' tested different clips: {told}",
            "runs on the same clips, so that differences can be paired",
            "evaluate both on the same databases with the same label map and bad-clips policy",
        )
    for column in ours:
        other = ours[column] != theirs[column].reindex(ours.index)
        if other.any():
            clip = ours.index[other.to_numpy()][0][0]
            raise ConfigError(
                f"runs '{first.name}' and '{run.name}' differ in {column} of {int(other.sum())} "
                f"clips, such as {clip}",
                "the same release and label map in both",
            )


def _once(run: AnyResult) -> pd.DataFrame:
    """Each tested clip once, by clip id and how often it was tested before."""
    table = run.predictions[run.predictions.seed == run.seeds[0]]
    table = table.sort_values(["clip_id", "fold"], ignore_index=True)
    place = table.groupby("clip_id").cumcount()
    return table.set_index([table.clip_id, place])[[*run.truth, "subject"]]


def differences_told(runs: Sequence[AnyResult]) -> list[str]:
    """What a reader must know before comparing these runs; empty when all is alike."""
    notes = []
    for title, value in (
        ("protocol", lambda r: r.settings["protocol"]["name"]),
        ("folds", lambda r: r.scores.fold_hash[:12]),
        ("seeds", lambda r: ", ".join(map(str, r.seeds))),
        ("metric pooling", lambda r: r.scores.pooling),
        ("marks", lambda r: ", ".join(r.scores.marks) or "none"),
    ):
        found: dict[str, list[str]] = {}
        for run in runs:
            found.setdefault(value(run), []).append(run.name)
        if len(found) > 1:
            parts = "; ".join(f"{what} ({', '.join(who)})" for what, who in found.items())
            notes.append(f"The runs differ in {title}: {parts}.")
    return notes
