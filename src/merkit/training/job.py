"""One training as a job that any process can run: everything in it is plain data.

A job holds the labels of training and validation clips, and only the ids of test clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from merkit.methods import METHODS
from merkit.methods.base import Annotation, MerModel, NeuralMethod, TrainConfig
from merkit.samples.store import SampleStore
from merkit.training.classical import fit_classical, is_classical
from merkit.training.data import Batches, FoldData
from merkit.training.history import FitSummary
from merkit.training.loop import FitContext, Observer, fit, predict

#: clip ids -> class probabilities (N,C)
Predictor = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class FoldJob:
    """What one training needs. ``tokens``: clip id -> file of cached tokens, where the method
    has a frozen part. ``oracle``: also predict the test clips after every epoch.
    ``annotations``: arrays from the annotation of clips that may be read, see ``Setup``."""

    method: str
    model_config: Any
    settings: TrainConfig
    fold: FoldData
    test: tuple[str, ...]
    class_names: tuple[str, ...]
    store: SampleStore
    keys: Mapping[str, str]
    tokens: Mapping[str, Path] | None
    seed: int
    device: str
    threads: int = 1
    bf16: bool = False
    oracle: bool = False
    annotations: Mapping[str, Annotation] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldOutcome:
    """Predictions of a fold's test clips (no true labels), and how the model was trained."""

    fold: str
    seed: int
    predictions: pd.DataFrame  # clip_id, y_pred, p_<class>...
    summary: FitSummary
    oracle: pd.DataFrame | None = None  # epoch, clip_id, y_pred


def run_fold(job: FoldJob) -> FoldOutcome:
    """Train on the fold's training clips, then predict its test clips."""
    torch.set_num_threads(job.threads)
    every_epoch: list[pd.DataFrame] = []

    def watch(epoch: int, predict_now: Predictor) -> None:
        chosen = predict_now(job.test).argmax(1)
        frame = pd.DataFrame({"epoch": epoch, "clip_id": job.test, "y_pred": chosen})
        every_epoch.append(frame)

    predictor, summary = train(job, watch if job.oracle else None)
    predictions = prediction_table(job.test, predictor(job.test), job.class_names)
    oracle = pd.concat(every_epoch, ignore_index=True) if every_epoch else None
    return FoldOutcome(job.fold.name, job.seed, predictions, summary, oracle)


def train(job: FoldJob, observer: Observer | None = None) -> tuple[Predictor, FitSummary]:
    """Train the job's method; returns what predicts clips, and the summary."""
    model, summary, batches = _fit(job, observer)
    method = METHODS[job.method]

    def predictor(ids: Sequence[str]) -> np.ndarray:
        return predict(method, model, batches, ids, job.settings)

    return predictor, summary


def fit_job(job: FoldJob, observer: Observer | None = None) -> tuple[MerModel, FitSummary]:
    """Train the job's method and return the model itself."""
    torch.set_num_threads(job.threads)
    model, summary, _ = _fit(job, observer)
    return model, summary


def _fit(job: FoldJob, observer: Observer | None) -> tuple[MerModel, FitSummary, Batches]:
    method = METHODS[job.method]
    device = torch.device(job.device)
    context = FitContext(len(job.class_names), job.seed, device, observer, job.bf16)
    batches = open_batches(job, method)
    fit_one = fit_classical if is_classical(method) else fit
    model, summary = fit_one(method, job.model_config, job.settings, job.fold, batches, context)
    return model, summary, batches


def open_batches(job: FoldJob, method: NeuralMethod) -> Batches:
    """Memory-mapped samples (and tokens) of the job's clips."""
    ids = {*job.fold.train.ids, *job.fold.val.ids, *job.fold.unlabelled, *job.test}
    samples = {clip_id: job.store.read(job.keys[clip_id]) for clip_id in sorted(ids)}
    tokens = None
    if job.tokens is not None:
        tokens = {clip_id: _open_tokens(job.tokens[clip_id]) for clip_id in sorted(ids)}
    return Batches(samples, method.model.reads, torch.device(job.device), tokens, job.annotations)


@cache
def _open_tokens(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def prediction_table(
    ids: Sequence[str], probabilities: np.ndarray, class_names: Sequence[str]
) -> pd.DataFrame:
    """Columns clip_id, y_pred, p_<class>...; one row a clip."""
    table = {"clip_id": list(ids), "y_pred": probabilities.argmax(1)}
    for index, name in enumerate(class_names):
        table[f"p_{name}"] = probabilities[:, index].astype(np.float32)
    return pd.DataFrame(table)
