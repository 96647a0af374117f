"""An evaluation on long videos, top to bottom: recordings, spotting, folds, scores, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merkit.config import to_mapping
from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.progress import Progress, silent
from merkit.report.long_result import LongResult
from merkit.runs.config import EvaluateConfig
from merkit.runs.folder import RunFolder
from merkit.runs.long_summary import summarise_long
from merkit.runs.opened import trained_run
from merkit.runs.provenance import FREE, begin_run
from merkit.runs.spot_recognise import SpotRecognition
from merkit.runs.watched import (
    Watched,
    load_annotations,
    recordings_hash,
    spot_settings,
    watch,
    watch_facts,
)

#: settings that say which recordings are spotted and how; nothing else decides a run of spotting
_SETTINGS = (
    "data",
    "root",
    "variant",
    "bad_clips",
    "missing_offset",
    "resamples",
    "workers",
    "store",
)


def evaluate_spotting(config: EvaluateConfig, progress: Progress = silent) -> LongResult:
    """Spot the long recordings of databases and score it: tasks ``spotting`` and
    ``spot-recognise``. A run that was interrupted goes on by recording and by fold.

    Raises:
        ConfigError, DatasetError, MissingDataError, MissingWeightsError: before any work; also
            where another process writes the run, and for the other tasks.
        VideoError: recordings that cannot be read (unless ``bad_clips="skip"``).
        FaceError: annotated clips that cannot be prepared (unless ``bad_clips="skip"``).
        LeakError: a model would classify what was spotted of a subject that it was trained on.
        MissingPackageError, ClusterError: as ``runs.cluster.train.train_on_cluster``.
    """
    if config.task not in ("spotting", "spot-recognise"):
        raise ConfigError(f"task '{config.task}'", "spotting or spot-recognise")
    with sole_writer(config.out):
        return _evaluate(config, progress)


def _evaluate(config: EvaluateConfig, progress: Progress) -> LongResult:
    RunFolder(config.out).check_free()
    spot_settings(config)  # what cannot work is told before the long work begins
    every = load_annotations(config)
    recognition = SpotRecognition.of(config) if config.task == "spot-recognise" else None
    if config.on_cluster:
        from merkit.runs.cluster.spot import spot_on_cluster  # submitit is an extra

        spot_on_cluster(config, [one.recording for one in every], progress)
    watched, refused = watch(every, config, progress)
    facts = watch_facts(watched, refused, config)
    if recognition is None:
        _begin(config, watched, facts)
        return summarise_long(config, watched)
    run = trained_run(config, lambda: recognition.opened(watched, facts, progress), progress)
    return summarise_long(config, watched, recognition.classes, recognition.named(run))


def _begin(config: EvaluateConfig, watched: Sequence[Watched], facts: Mapping[str, Any]) -> None:
    given = to_mapping(config)
    settings = {name: given[name] for name in _SETTINGS} | facts["spotting"]
    identity = {name: value for name, value in settings.items() if name not in FREE}
    identity |= {"recordings": recordings_hash(watched)}
    begin_run(config.out, config.task, identity, {"settings": settings, **facts})
