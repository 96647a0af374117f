"""``report.html``: one self-contained page that a reviewer can check a score with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from merkit.config import flat
from merkit.files import write_text
from merkit.methods.bundled import BUNDLED
from merkit.report.plots import confusion_plot, curves_plot, score_plot
from merkit.report.published import PublishedScore, clips_in_words, published_for
from merkit.report.result import Result
from merkit.report.text import averaging_in_words, seeds_in_words
from merkit.scoring.metrics import MAIN_METRIC
from merkit.scoring.scores import Scores, TrainingCost
from merkit.scoring.unit_scores import UnitScores

#: below these, bootstrap intervals over subjects are too narrow (docs/protocols.md)
FEW_SUBJECTS = 20
#: findings of a run that its page shows; run.json has all
_SHOWN_FINDINGS = 12
#: marks of a run -> what a reader must know about them
MARKS = {
    "subject-dependent": "Subject-dependent protocol: clips of one person stand in training and "
    "in test, so the score says nothing about people the model has not seen.",
    "transductive": "Transductive: unlabelled clips of the test database were used in training.",
    "oracle-au": "Oracle input: human action-unit codes were given at test time, which nobody has "
    "on a new video.",
    "predicted-au": "Action units come from a predictor that was trained inside each fold, so the "
    "score asks no human coder.",
    "bundled-weights": "Bundled weights, trained on simulated faces alone: nothing was trained "
    "here.",
    "given-weights": "Weights of a recogniser's file: nothing was trained here. What they were "
    "trained on, and whether people of this data had a part in it, only its card can say.",
    **{
        f"init-{name}": f"Training began at the bundled recogniser {name}, which was trained on "
        "simulated faces alone."
        for name in BUNDLED
    },
    "init-given": "Training began at a recogniser's file. What it was trained on, and whether "
    "people of this data had a part in it, only its card can say.",
    "shuffled-labels": "Control run: training labels were shuffled inside each fold, so this "
    "score shows what the pipeline makes of nothing. It must sit at chance.",
}


def write_report(result: Result) -> Path:
    """Write ``report.html`` of a finished run and return its path."""
    path = result.folder / "report.html"
    write_text(path, render(result))
    return path


def render(result: Result) -> str:
    """The page as HTML text."""
    run, settings, scores = result.document, result.settings, result.scores
    data = list(settings["data"])
    return template("report.html.j2").render(
        title=f"{result.method} on {result.data}, {len(scores.classes)} classes",
        run=run,
        scores=scores,
        titles=scores.titles(),
        selection=selection_in_words(settings, scores.training),
        score_svg=Markup(score_plot(scores)),
        confusion_svg=Markup(confusion_plot(scores.confusion, scores.classes)),
        curves_svg=Markup(curves_plot(scores.folds))
        if any(f.history for f in scores.folds)
        else "",
        notes=_notes(result),
        assurance=assurance(scores),
        facts=_facts(result),
        training=_training(scores),
        published=_by_set(published_for(data, len(scores.classes)), run["clips_per_class"]),
        clips_in_words=clips_in_words,
        no_published=_no_published(data),
        settings=_settings(settings),
        software=software_of(run),
    )


def template(name: str) -> Template:
    """A page of this package, to be filled in; what is not given is an error."""
    return Environment(
        loader=PackageLoader("merkit.report", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
    ).get_template(name)


def _notes(result: Result) -> list[str]:
    scores, refused = result.scores, result.document["refused_clips"]
    notes = [MARKS.get(mark, mark) for mark in scores.marks]
    if scores.pooling == "fold_mean":
        notes.append(
            "Scores, intervals, chance levels and parts are means over folds "
            "(metric_pooling=fold_mean), not pooled over all test clips; the confusion matrix and "
            "the subjects are counts."
        )
    notes += told_findings(result.document)
    if refused:
        names = ", ".join(sorted(refused)[:5]) + (" ..." if len(refused) > 5 else "")
        notes.append(f"{len(refused)} clips could not be prepared and were left out: {names}")
    left_out = result.document.get("left_out", {})  # older runs do not know
    if left_out:
        each = ", ".join(f"{emotion} {n}" for emotion, n in left_out.items())
        notes.append(f"The label map leaves out {sum(left_out.values())} clips: {each}.")
    missing = [score.name for score in scores.per_class if score.support == 0]
    if missing:
        notes.append(f"No clip of class {', '.join(missing)} was tested.")
    if scores.n_subjects < FEW_SUBJECTS:
        notes.append(
            f"{scores.n_subjects} test subjects: intervals over fewer than {FEW_SUBJECTS} cover "
            "the truth less often than they say."
        )
    notes.append(seeds_in_words(scores, MAIN_METRIC))
    notes += averaging_in_words([training.averaging for training in scores.folds])
    return notes + _share(result)


def told_findings(run: Mapping[str, Any]) -> list[str]:
    """The first findings of a run, by its ``run.json``; older runs have none."""
    found = run.get("findings", [])[:_SHOWN_FINDINGS]
    return [f"{finding['what'].capitalize()}: {finding['detail']}." for finding in found]


def _share(result: Result) -> list[str]:
    """What of the published set was scored, where that is not all of it."""
    ours = result.document["clips_per_class"]
    theirs = result.document.get("published_per_class", {})  # older runs do not know
    if not theirs or ours == theirs:
        return []
    each = ", ".join(f"{name} {n} of {theirs.get(name, 0)}" for name, n in ours.items())
    return [
        f"Not the published set: {sum(ours.values())} of {sum(theirs.values())} clips ({each})."
    ]


def assurance(scores: Scores | UnitScores) -> str:
    """What was audited; "" where people stand on both sides."""
    if "subject-dependent" in scores.marks:
        return ""
    return (
        f"No test subject had any part in training: {len(scores.folds)} trainings were "
        "audited for shared clips and subjects, for what every fitted quantity saw, and for the "
        f"clips that chose the epoch. Division frozen as {scores.fold_hash[:16]}."
    )


def selection_in_words(settings: Mapping[str, Any], cost: TrainingCost) -> str:
    """How the epoch was chosen, in a few words."""
    if cost.epochs_max == 0:
        return "nothing trained"
    last = settings["training"]["selection"] == "last" or settings["protocol"]["val_share"] == 0
    return "last epoch, no choice" if last else "epoch chosen on validation subjects"


def _facts(result: Result) -> list[tuple[str, str]]:
    run, settings = result.document, result.settings
    per_class = ", ".join(f"{name} {n}" for name, n in run["clips_per_class"].items())
    protocol = f"{settings['protocol']['name']}, {result.scores.n_folds} folds"
    return [
        ("data", result.data),
        ("clips", f"{run['clips']} ({per_class})"),
        ("subjects", str(run["subjects"])),
        ("classes", f"{run['label_map']}: {run['label_map_citation']}"),
        ("protocol", f"{protocol}; {selection_in_words(settings, result.scores.training)}"),
        ("fold hash", result.scores.fold_hash),
        ("seeds", ", ".join(map(str, settings["seeds"]))),
        ("recipe", run["recipe_key"]),
    ]


def _training(scores: Scores) -> list[tuple[str, str]]:
    cost = scores.training
    return [
        ("parameters", f"{cost.parameters_trainable:,} trained of {cost.parameters_total:,}"),
        ("training time", f"{cost.seconds:.1f} s over {len(scores.folds)} trainings"),
        (
            "epochs",
            f"{cost.epochs_min} to {cost.epochs_max} run, chosen {cost.chosen_min} "
            f"to {cost.chosen_max}",
        ),
    ]


def _by_set(
    printed: Sequence[PublishedScore], ours: Mapping[str, int]
) -> dict[str, list[PublishedScore]]:
    """Printed scores under headings that say whether they are of the clips scored here."""
    headings: dict[str, list[PublishedScore]] = {
        f"Published for the same set: {clips_in_words(ours)}": [],
        f"Published for another set than ours: {clips_in_words(ours)}": [],
        "Published for a set whose counts are not stated": [],
    }
    same, another, unknown = headings.values()
    for score in printed:
        group = same if score.clips == ours else another if score.clips else unknown
        group.append(score)
    return {heading: scores for heading, scores in headings.items() if scores}


def _no_published(data: Sequence[str]) -> str:
    if "synthetic" in data:
        return "the synthetic database is made here, so nobody has published on it."
    return "merkit knows of no printed score for this combination of databases and classes."


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    names = ("protocol", "model", "training", "recipe")
    return setting_rows({name: settings[name] for name in names})


def setting_rows(groups: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Settings one below the other, by their whole names."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)
        for name, value in flat(groups).items()
    ]


def software_of(run: Mapping[str, Any]) -> str:
    """With what a run was made, by its ``run.json``."""
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    commit = f"; commit {run['git_commit'][:12]}" if run["git_commit"] else ""
    return f"{versions}; {run['platform']}{commit}"
