"""Folds and seeds of a run, trained side by side, and at once where that is faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, audit_reads
from merkit.runs.config import EvaluateConfig
from merkit.runs.fold import FoldJob, FoldOutcome, FoldWatch, Trainings, run_fold
from merkit.runs.folder import RunFolder
from merkit.runs.pace import Pace, choose_pace
from merkit.training.stack import Unstackable, train_together
from merkit.types import Fold
from merkit.workers import run_jobs, worker_count


def run_folds(jobs: Sequence[FoldJob]) -> list[FoldOutcome]:
    """What ``run_fold`` gives of each job; several of one method train as a stack."""
    if len(jobs) == 1:
        return [run_fold(jobs[0])]
    watches = [FoldWatch(job) for job in jobs]
    trainings = [watch.job.begin(watch.observer) for watch in watches]
    try:
        fitted = train_together(trainings)
    except Unstackable:
        return [run_fold(job) for job in jobs]
    # each took its share of the time, not all of it
    shared = [replace(f, summary=f.summary.shared_by(len(jobs))) for f in fitted]
    return [watch.outcome(one) for watch, one in zip(watches, shared, strict=True)]


def train_folds(
    run: RunFolder,
    trainings: Trainings,
    pending: Sequence[tuple[Fold, int]],
    table: Sequence[ClipRow],
    config: EvaluateConfig,
    progress: Progress = silent,
) -> None:
    """Train what is pending, side by side and at once as it goes fastest here; audit what each
    training read, and store each fold.

    Args:
        table: every clip that a fold names.

    Raises:
        LeakError: a training read what it must not; its fold is not stored.
    """
    side_by_side = trainings.context.device == "cpu" and trainings.method.trains
    # to start a process takes longer than to train nothing
    workers = worker_count(config.workers, len(pending)) if side_by_side else 1
    pace = Pace(1, "as was asked for")
    if pending and not config.plain:
        pace = choose_pace(
            lambda i: trainings.job(*pending[i]),
            len(pending),
            workers,
            config.memory_gb,
            progress,
        )
    if pending:
        run.note("pace", asdict(pace) | {"workers": workers})
    jobs = pace.groups([trainings.job(fold, seed) for fold, seed in pending], workers)
    folds = {fold.name: fold for fold, _ in pending}
    done = 0
    progress("training folds", done, len(pending))
    for outcomes in run_jobs(run_folds, jobs, workers):
        for outcome in outcomes:
            audit_reads(folds[outcome.fold], outcome.summary.served, table)
            run.write_fold(outcome)
            done += 1
        progress("training folds", done, len(pending))
