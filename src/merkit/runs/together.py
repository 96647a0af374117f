"""Folds and seeds of a run, trained at once where that is faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merkit.runs.fold import FoldJob, FoldOutcome, FoldWatch, run_fold
from merkit.training.stack import Unstackable, train_together


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
