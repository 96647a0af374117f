"""An evaluation, top to bottom: clips, folds, samples, trainings, predictions, scores, report."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.config import to_mapping
from merkit.methods.base import ORACLE_AU, Annotation
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, FoldSet, audit_fit, audit_folds, make_folds
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import Task, open_task
from merkit.runs.folder import RunFolder
from merkit.runs.summary import summarise
from merkit.training.data import FoldData, Labelled, open_fold
from merkit.training.job import FoldJob, run_fold
from merkit.training.setup import Setup, choose_device, make_setup
from merkit.training.tokens import frozen_tokens
from merkit.types import Fold
from merkit.workers import run_jobs


@dataclass(frozen=True)
class RunResult:
    """Where the run is, what it predicted, and its scores (the content of metrics.json)."""

    folder: Path
    predictions: pd.DataFrame
    metrics: Mapping[str, Any]


def evaluate(config: EvaluateConfig, progress: Progress = silent) -> RunResult:
    """Score a method on databases under a protocol; resumes a run folder by fold.

    Raises:
        ConfigError, DatasetError, MissingDataError, MissingWeightsError: before any training.
        FaceError: clips that cannot be prepared (unless ``bad_clips="skip"``).
        LeakError: the folds or a training would let the test subject in.
    """
    run = RunFolder(config.out)
    run.check_free()
    setup = make_setup(config.method, config.model, config.training, config.recipe)
    device = choose_device(config.device)

    def check(rows: Sequence[ClipRow]) -> None:
        make_folds(rows, config.protocol)
        if not run.finished:
            setup.check_model()

    task = open_task(config, setup.recipe, progress, check)
    folds = make_folds(task.rows, config.protocol)
    audit_folds(folds, task.rows, task.contents())
    run.begin(_identity(config, setup), folds, _facts(task, setup))
    jobs = list(_pending_jobs(config, setup, task, folds, run, device, progress))
    _run_folds(run, jobs, folds, task, config, progress)
    metrics, predictions = summarise(run, folds, task.rows, config)
    return RunResult(config.out, predictions, metrics)


def _identity(config: EvaluateConfig, setup: Setup) -> dict[str, Any]:
    """Every decided setting, for run.json and for recognising the same run."""
    return to_mapping(config) | {
        "model": to_mapping(setup.model_config),
        "training": to_mapping(setup.settings),
        "recipe": to_mapping(setup.recipe),
    }


def _facts(task: Task, setup: Setup) -> dict[str, Any]:
    """What a reader of run.json wants to know besides settings."""
    names = task.classes
    labels = [row.label for row in task.rows]
    return {
        "classes": list(names),
        "label_map": ", ".join(dict.fromkeys(m.name for m in task.maps)),
        "label_map_citation": "; ".join(dict.fromkeys(m.citation for m in task.maps)),
        "method_title": setup.method.title,
        "method_citation": setup.method.citation,
        "clips": len(task.rows),
        "subjects": len({row.subject_key for row in task.rows}),
        "clips_per_class": {name: labels.count(i) for i, name in enumerate(names)},
        "recipe_key": setup.recipe.key(),
        "refused_clips": dict(task.prepared.refused),
        "method_marks": list(setup.method.marks(setup.model_config)),
    }


def _pending_jobs(
    config: EvaluateConfig,
    setup: Setup,
    task: Task,
    folds: FoldSet,
    run: RunFolder,
    device: str,
    progress: Progress,
) -> Iterator[FoldJob]:
    """A job for every fold and seed that is not finished yet."""
    pending = [
        (fold, seed)
        for seed in config.seeds
        for fold in folds.folds
        if not run.has_fold(seed, fold.name)
    ]
    if not pending:
        return
    n_classes = len(task.classes)
    tokens = frozen_tokens(setup, n_classes, task.prepared, device, progress)
    labels = {row.clip_id: row.label for row in task.rows}
    for fold, seed in pending:
        yield FoldJob(
            method=config.method,
            model_config=setup.model_config,
            settings=setup.settings,
            fold=_fold_data(fold, labels, seed, config.shuffle_labels),
            test=fold.test,
            class_names=task.classes,
            store=task.prepared.store,
            keys=task.prepared.keys,
            tokens=tokens,
            seed=seed,
            device=device,
            threads=config.threads,
            bf16=config.bf16,
            oracle=config.oracle_epoch,
            annotations=_annotations(setup, task, fold),
        )


def _annotations(setup: Setup, task: Task, fold: Fold) -> Mapping[str, Annotation]:
    """What a method reads of clips' annotation: of test clips only where it is marked so."""
    allowed = {*fold.train, *fold.val}
    if ORACLE_AU in setup.method.marks(setup.model_config):
        allowed |= {*fold.test, *fold.unlabelled}
    return setup.annotations(c for c in task.clips if c.clip_id in allowed)


def _fold_data(fold: Fold, labels: Mapping[str, int], seed: int, shuffle: bool) -> FoldData:
    data = open_fold(fold, labels)
    if not shuffle:
        return data
    mixed = [*data.train.labels, *data.val.labels]
    random.Random(f"{seed}:{fold.name}").shuffle(mixed)
    cut = len(data.train.ids)
    return replace(
        data,
        train=Labelled(data.train.ids, tuple(mixed[:cut])),
        val=Labelled(data.val.ids, tuple(mixed[cut:])),
    )


def _run_folds(
    run: RunFolder,
    jobs: list[FoldJob],
    folds: FoldSet,
    task: Task,
    config: EvaluateConfig,
    progress: Progress,
) -> None:
    """Train what is pending, audit what each training saw, store each fold whole."""
    by_name = {fold.name: fold for fold in folds.folds}
    total = len(folds.folds) * len(config.seeds)
    done = total - len(jobs)
    progress("training folds", done, total)
    workers = 1 if jobs and jobs[0].device != "cpu" else config.workers
    for outcome in run_jobs(run_fold, jobs, workers):
        audit_fit(by_name[outcome.fold], outcome.summary.record, task.rows)
        run.write_fold(outcome)
        done += 1
        progress("training folds", done, total)
