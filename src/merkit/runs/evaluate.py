"""An evaluation, top to bottom: clips, folds, samples, trainings, predictions, scores, report."""

from __future__ import annotations

from collections.abc import Callable

from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.methods.base import Method
from merkit.progress import Progress, silent
from merkit.protocols import FoldSet
from merkit.report.result import Result
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import L, load_clips
from merkit.runs.folder import RunFolder
from merkit.runs.opened import OpenRun, open_run, trained_run
from merkit.runs.summary import summarise


def evaluate(config: EvaluateConfig, progress: Progress = silent) -> Result:
    """Score a method on databases under a protocol; resumes a run folder by fold.

    Raises:
        ConfigError, DatasetError, MissingDataError, MissingWeightsError: before any training; also
            where another process writes the run, and for another task than recognition.
        FaceError: clips that cannot be prepared (unless ``bad_clips="skip"``).
        LeakError: the folds or a training would let the test subject in.
        MissingPackageError, ClusterError: as ``runs.cluster.train.train_on_cluster``.
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

    def open_here() -> OpenRun[L]:
        config.context()  # what cannot work is told before the long work begins
        return open_run(config, method, load, progress)

    run = trained_run(config, open_here, progress)
    return run.folder, run.folds, run.data
