"""The methods paragraph of a finished run: how the score came about, for a paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merkit.datasets import DATASETS
from merkit.protocols import PROTOCOLS
from merkit.references import in_words, listed, merkit_itself
from merkit.report.long_result import read_long_result
from merkit.report.long_text import long_lines
from merkit.report.page import selection_in_words
from merkit.report.result import RECOGNITION, Result, read_result, read_task
from merkit.report.text import score_lines
from merkit.report.unit_result import UnitResult, read_unit_result
from merkit.report.unit_text import unit_lines
from merkit.scoring.scores import TrainingCost


def run_paragraph(folder: Path) -> str:
    """Plain text: the paragraph, the scores, software, references.

    Raises:
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
    """
    task = read_task(folder)
    if task == RECOGNITION:
        result = read_result(folder)
        return _of_trainings(result, score_lines(result.scores))
    if task == "au":
        units = read_unit_result(folder)
        return _of_trainings(units, unit_lines(units.scores))
    spotted = read_long_result(folder)
    run, settings = spotted.document, spotted.settings
    parts = [
        f"Expressions were spotted in the long recordings of {_databases(settings)} with merkit, "
        "without training, and counted by the rule of the MEGC spotting task: one to one, at an "
        "intersection over union of 0.5 or more, pooled over recordings."
    ]
    if task == "spot-recognise":
        parts.append(f"What was found was then named by {_method(run)}.")
    return _whole(parts, long_lines(spotted.scores), run)


def _of_trainings(result: Result | UnitResult, scores: list[str]) -> str:
    run, settings = result.document, result.settings
    cost = result.scores.training
    protocol = settings["protocol"]
    name = protocol["name"]
    name = PROTOCOLS[name].title if name in PROTOCOLS else name
    what = f"{len(result.labels)} {result.told_apart} ({', '.join(result.labels)})"
    parts = [
        f"{_method(run)} was scored on {_databases(settings)}: {run['clips']} clips of "
        f"{run['subjects']} subjects, {what}.",
        f"Protocol: {name}, {result.scores.n_folds} folds, divided as {run['fold_hash'][:16]}; no "
        "subject of a test fold had a part in its training, which was audited."
        if "subject-dependent" not in result.scores.marks
        else f"Protocol: {name}, {result.scores.n_folds} folds. It is subject-dependent: people "
        "stand on both sides.",
        _training(settings, cost),
        "Scores are pooled over the clips of all folds; intervals are bootstrapped over subjects.",
    ]
    others = [mark for mark in result.scores.marks if mark != "subject-dependent"]
    if others:
        parts.append(f"Marked: {', '.join(others)} (see the report).")
    if run["refused_clips"]:
        parts.append(f"{len(run['refused_clips'])} clips could not be prepared and were left out.")
    return _whole(parts, scores, run)


def _training(settings: Mapping[str, Any], cost: TrainingCost) -> str:
    if cost.epochs_max == 0:
        return "Nothing was trained."
    training, seeds = settings["training"], settings["seeds"]
    each = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
    length = f"{training['steps']} steps" if training["steps"] else f"{training['epochs']} epochs"
    return (
        f"Trained by {training['optimiser']}, learning rate {training['learning_rate']:g}, batches "
        f"of {training['batch_size']}, {length} at most, {selection_in_words(settings, cost)}, "
        f"{each}."
    )


def _method(run: Mapping[str, Any]) -> str:
    return f"{run['settings']['method']} ({run['method_title']}; {run['method_citation']})"


def _databases(settings: Mapping[str, Any]) -> str:
    return ", ".join(settings["data"])


def _whole(parts: list[str], scores: list[str], run: Mapping[str, Any]) -> str:
    sources = [DATASETS[name].citation for name in run["settings"]["data"] if name in DATASETS]
    references = [merkit_itself(run["versions"]), run.get("method_citation", ""), *sources]
    if run.get("label_map_citation"):
        references.append(f"{run['label_map_citation']} (classes)")
    ended = [text if text.endswith(".") else f"{text}." for text in references if text]
    return "\n\n".join(
        [
            " ".join(parts),
            "\n".join(scores),
            f"Software: {in_words(run['versions'])}; {run['platform']}.",
            listed(ended),
        ]
    )
