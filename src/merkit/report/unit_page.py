"""``report.html`` of a run on action units."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from merkit.files import write_text
from merkit.report.page import assurance, selection_in_words, setting_rows, software_of, template
from merkit.report.plots import curves_plot, interval_plot
from merkit.report.unit_result import UnitResult
from merkit.report.unit_text import (
    leaked_table,
    part_table,
    part_unit_table,
    unit_notes,
    unit_table,
)

_SETTINGS = (
    "units",
    "uncertain_units",
    "unit_threshold",
    "protocol",
    "model",
    "training",
    "recipe",
)


def write_unit_report(result: UnitResult) -> Path:
    """Write ``report.html`` of a finished run and return its path."""
    path = result.folder / "report.html"
    write_text(path, render_units(result))
    return path


def render_units(result: UnitResult) -> str:
    """The page as HTML text."""
    run, scores, settings = result.document, result.scores, result.settings
    learnt = any(fold.history for fold in scores.folds)
    curves = curves_plot(scores.folds, "validation mean F1") if learnt else ""
    every = {unit.name: unit.f1 for unit in scores.per_unit}
    return template("units.html.j2").render(
        title=f"{settings['method']} on {', '.join(settings['data'])}, {len(every)} action units",
        run=run,
        scores=scores,
        svg=Markup(interval_plot({"mean F1": scores.main, **every})),
        curves=Markup(curves),
        notes=unit_notes(result),
        assurance=assurance(scores),
        facts=_facts(result),
        by_unit=unit_table(scores),
        datasets=part_table(scores, "database", scores.per_dataset, mean=False),
        dataset_units=part_unit_table(scores, "database", scores.per_dataset),
        folds=part_table(scores, "test fold", scores.per_fold, mean=True),
        seeds=part_table(scores, "seed", scores.per_seed, mean=False),
        leaked=leaked_table(scores),
        settings=setting_rows({name: settings[name] for name in _SETTINGS}),
        software=software_of(run),
    )


def _facts(result: UnitResult) -> list[tuple[str, str]]:
    run, settings, scores = result.document, result.settings, result.scores
    cost = scores.training
    return [
        ("clips", f"{run['clips']}, of which {run['clips_without_any']} show none of the units"),
        ("subjects", str(run["subjects"])),
        ("protocol", f"{settings['protocol']['name']}, {scores.n_folds} folds"),
        ("epoch", selection_in_words(settings, cost)),
        ("called", _called(settings["unit_threshold"])),
        ("seeds", ", ".join(map(str, settings["seeds"]))),
        ("recipe", run["recipe_key"]),
        ("parameters", f"{cost.parameters_trainable:,} trained of {cost.parameters_total:,}"),
        ("training time", f"{cost.seconds:.1f} s over {len(scores.folds)} trainings"),
    ]


def _called(threshold: float | None) -> str:
    if threshold is None:
        return "from the probability on that the method chose where it was trained, else from 0.5"
    return f"probability {threshold:g} or more"
