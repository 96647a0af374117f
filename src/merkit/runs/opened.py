"""A run that is ready to train: clips prepared, folds divided and audited, folder begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Generic

from merkit.methods.base import Method
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, FoldSet, audit_folds, make_folds
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import L, prepare_clips
from merkit.runs.findings import find_doubts
from merkit.runs.fold import Trainings
from merkit.runs.folder import CLUSTER, RunFolder
from merkit.runs.together import train_folds
from merkit.samples.looks import stored_looks
from merkit.samples.prepare import SampleSet
from merkit.types import Fold


@dataclass(frozen=True)
class OpenRun(Generic[L]):
    """Plain data, which can be sent to another machine that sees the same folders. ``data``: the
    clips that were prepared. ``method``: it knows the names of the classes. ``windows``: what folds
    test beside the clips, such as what was spotted."""

    config: EvaluateConfig
    folder: RunFolder
    method: Method
    data: L
    samples: SampleSet
    folds: FoldSet
    windows: tuple[ClipRow, ...] = ()

    def pending(self) -> list[tuple[Fold, int]]:
        """The folds and seeds that are still to be trained."""
        return self.folder.pending(self.config.seeds, self.folds)

    def trainings(self, seeds: Iterable[int], progress: Progress = silent) -> Trainings:
        """What the trainings of these seeds have in common on this machine, with what is frozen
        computed."""
        config = self.config
        common = Trainings(
            self.method,
            self.data,
            self.samples,
            config.context(),
            config.shuffle_labels,
            config.oracle_epoch,
        )
        return common.encoded(sorted(set(seeds)), progress)

    def train(self, pending: Sequence[tuple[Fold, int]], progress: Progress = silent) -> None:
        """Train these folds on this machine, and store each.

        Raises:
            LeakError: a training read what it must not; its fold is not stored.
        """
        if pending:
            trainings = self.trainings((seed for _, seed in pending), progress)
            rows = [*self.data.rows, *self.windows]
            train_folds(self.folder, trainings, pending, rows, self.config, progress)


def check_run(
    config: EvaluateConfig, method: Method, load: Callable[[EvaluateConfig], L]
) -> tuple[RunFolder, Method, L]:
    """See, before the long work begins, that a run can be made of these settings.

    Returns:
        its folder, the method of its classes, and its clips.
    """
    run = RunFolder(config.out)
    run.check_free()
    data = load(config)
    method = method.for_classes(data.classes)
    make_folds(data.rows, config.protocol)
    if not run.finished:
        method.build(len(data.classes))
    return run, method, data


def open_run(
    config: EvaluateConfig,
    method: Method,
    load: Callable[[EvaluateConfig], L],
    progress: Progress = silent,
) -> OpenRun[L]:
    """Prepare the clips, divide them, and begin the run folder, or see that it holds this run.

    Args:
        load: opens the clips with their labels.

    Raises:
        MerkitError: as ``runs.evaluate.evaluate``.
    """
    run, method, data = check_run(config, method, load)
    data, samples = prepare_clips(data, method.recipe, config, progress)
    folds = make_folds(data.rows, config.protocol)
    contents = data.contents()
    audit_folds(folds, data.rows, contents)
    looks = {}
    if samples.store is not None:
        looks = stored_looks(data.clips, contents, samples.store.root, config.workers, progress)
    doubts = [asdict(finding) for finding in find_doubts(data, folds, looks)]
    facts = data.facts() | {"refused_clips": dict(samples.refused), "findings": doubts}
    run.begin(config, method, folds, facts, data.hashes() | samples.hashes() | method.hashes())
    return OpenRun(config, run, method, data, samples, folds)


def trained_run(
    config: EvaluateConfig, open_here: Callable[[], OpenRun[L]], progress: Progress = silent
) -> OpenRun[L]:
    """The run of these settings with every fold stored: trained on this machine, or by jobs.

    Args:
        open_here: opens it where no cluster is asked for; its jobs open it themselves.

    Raises:
        MerkitError: as ``runs.evaluate.evaluate``.
    """
    if config.on_cluster:
        from merkit.runs.cluster.train import train_on_cluster  # submitit is an extra

        [run] = train_on_cluster([config], config.out / CLUSTER, progress)
        return run
    run = open_here()
    run.train(run.pending(), progress)
    return run
