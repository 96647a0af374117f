"""An evaluation, top to bottom: clips, folds, samples, trainings, predictions, scores, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.methods.base import Method
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, FoldSet, audit_folds, audit_reads, make_folds
from merkit.report.result import Result
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import L, load_clips, prepare_clips
from merkit.runs.findings import find_doubts
from merkit.runs.fold import Trainings
from merkit.runs.folder import RunFolder
from merkit.runs.pace import Pace, choose_pace
from merkit.runs.summary import summarise
from merkit.runs.together import run_folds
from merkit.samples.looks import stored_looks
from merkit.types import Fold
from merkit.workers import run_jobs, worker_count


def evaluate(config: EvaluateConfig, progress: Progress = silent) -> Result:
    """Score a method on databases under a protocol; resumes a run folder by fold.

    Raises:
        ConfigError, DatasetError, MissingDataError, MissingWeightsError: before any training; also
            where another process writes the run, and for another task than recognition.
        FaceError: clips that cannot be prepared (unless ``bad_clips="skip"``).
        LeakError: the folds or a training would let the test subject in.
    """
    if config.task != "recognition":
        raise ConfigError(
            f"task '{config.task}'",
            "recognition",
            "merkit.runs.units.evaluate_units takes 'au', "
            "merkit.runs.long_videos.evaluate_spotting the others",
        )
    with sole_writer(config.out):
        run, folds, data = trained(config, config.make(), load_clips, progress)
        return summarise(run, folds, data.rows, config)


def trained(
    config: EvaluateConfig,
    method: Method,
    load: Callable[[EvaluateConfig], L],
    progress: Progress = silent,
) -> tuple[RunFolder, FoldSet, L]:
    """Train and predict every fold that is not stored yet; the clips are those that were prepared.

    Args:
        load: opens the clips with their labels.

    Raises:
        MerkitError: as ``evaluate``.
    """
    run = RunFolder(config.out)
    run.check_free()
    context = config.context()
    data = load(config)
    method = method.for_classes(data.classes)
    make_folds(data.rows, config.protocol)  # what cannot work is told before the long work begins
    if not run.finished:
        method.build(len(data.classes))
    data, samples = prepare_clips(data, method.recipe, config, progress)
    folds = make_folds(data.rows, config.protocol)
    contents = data.contents()
    audit_folds(folds, data.rows, contents)
    looks = {}
    if samples.store is not None:
        looks = stored_looks(data.clips, contents, samples.store.root, config.workers, progress)
    doubts = [asdict(finding) for finding in find_doubts(data, folds, looks)]
    facts = data.facts() | {"refused_clips": dict(samples.refused), "findings": doubts}
    pending = run.pending(config.seeds, folds)
    run.begin(config, method, folds, facts, data.hashes() | samples.hashes() | method.hashes())
    trainings = Trainings(
        method, data, samples, context, config.shuffle_labels, config.oracle_epoch
    )
    if pending:
        trainings = trainings.encoded(sorted({seed for _, seed in pending}), progress)
    train_folds(run, trainings, pending, data.rows, config, progress)
    return run, folds, data


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
