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
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeAlias, TypeVar

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
from merkit.runs.spots import Keyed, spot_missing
from merkit.runs.unit_clips import unit_method
from merkit.runs.watched import spot_store
from merkit.types import Fold

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


Stage: TypeAlias = Literal["spot", "prepare", "train"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Work(ABC, Generic[T]):
    """``code``: that of the merkit that handed it over. ``share``: of the machine, where that is
    the head's own. ``items``: what it does, one after the other or side by side."""

    stage: ClassVar[Stage]
    code: str
    share: Share | None
    items: tuple[T, ...]

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

    @abstractmethod
    def name(self, item: T) -> str:
        """Name of an item, one of each."""

    @abstractmethod
    def is_done(self, item: T) -> bool:
        """Whether an item need not be done any more."""

    @abstractmethod
    def do(self, progress: Progress) -> None:
        """The work itself."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of what it does."""
        return tuple(map(self.name, self.items))

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.items)

    def left(self) -> Self | None:
        """What of it is still to be done; None: nothing."""
        rest = tuple(item for item in self.items if not self.is_done(item))
        return replace(self, items=rest) if rest else None

    def later(self) -> Self:
        """The same, with what came first put last."""
        return replace(self, items=(*self.items[1:], self.items[0]))

    def checkpoint(self) -> DelayedSubmission:
        """What submitit hands over again when the job's time is up or its place is wanted."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True, kw_only=True)
class SpotWork(Work[Keyed]):
    """Spots some recordings of a run. One that cannot be read is marked and left: the head tells of
    all such together."""

    stage = "spot"
    config: EvaluateConfig

    @property
    def run(self) -> EvaluateConfig:
        return self.config

    @property
    def told(self) -> str:
        return f"{self.run.out.name}: {_some(self.parts)}"

    def name(self, item: Keyed) -> str:
        recording, _ = item
        return recording.recording_id

    def is_done(self, item: Keyed) -> bool:
        _, key = item
        return spot_store(self.config).has(key) or unread_mark(self.config, key).exists()

    def do(self, progress: Progress) -> None:
        rest = self.left()
        if rest is None:
            return
        store, workers = spot_store(self.config), self.config.workers
        refused = spot_missing(rest.items, store, workers, progress, self.size)
        for recording, key in rest.items:
            if recording.recording_id in refused:
                write_text(unread_mark(self.config, key), refused[recording.recording_id])


@dataclass(frozen=True, kw_only=True)
class PrepareWork(Work[EvaluateConfig]):
    """Makes samples, and tokens of what is frozen, of several runs, and begins their folders."""

    stage = "prepare"

    @property
    def run(self) -> EvaluateConfig:
        return self.items[0]

    @property
    def told(self) -> str:
        return f"preparing {', '.join(self.parts)}"

    def name(self, item: EvaluateConfig) -> str:
        return item.out.name

    def is_done(self, item: EvaluateConfig) -> bool:
        return prepared_mark(item).exists()

    def do(self, progress: Progress) -> None:
        for config in self.items:
            run = open_task(config, progress)
            if run.pending():
                run.trainings(config.seeds, progress)
            write_text(prepared_mark(config), "")


@dataclass(frozen=True, kw_only=True)
class FoldsWork(Work[tuple[Fold, int]]):
    """Trains some folds, each with a seed, of an open run."""

    stage = "train"
    opened: OpenRun[Any]

    @property
    def run(self) -> EvaluateConfig:
        return self.opened.config

    @property
    def told(self) -> str:
        return f"{self.run.out.name}: {_some(self.parts)}"

    def name(self, item: tuple[Fold, int]) -> str:
        fold, seed = item
        return f"{fold.name} (seed {seed})"

    def is_done(self, item: tuple[Fold, int]) -> bool:
        fold, seed = item
        return self.opened.folder.has_whole(seed, fold)

    def do(self, progress: Progress) -> None:
        rest = self.left()
        if rest is not None:
            folder = JobFolder(self.run.out, self.run.device)
            replace(self.opened, folder=folder).train(rest.items, progress)


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
