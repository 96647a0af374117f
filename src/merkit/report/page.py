"""``report.html``: one self-contained page that a reviewer can check a score with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from merkit.config import flat
from merkit.files import write_text
from merkit.report.plots import confusion_plot, curves_plot, score_plot
from merkit.report.published import published_for
from merkit.report.result import Result
from merkit.scoring.metrics import metric_titles

#: marks of a run -> what a reader must know about them
MARKS = {
    "subject-dependent": "Subject-dependent protocol: clips of one person stand in training and "
    "in test, so the score says nothing about people the model has not seen.",
    "transductive": "Transductive: unlabelled clips of the test database were used in training.",
    "oracle-au": "Oracle input: human action-unit codes were given at test time, which nobody has "
    "on a new video.",
    "predicted-au": "Action units come from a predictor that was trained inside each fold, so the "
    "score asks no human coder.",
    "shuffled-labels": "Control run: training labels were shuffled inside each fold, so this "
    "score shows what the pipeline makes of nothing. It must sit at chance.",
}


def write_report(result: Result) -> Path:
    """Write ``report.html`` of a finished run and return its path."""
    path = result.folder / "report.html"
    write_text(path, render(result.document, result.metrics))
    return path


def render(document: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The page as HTML text, from the contents of run.json and metrics.json."""
    settings, scores = document["settings"], metrics["scores"]
    histories = [fold["history"] for fold in metrics["folds"]]
    data = list(settings["data"])
    return template("report.html.j2").render(
        title=f"{settings['method']} on {', '.join(data)}, {len(metrics['classes'])} classes",
        run=document,
        metrics=metrics,
        titles={name: title for name, title in metric_titles().items() if name in scores},
        selection=_selection(settings),
        score_svg=_svg(score_plot(metrics["scores"], metrics["chance"]["values"])),
        confusion_svg=_svg(confusion_plot(metrics["confusion"], metrics["classes"])),
        curves_svg=_curves(histories, metrics),
        notes=_notes(document, metrics),
        assurances=_assurances(document, metrics),
        facts=_facts(document, metrics),
        training=_training(metrics),
        published=published_for(data, len(metrics["classes"])),
        no_published=_no_published(data),
        settings=_settings(settings),
        software=", ".join(f"{k} {v}" for k, v in document["versions"].items())
        + f"; {document['platform']}"
        + (f"; commit {document['git_commit'][:12]}" if document["git_commit"] else ""),
    )


def template(name: str) -> Template:
    """A page of this package, to be filled in; what is not given is an error."""
    return Environment(
        loader=PackageLoader("merkit.report", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
    ).get_template(name)


def _svg(text: str) -> Markup:
    return Markup(text)  # drawn by us: no text from outside that is not escaped by the plotter


def _curves(histories: Sequence[Sequence[Mapping[str, Any]]], metrics: Mapping[str, Any]) -> Any:
    if not any(histories):
        return ""
    return _svg(curves_plot(histories, [fold["chosen_epoch"] for fold in metrics["folds"]]))


def _notes(document: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    notes = [MARKS.get(mark, mark) for mark in metrics["marks"]]
    if metrics.get("pooling") == "fold_mean":
        notes.append(
            "The scores on top are means over folds (metric_pooling=fold_mean), not pooled over "
            "all test clips; chance levels and the tables below are pooled."
        )
    refused = document["refused_clips"]
    if refused:
        names = ", ".join(sorted(refused)[:5]) + (" ..." if len(refused) > 5 else "")
        notes.append(f"{len(refused)} clips could not be prepared and were left out: {names}")
    missing = [c["name"] for c in metrics["per_class"] if c["support"] == 0]
    if missing:
        notes.append(f"No clip of class {', '.join(missing)} was tested.")
    return notes


def _assurances(document: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    if "subject-dependent" in metrics["marks"]:
        return []
    text = (
        f"No test subject had any part in training: {len(metrics['folds'])} trainings were audited "
        "for shared clips and subjects, for what every fitted quantity saw, and for the clips "
        f"that chose the epoch. Division frozen as {document['fold_hash'][:16]}."
    )
    return [text]


def _selection(settings: Mapping[str, Any]) -> str:
    """How the epoch was chosen, in a few words."""
    last = settings["training"]["selection"] == "last" or settings["protocol"]["val_share"] == 0
    return "last epoch, no choice" if last else "epoch chosen on validation subjects"


def _facts(document: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    per_class = ", ".join(f"{name} {n}" for name, n in document["clips_per_class"].items())
    settings = document["settings"]
    rows = [
        ("data", ", ".join(settings["data"])),
        ("clips", f"{document['clips']} ({per_class})"),
        ("subjects", str(document["subjects"])),
        ("classes", f"{document['label_map']}: {document['label_map_citation']}"),
        (
            "protocol",
            f"{settings['protocol']['name']}, {metrics['n_folds']} folds; {_selection(settings)}",
        ),
        ("fold hash", document["fold_hash"]),
        ("seeds", ", ".join(map(str, settings["seeds"]))),
        ("recipe", document["recipe_key"]),
    ]
    return rows


def _training(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    cost = metrics["training"]
    return [
        ("parameters", f"{cost['parameters_trainable']:,} trained of {cost['parameters_total']:,}"),
        ("training time", f"{cost['seconds']:.1f} s over {len(metrics['folds'])} trainings"),
        (
            "epochs",
            f"{cost['epochs_min']} to {cost['epochs_max']} run, chosen {cost['chosen_min']} "
            f"to {cost['chosen_max']}",
        ),
    ]


def _no_published(data: Sequence[str]) -> str:
    if "synthetic" in data:
        return "the synthetic database is made here, so nobody has published on it."
    return "merkit knows of no printed score for this combination of databases and classes."


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    groups = {name: settings[name] for name in ("protocol", "model", "training", "recipe")}
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in flat(groups).items()
    ]
