"""``report.html`` of a run on long videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from merkit.files import write_text
from merkit.report.long_result import LongResult
from merkit.report.long_text import (
    amplitude_table,
    confusion_table,
    edge_table,
    kinds_table,
    long_notes,
    recognition_table,
    recording_table,
    score_table,
    stretch_table,
)
from merkit.report.page import setting_rows, software_of, template
from merkit.report.plots import interval_plot
from merkit.report.text import number


def write_long_report(result: LongResult) -> Path:
    """Write ``report.html`` of a finished run and return its path."""
    path = result.folder / "report.html"
    write_text(path, render_long(result))
    return path


def render_long(result: LongResult) -> str:
    """The page as HTML text."""
    run, scores = result.document, result.scores
    data = ", ".join(result.settings["data"])
    what = "spotted and recognised" if scores.recognition else "spotted"
    return template("long.html.j2").render(
        title=f"{what} in long recordings of {data}",
        run=run,
        scores=scores,
        number=number,
        svg=Markup(interval_plot({f"F1 {s.kind}": s.f1 for s in scores.spotting.kinds})),
        interval=f"{result.settings['resamples']} resamples of subjects, percentile",
        notes=long_notes(result),
        assurance=_assurance(result),
        by_kind=score_table(scores),
        edges=edge_table(scores),
        amplitudes=amplitude_table(scores),
        recognition=recognition_table(scores),
        confusion=confusion_table(scores),
        stretches=stretch_table(result),
        kinds=kinds_table(result),
        recordings=recording_table(result),
        settings=_settings(result),
        software=software_of(run),
    )


def _assurance(result: LongResult) -> str:
    if not result.scores.recognition:
        return ""
    return (
        "No model named the class of anything in a recording of a subject that it was trained or "
        "validated on: folds and trainings were audited. Division frozen as "
        f"{result.document['fold_hash'][:16]}."
    )


def _settings(result: LongResult) -> list[tuple[str, Any]]:
    settings = result.settings
    names = ["data", "variant", "missing_offset", "bad_clips"]
    if result.scores.recognition:
        names += ["method", "classes", "protocol", "seeds", "model", "training", "recipe"]
    return setting_rows(
        {name: settings[name] for name in names} | dict(result.document["spotting"])
    )
