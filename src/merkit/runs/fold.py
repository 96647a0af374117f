"""One training as a job that any process can run.

A job holds the labels of training and validation clips, and only the ids of test clips.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from merkit.methods.base import ORACLE_AU, Method
from merkit.progress import Progress, silent
from merkit.runs.data import LabelledClips
from merkit.samples.batch import Arrays
from merkit.samples.prepare import SampleSet
from merkit.seeds import derived_seed
from merkit.training.device import keep_freed_memory
from merkit.training.loop import (
    FitContext,
    FitSummary,
    Fitted,
    Observer,
    Training,
    begin,
    predict,
)
from merkit.training.network import Model
from merkit.training.reader import ClipReader
from merkit.training.targets import Label, Targets
from merkit.training.tokens import with_tokens
from merkit.types import Fold


@dataclass(frozen=True)
class FoldJob:
    """``clips`` is all that the training gets of the data; ``tests`` is read when the model stands.
    ``seed``: that of the run, from which the context's own is derived. ``oracle``: also predict the
    test clips after every epoch."""

    method: Method
    clips: ClipReader
    tests: ClipReader
    context: FitContext
    classes: tuple[str, ...]
    seed: int
    oracle: bool = False

    @property
    def takes_steps(self) -> bool:
        """Whether the method is trained by gradient steps of the common loop."""
        return self.method.trains and type(self.method).fit is Method.fit

    def fit(self, observer: Observer | None = None) -> Fitted:
        """Fit the method on the fold's training clips."""
        self.place()
        return self.method.fit(self.clips, self.context, observer)

    def begin(self, observer: Observer | None = None) -> Training:
        """The training by gradient steps, before its first."""
        self.place()
        return begin(self.method, self.clips, self.context, observer)

    def place(self) -> None:
        """Make ready to compute where the context says."""
        torch.set_num_threads(self.context.threads)
        torch.set_float32_matmul_precision("high" if self.context.tf32 else "highest")
        keep_freed_memory()
        self.clips.device = self.tests.device = torch.device(self.context.device)


@dataclass(frozen=True)
class Trainings:
    """What all trainings of a run have in common; ``job`` makes one of them.

    ``shuffle``: labels are shuffled among each fold's training and validation clips, as a control.
    ``encodings``: the samples with their tokens, by seed, where a part of the method is frozen.
    """

    method: Method
    data: LabelledClips
    samples: SampleSet
    context: FitContext
    shuffle: bool = False
    oracle: bool = False
    encodings: Mapping[int, SampleSet] = field(default_factory=dict)

    def encoded(self, seeds: Iterable[int], progress: Progress = silent) -> Trainings:
        """The same with what is frozen in the method computed once for all folds of a seed: its
        augmented views are drawn from the seed."""
        n, device = len(self.data.classes), self.context.device
        memory_gb = self.context.token_memory_gb
        encodings = {
            seed: with_tokens(self.method, self.samples, n, device, progress, seed, memory_gb)
            for seed in seeds
        }
        return replace(self, encodings=encodings)

    def job(self, fold: Fold, seed: int) -> FoldJob:
        """The training of one fold with one seed of the run.

        Weights, order and augmentation are drawn from a seed of the fold's own: one seed for all
        would give every fold the same first weights, whose luck no resampling of subjects shows.
        """
        classes, samples = self.data.classes, self.encodings.get(seed, self.samples)
        labels, annotations = self._labels(fold, seed), self._annotations(fold)
        n, targets = len(classes), self.data.targets
        clips = ClipReader(fold, labels, samples, annotations, n, targets=targets)
        tests = ClipReader(fold, {}, samples, annotations, n, ("predict",), targets)
        context = replace(self.context, seed=derived_seed(seed, fold.name, "training"))
        return FoldJob(self.method, clips, tests, context, classes, seed, self.oracle)

    def _labels(self, fold: Fold, seed: int) -> Mapping[str, Label]:
        """Labels of the training and validation clips, and of no others."""
        known = self.data.labels
        ids = (*fold.train, *fold.val)
        labels = [known[clip_id] for clip_id in ids]
        if self.shuffle:
            random.Random(f"{seed}:{fold.name}").shuffle(labels)
        return dict(zip(ids, labels, strict=True))

    def _annotations(self, fold: Fold) -> Mapping[str, Arrays]:
        """What the method reads of clips' annotation: of test clips only where it is marked so."""
        allowed = {*fold.train, *fold.val}
        if ORACLE_AU in self.method.marks():
            allowed |= {*fold.test, *fold.unlabelled}
        return self.method.annotations(c for c in self.data.clips if c.clip_id in allowed)


@dataclass(frozen=True)
class FoldOutcome:
    """Predictions of a fold's test clips (no true labels), and how the model was trained."""

    fold: str
    seed: int
    predictions: pd.DataFrame  # clip_id, what is predicted (Targets.calls), p_<class>...
    summary: FitSummary
    oracle: pd.DataFrame | None = None  # epoch, clip_id, what is predicted


def run_fold(job: FoldJob) -> FoldOutcome:
    """Train on the fold's training clips, then predict its test clips."""
    watch = FoldWatch(job)
    return watch.outcome(job.fit(watch.observer))


class FoldWatch:
    """Predicts the test clips of a fold: with the fitted model, and where the job says so after
    every epoch."""

    def __init__(self, job: FoldJob) -> None:
        self.job = job
        self._epochs: list[pd.DataFrame] = []

    @property
    def observer(self) -> Observer | None:
        """What a training calls after each epoch."""
        return self._watch if self.job.oracle else None

    def outcome(self, fitted: Fitted) -> FoldOutcome:
        """What becomes of the fold."""
        job = self.job
        table = prediction_table(
            job.tests.fold.test, self._predicted(fitted.model), job.tests.targets, job.classes
        )
        summary = replace(fitted.summary, served={**fitted.summary.served, **job.tests.served})
        every_epoch = pd.concat(self._epochs, ignore_index=True) if self._epochs else None
        return FoldOutcome(job.clips.fold.name, job.seed, table, summary, every_epoch)

    def _watch(self, epoch: int, model: Model) -> None:
        calls = self.job.tests.targets.calls(self._predicted(model))
        test = self.job.tests.fold.test
        self._epochs.append(pd.DataFrame({"epoch": epoch, "clip_id": test, **calls}))

    def _predicted(self, model: Model) -> np.ndarray:
        return predict(self.job.method, model, self.job.tests, self.job.tests.fold.test)


def prediction_table(
    ids: Sequence[str], probabilities: np.ndarray, targets: Targets, classes: Sequence[str]
) -> pd.DataFrame:
    """Columns clip_id, y_pred (or y_pred_<unit>...), p_<class>...; one row a clip."""
    columns = {f"p_{n}": probabilities[:, i].astype(np.float32) for i, n in enumerate(classes)}
    return pd.DataFrame({"clip_id": list(ids), **targets.calls(probabilities), **columns})
