"""Scores of a run on long videos in words: lines of the terminal, tables of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from merkit.report.long_result import LongResult
from merkit.report.page import FEW_SUBJECTS, MARKS
from merkit.report.text import Table, number
from merkit.scoring.long_videos import LongScores
from merkit.scoring.spotting import Scope


def long_lines(scores: LongScores) -> list[str]:
    """The scores as lines of the terminal."""
    spotting, lines = scores.spotting, []
    for kind in get_args(Scope):
        score = spotting[kind]
        counts = score.counts
        lines.append(
            f"{kind:<5} F1 {number(counts.f1)}  (95 % interval {score.f1.bounds()}), precision "
            f"{number(counts.precision)}, recall {number(counts.recall)}: {counts.tp} of "
            f"{counts.n_truth} found, {counts.fp} false, "
            f"{number(score.false_per_minute, '.2f')} false a minute"
        )
    for seed in scores.recognition:
        found = seed.scores
        lines.append(
            f"recognised, seed {seed.seed}: UF1 {number(found.uf1)}, UAR {number(found.uar)} of "
            f"{found.n} that were found; STRS {number(seed.strs)}"
        )
    lines.append(
        f"{spotting.n_videos} recordings, {spotting.n_subjects} subjects, "
        f"{spotting.watched_min:.1f} min watched"
    )
    return lines


def score_table(scores: LongScores) -> Table:
    """A row a kind."""
    columns = ["kind", "annotated", "spotted", "found", "false", "missed"]
    columns += ["precision", "recall", "F1", "95 % interval", "false a minute"]
    rows = []
    for score in scores.spotting.kinds:
        c = score.counts
        row = [score.kind, *map(str, (c.n_truth, c.n_spotted, c.tp, c.fp, c.fn))]
        row += [number(c.precision), number(c.recall), number(c.f1), score.f1.bounds()]
        rows.append([*row, number(score.false_per_minute, ".2f")])
    return columns, rows


def edge_table(scores: LongScores) -> Table:
    """A row a kind and edge: how far the times of what was found are off."""
    columns = ["kind", "edge", "events", "median, frames", "mean, frames", "late, frames"]
    columns += ["median, s", "mean, s", "late, s"]
    rows = []
    for score in scores.spotting.kinds:
        for e in score.edges:
            frames = (e.median_frames, e.mean_frames)
            row = [score.kind, e.edge, str(e.n), *(number(f, ".1f") for f in frames)]
            row += [number(e.bias_frames, "+.1f"), number(e.median_s), number(e.mean_s)]
            rows.append([*row, number(e.bias_s, "+.3f")])
    return columns, rows


def amplitude_table(scores: LongScores) -> Table | None:
    """A row a group of strength; None where the database knows no strengths."""
    if not scores.amplitudes:
        return None
    rows = []
    for a in scores.amplitudes:
        upper = f"{a.low_px:g} to {a.high_px:g}" if np.isfinite(a.high_px) else f"{a.low_px:g}, up"
        rows.append([a.kind, upper, str(a.n), str(a.found), number(a.recall)])
    return ["kind", "amplitude, px", "annotated", "found", "recall"], rows


def recognition_table(scores: LongScores) -> Table | None:
    """A row a training seed; None where nothing was recognised."""
    if not scores.recognition:
        return None
    columns = ["seed", "found, with a class", "UF1", "UAR", "F1 of STRS", "STRS"]
    rows = [
        [str(s.seed), str(s.scores.n)]
        + [number(v) for v in (s.scores.uf1, s.scores.uar, s.scores.f1, s.strs)]
        for s in scores.recognition
    ]
    if len(rows) > 1:
        rows.append(["mean", "", "", "", "", number(scores.strs)])
    return columns, rows


def confusion_table(scores: LongScores) -> Table | None:
    """True classes in rows, called in columns, summed over seeds."""
    if not scores.recognition:
        return None
    names = [c.name for c in scores.recognition[0].scores.per_class]
    total = np.sum([s.scores.confusion for s in scores.recognition], axis=0)
    rows = [[name, *map(str, row)] for name, row in zip(names, total, strict=False)]
    return ["true", *names, "none"], rows


def recording_table(result: LongResult) -> Table:
    """A row a recording."""
    columns = ["recording", "subject", "min", "watched", "annotated", "found", "false", "missed"]
    rows = []
    for r in result.tables["recordings"].to_dict("records"):
        share = f"{r['watched_s'] / r['duration_s']:.0%}"
        counts = (str(r[name]) for name in ("n_truth", "found", "false", "missed"))
        minutes = f"{r['duration_s'] / 60:.2f}"
        rows.append([r["recording"], r["subject"], minutes, share, *counts, r["problem"]])
    return [*columns, "problem"], rows


def stretch_table(result: LongResult) -> Table | None:
    """What could not be watched, by reason; None where everything was."""
    table = result.tables["stretches"]
    if table.empty:
        return None
    length = (table.end_s - table.start_s).clip(lower=0)
    groups = table.assign(length_s=length).groupby(["kind", "part"]).length_s
    totals = groups.agg(["size", "sum"]).reset_index().to_dict("records")
    rows = [[r["kind"], r["part"], str(r["size"]), f"{r['sum'] / 60:.2f}"] for r in totals]
    return ["why", "of the", "stretches", "min"], rows


def kinds_table(result: LongResult) -> Table:
    """What was spotted, by kind: other kinds than micro and macro are not scored."""
    counts = result.tables["events"].kind.value_counts().sort_index()
    return ["kind", "events"], [[str(kind), str(n)] for kind, n in counts.items()]


def long_notes(result: LongResult) -> list[str]:
    """What a reader must know beside the scores."""
    document, scores = result.document, result.scores.spotting
    trained = bool(result.scores.recognition)
    notes = [
        "Spotting was not trained: no folds, no seeds, and no setting was fitted to these "
        "recordings by this run."
        + (" The classes come from models of folds by subject." if trained else ""),
    ]
    marks = list(document.get("method_marks", []))
    marks += ["shuffled-labels"] if result.settings.get("shuffle_labels") else []
    notes += [MARKS.get(mark, mark) for mark in marks]
    if scores.n_subjects < FEW_SUBJECTS:
        notes.append(
            f"{scores.n_subjects} subjects: intervals over fewer than {FEW_SUBJECTS} cover the "
            "truth less often than they say."
        )
    notes += _left_out(document)
    notes += _findings(document.get("findings", []))
    problems = result.tables["recordings"].problem
    if n := int((problems != "").sum()):
        notes.append(f"{n} recordings show no face: their events count as missed.")
    if trained:
        notes.append(
            "UF1, UAR and STRS are of few events and have no interval; a class that was never "
            "found counts as 0 in STRS, and is left out of UF1 and UAR."
        )
    return notes


def _left_out(document: Mapping[str, Any]) -> list[str]:
    told = (
        ("refused_recordings", "recordings could not be spotted and were left out"),
        ("refused_clips", "annotated clips could not be prepared and were not trained on"),
        ("refused_windows", "micro-expressions that were spotted could not be read by the recipe "
         "and have no class"),
    )  # fmt: skip
    notes = []
    for name, what in told:
        if found := document.get(name, {}):
            names = ", ".join(sorted(found)[:5]) + (" ..." if len(found) > 5 else "")
            notes.append(f"{len(found)} {what}: {names}")
    return notes


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a kind of finding, with the first of them."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for finding in findings:
        groups.setdefault(finding["what"], []).append(finding)
    return [
        f"{what.capitalize()}, {len(same)} times: such as {same[0]['clip']} "
        f"({same[0]['detail']}).".replace(":  (", ": (")
        for what, same in groups.items()
    ]
