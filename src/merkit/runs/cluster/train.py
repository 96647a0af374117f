"""The folds of runs on a cluster, top to bottom: check, prepare, deal, hand over, wait."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from merkit.errors import ClusterError
from merkit.files import remove_leftovers
from merkit.progress import Progress, silent
from merkit.runs.cluster.config import ClusterConfig
from merkit.runs.cluster.crew import Crew, Lost
from merkit.runs.cluster.executor import check_options
from merkit.runs.cluster.records import take_up
from merkit.runs.cluster.share import Share
from merkit.runs.cluster.work import FoldsWork, PrepareWork, check_task, open_task, prepared_mark
from merkit.runs.config import EvaluateConfig
from merkit.runs.opened import OpenRun
from merkit.runs.provenance import code_hash
from merkit.types import Fold
from merkit.workers import cores


def train_on_cluster(
    configs: Sequence[EvaluateConfig], folder: Path, progress: Progress = silent
) -> list[OpenRun[Any]]:
    """Have jobs store every fold of these runs that is not stored yet. The first of them says how
    many jobs there are at a time; each has its own parameters.

    Preparation is one job, of all runs one after the other: what two of them share is made once.
    Then this process opens the runs, which finds everything prepared, deals what is missing into
    jobs, and waits. It may be killed and begun again: jobs of SLURM go on and are found in
    ``folder``, those of this machine end with it.

    Args:
        folder: of the jobs' scripts and logs, and the list of them; every machine sees it.

    Returns:
        the runs, with nothing left to train.

    Raises:
        MissingPackageError: submitit is not installed, or SLURM is not here.
        ConfigError: parameters that submitit or the cluster does not take.
        ClusterError: jobs that died as often as is allowed; the rest is stored.
        MerkitError: as ``evaluate``, here or in a job; the rest is stored.
    """
    for config in configs:
        check_options(config)
    reads = [config for config in configs if check_task(config)]
    crew = Crew(configs[0], folder)
    _prepare([one for one in reads if not prepared_mark(one).exists()], crew, progress)
    runs = [open_task(config, progress) for config in configs]
    _train(runs, crew, progress)
    for run in runs:
        take_up(run.folder)
        remove_leftovers(run.folder.path / "folds")
    return runs


def _prepare(configs: Sequence[EvaluateConfig], crew: Crew, progress: Progress) -> None:
    todo = tuple(config for config in configs if not (config.out / "metrics.json").is_file())
    if not todo:
        return
    work = PrepareWork(code=code_hash(), share=share_of(crew.config, 1), items=todo)
    found = [crew.find(entry, work) for entry in crew.ledger.open(work.stage)]

    def tell() -> None:
        done = sum(prepared_mark(config).exists() for config in todo)
        progress(f"preparing by a job ({crew.config.cluster})", done, len(todo))

    crew.do([] if any(found) else [work], tell)
    refuse_lost(crew, "the clips were not prepared")


def _train(runs: Sequence[OpenRun[Any]], crew: Crew, progress: Progress) -> None:
    pending = [(run, run.pending()) for run in runs]
    missing = [(run.folder, fold.name, seed) for run, folds in pending for fold, seed in folds]
    total, share = len(missing), share_of(crew.config, len(missing))
    works = [
        work
        for run, folds in pending
        for work in crew.dealt(_folds_work(run, folds, share), _clips)
    ]

    def tell() -> None:
        missing[:] = [one for one in missing if not one[0].has_fold(one[2], one[1])]
        progress("training folds", total - len(missing), total)

    crew.do(works, tell)
    refuse_lost(crew, f"{{n}} of {total} folds were not trained")


def _folds_work(
    run: OpenRun[Any], pending: Sequence[tuple[Fold, int]], share: Share | None
) -> FoldsWork:
    opened = replace(run, folds=replace(run.folds, folds=()))  # a job needs its own alone
    return FoldsWork(code=code_hash(), share=share, opened=opened, items=tuple(pending))


def _clips(item: tuple[Fold, int]) -> float:
    """How much a training is: it goes over its clips, as often as any other."""
    fold, _ = item
    return len(fold.train)


def share_of(config: ClusterConfig, wanted: int) -> Share | None:
    """What a job may take of this machine, where that is the one it runs on."""
    if config.cluster != "local":
        return None
    return Share(max(1, cores() // max(1, min(config.jobs, wanted))), os.getpid())


def refuse_lost(crew: Crew, told: str) -> None:
    """Say what was given up, now that all else is done: an error of merkit's own as it is.

    Args:
        told: what was not done; ``{n}`` in it becomes how much.

    Raises:
        MerkitError: something was.
    """
    if not crew.lost:
        return
    for one in crew.lost:
        if one.error is not None:
            raise one.error
    what = told.format(n=sum(one.work.size for one in crew.lost))
    raise ClusterError(
        f"{what}:\n" + "\n".join(map(_told, crew.lost)),
        "jobs that end well; what was stored is kept",
        "read the logs (killed: more mem_gb; out of time: more timeout_min, or more --jobs), and "
        "run the same command again: it does what is missing",
    )


def _told(one: Lost) -> str:
    return f"  job {one.job}, {one.work.told}: {one.why}\n    log: {one.log}"
