"""What a job of the cluster does: spot recordings, prepare runs, or train some folds of one.

A job may be killed at any moment and begun again anywhere: it does what is missing, and a recording
or a fold is stored whole or not at all. An error of merkit's own is what it returns, since to try
again would not help; any other ends it.
"""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from merkit.errors import ConfigError, MerkitError, WorkerError
from merkit.files import write_text
from merkit.methods.base import Method
from merkit.progress import Lines, Progress
from merkit.runs.cluster.records import JobFolder
from merkit.runs.cluster.share import Share, take_given
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import load_clips
from merkit.runs.folder import CLUSTER
from merkit.runs.opened import OpenRun, check_run, open_run
from merkit.runs.provenance import code_hash
from merkit.runs.spot_recognise import SpotRecognition, open_spot_recognition
from merkit.runs.spots import Keyed, missing, spot_missing
from merkit.runs.unit_clips import unit_method
from merkit.runs.watched import spot_store
from merkit.types import Fold

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


Stage: TypeAlias = Literal["spot", "prepare", "train"]


@dataclass(frozen=True, kw_only=True)
class Work(ABC):
    """``code``: that of the merkit that handed it over. ``share``: of the machine, where that is
    the head's own."""

    stage: ClassVar[Stage]
    code: str
    share: Share | None

    def __call__(self) -> MerkitError | None:
        try:
            if self.code != code_hash():
                raise ConfigError(
                    f"{platform.node()} has another merkit than what handed this job over",
                    "the same code on every machine",
                    "install merkit in a folder that all machines see",
                )
            if self.share is not None:
                self.share.take()
            else:
                take_given()
            self.do(Lines())
        except WorkerError as error:  # it was killed, as the job itself may be: to be tried again
            raise RuntimeError(error.found) from error
        except MerkitError as error:
            return error
        return None

    @property
    @abstractmethod
    def run(self) -> EvaluateConfig:
        """Settings of the run whose parameters the job has."""

    @property
    @abstractmethod
    def told(self) -> str:
        """What it is, for a message."""

    @property
    @abstractmethod
    def parts(self) -> tuple[str, ...]:
        """Names of what it does, one of each."""

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.parts)

    @abstractmethod
    def do(self, progress: Progress) -> None:
        """The work itself."""

    @abstractmethod
    def left(self) -> Work | None:
        """What of it is still to be done; None: nothing."""

    @abstractmethod
    def later(self) -> Work:
        """The same, with what came first put last."""

    def checkpoint(self) -> DelayedSubmission:
        """What submitit hands over again when the job's time is up or its place is wanted."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True, kw_only=True)
class SpotWork(Work):
    """Spots some recordings of a run. One that cannot be read is marked and left: the head tells of
    all such together."""

    stage = "spot"
    config: EvaluateConfig
    recordings: tuple[Keyed, ...]

    @property
    def run(self) -> EvaluateConfig:
        return self.config

    @property
    def told(self) -> str:
        return f"{self.run.out.name}: {_some(self.parts)}"

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(recording.recording_id for recording, _ in self.recordings)

    def do(self, progress: Progress) -> None:
        rest = self.left()
        if rest is None:
            return
        store, workers = spot_store(self.config), self.config.workers
        refused = spot_missing(rest.recordings, store, workers, progress, self.size)
        for recording, key in rest.recordings:
            if recording.recording_id in refused:
                write_text(unread_mark(self.config, key), refused[recording.recording_id])

    def left(self) -> SpotWork | None:
        lacking = missing(self.recordings, spot_store(self.config))
        rest = [one for one in lacking if not unread_mark(self.config, one[1]).exists()]
        return replace(self, recordings=tuple(rest)) if rest else None

    def later(self) -> SpotWork:
        return replace(self, recordings=(*self.recordings[1:], self.recordings[0]))


@dataclass(frozen=True, kw_only=True)
class PrepareWork(Work):
    """Makes samples, and tokens of what is frozen, of several runs, and begins their folders."""

    stage = "prepare"
    configs: tuple[EvaluateConfig, ...]

    @property
    def run(self) -> EvaluateConfig:
        return self.configs[0]

    @property
    def told(self) -> str:
        return f"preparing {', '.join(self.parts)}"

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(config.out.name for config in self.configs)

    def do(self, progress: Progress) -> None:
        for config in self.configs:
            run = open_task(config, progress)
            if run.pending():
                run.trainings(config.seeds, progress)
            write_text(prepared_mark(config), "")

    def left(self) -> PrepareWork | None:
        rest = tuple(config for config in self.configs if not prepared_mark(config).exists())
        return replace(self, configs=rest) if rest else None

    def later(self) -> PrepareWork:
        return replace(self, configs=(*self.configs[1:], self.configs[0]))


@dataclass(frozen=True, kw_only=True)
class FoldsWork(Work):
    """Trains some folds of an open run."""

    stage = "train"
    opened: OpenRun[Any]
    folds: tuple[tuple[Fold, int], ...]

    @property
    def run(self) -> EvaluateConfig:
        return self.opened.config

    @property
    def told(self) -> str:
        return f"{self.run.out.name}: {_some(self.parts)}"

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"{fold.name} (seed {seed})" for fold, seed in self.folds)

    def do(self, progress: Progress) -> None:
        rest = self.left()
        if rest is not None:
            folder = JobFolder(self.run.out, self.run.device)
            replace(self.opened, folder=folder).train(rest.folds, progress)

    def left(self) -> FoldsWork | None:
        folder = self.opened.folder
        rest = tuple((f, seed) for f, seed in self.folds if not folder.has_whole(seed, f))
        return replace(self, folds=rest) if rest else None

    def later(self) -> FoldsWork:
        return replace(self, folds=(*self.folds[1:], self.folds[0]))


def open_task(config: EvaluateConfig, progress: Progress) -> OpenRun[Any]:
    """The run of these settings, ready to train.

    Raises:
        MerkitError: as ``runs.evaluate.evaluate``, ``runs.units.evaluate_units``, and
            ``runs.long_videos.evaluate_spotting``.
    """
    if config.task == "spot-recognise":
        return open_spot_recognition(config, progress)
    return open_run(config, *_asked(config), progress)


def check_task(config: EvaluateConfig) -> bool:
    """See, before anything is handed over, that a run can be made of these settings.

    Returns:
        whether there is something to prepare.
    """
    if config.task == "spot-recognise":
        return SpotRecognition.of(config).method.recipe is not None
    _, method, _ = check_run(config, *_asked(config))
    return method.recipe is not None


def _asked(config: EvaluateConfig) -> tuple[Method, Callable[[EvaluateConfig], Any]]:
    """The method of a run, and what opens its clips."""
    return unit_method(config) if config.task == "au" else (config.make(), load_clips)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def unread_mark(config: EvaluateConfig, key: str) -> Path:
    """A file that is there when a job could not read the recording of this key."""
    return config.out / CLUSTER / f"unread-{key}"


def prepared_mark(config: EvaluateConfig) -> Path:
    """A file that is there when the clips of a run were prepared."""
    return config.out / CLUSTER / "prepared"
