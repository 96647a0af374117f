"""Scores of a run on action units in words: lines of the terminal, tables of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from merkit.labels import ACTION_UNITS
from merkit.report.page import FEW_SUBJECTS, MARKS, told_findings
from merkit.report.text import Table, averaging_in_words, how_lines, number, seeds_in_words
from merkit.report.unit_result import UnitResult
from merkit.scoring.unit_counts import MAIN_UNIT_METRIC
from merkit.scoring.unit_scores import UnitPart, UnitScores


def unit_lines(scores: UnitScores) -> list[str]:
    """The scores as lines of the terminal."""
    lines = []
    for name, title in scores.titles().items():
        score = scores.scores[name]
        lines.append(
            f"{title:<18} {number(score.value)}  (95 % interval {score.bounds()}, all called "
            f"{number(scores.floor[name])})"
        )
    lines += [
        f"{u.name:<5} F1 {number(u.f1.value)}, all called {number(u.floor)}: {u.clips} clips, "
        f"{u.tp} found, {u.fp} false, {u.fn} missed"
        for u in scores.per_unit
    ]
    lines += [_part_line(part) for part in scores.per_dataset if len(scores.per_dataset) > 1]
    if scores.oracle:
        leaked = scores.oracle[MAIN_UNIT_METRIC]
        lines.append(
            f"leaked scoring (best test epoch) would have claimed mean F1 {number(leaked)}: "
            f"inflation {leaked - scores.main.value:+.3f}"
        )
    return lines + how_lines(scores, MAIN_UNIT_METRIC)


def _part_line(part: UnitPart) -> str:
    return (
        f"{part.name}: mean F1 {number(part.f1.value)} (95 % interval {part.f1.bounds()}), "
        f"absent 0 {number(part.values['f1_all'])}; {part.n} clips, {_occurring(part)} units"
    )


def _occurring(part: UnitPart) -> str:
    return f"{sum(n > 0 for n in part.clips.values())} of {len(part.clips)}"


def unit_table(scores: UnitScores) -> Table:
    """A row a unit."""
    columns = ["unit", "", "clips", "found", "false", "missed", "precision", "recall", "F1"]
    rows = []
    for u in scores.per_unit:
        row = [u.name, ACTION_UNITS.get(int(u.name.removeprefix("AU")), "")]
        row += map(str, (u.clips, u.tp, u.fp, u.fn))
        row += map(number, (u.precision, u.recall, u.f1.value))
        rows.append([*row, u.f1.bounds(), number(u.floor)])
    return [*columns, "95 % interval", "all called"], rows


def part_table(scores: UnitScores, what: str, parts: Sequence[UnitPart], mean: bool) -> Table:
    """A row a part: every mean, what calling everything gives and the interval of mean F1; with
    ``mean`` a row of means."""
    titles = scores.titles()
    columns = [what, "clips", "units shown", *titles.values(), "all called"]
    rows = []
    for part in parts:
        values = [*(part.values[name] for name in titles), part.floor[MAIN_UNIT_METRIC]]
        cells = [part.name, str(part.n), _occurring(part), *map(number, values)]
        rows.append([*cells, part.f1.bounds()])
    if mean and parts:
        means = [fmean(part.values[name] for part in parts) for name in titles]
        means.append(fmean(part.floor[MAIN_UNIT_METRIC] for part in parts))
        rows.append(["mean", "", "", *map(number, means), ""])
    return [*columns, "95 % interval of mean F1"], rows


def part_unit_table(scores: UnitScores, what: str, parts: Sequence[UnitPart]) -> Table:
    """A row a part, a column a unit: F1 and the clips that show it; a dash where none does."""
    rows = []
    for part in parts:
        cells = [
            f"{number(part.values[f'f1_{name}'])} ({part.clips[name]})" if part.clips[name] else "–"
            for name in scores.units
        ]
        rows.append([part.name, *cells])
    return [what, *scores.units], rows


def leaked_table(scores: UnitScores) -> Table | None:
    """Ours and leaked; None where the epochs were not recorded."""
    if scores.oracle is None:
        return None
    titles = scores.titles()
    ours = [scores.scores[name].value for name in titles]
    leaked = [scores.oracle[name] for name in titles]
    gap = [f"{b - a:+.3f}" for a, b in zip(ours, leaked, strict=True)]
    rows = [["ours", *map(number, ours)], ["leaked: best test epoch", *map(number, leaked)]]
    return ["", *titles.values()], [*rows, ["inflation", *gap]]


def unit_notes(result: UnitResult) -> list[str]:
    """What a reader must know beside the scores."""
    document, scores = result.document, result.scores
    notes = [MARKS.get(mark, mark) for mark in scores.marks]
    if scores.pooling == "fold_mean":
        notes.append("Scores are means over folds (metric_pooling=fold_mean); counts are sums.")
    notes += _left_out(document)
    absent = [unit.name for unit in scores.per_unit if unit.clips == 0]
    if absent:
        notes.append(f"No tested clip shows {', '.join(absent)}: left out of mean F1.")
    if not result.settings["uncertain_units"]:
        notes.append("Units of which the coder was not sure count as not shown.")
    if scores.n_subjects < FEW_SUBJECTS:
        notes.append(
            f"{scores.n_subjects} test subjects: intervals over fewer than {FEW_SUBJECTS} cover "
            "the truth less often than they say."
        )
    notes += told_findings(document)
    notes.append(seeds_in_words(scores, MAIN_UNIT_METRIC))
    return notes + averaging_in_words([training.averaging for training in scores.folds])


def _left_out(document: Mapping[str, Any]) -> list[str]:
    notes = []
    if uncoded := document.get("left_out", {}):
        each = ", ".join(f"{name} {n}" for name, n in uncoded.items())
        notes.append(f"{sum(uncoded.values())} clips were not coded and are left out: {each}.")
    if refused := document["refused_clips"]:
        names = ", ".join(sorted(refused)[:5]) + (" ..." if len(refused) > 5 else "")
        notes.append(f"{len(refused)} clips could not be prepared and were left out: {names}")
    return notes
