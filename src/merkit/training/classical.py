"""Fitting a classical method on one fold: describe the training clips, solve, calibrate.

The classifier and its normaliser see training clips alone. Validation clips set the softmax
temperature, which moves probabilities but no prediction, and give the score that is shown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from merkit.errors import ConfigError
from merkit.methods.base import MerModel, NeuralMethod, TrainConfig
from merkit.methods.classical import ClassicalModel
from merkit.protocols.audit import FitRecord
from merkit.training.data import Batches, FoldData
from merkit.training.history import EpochRecord, FitSummary
from merkit.training.loop import FitContext, log_loss_and_uf1, predict
from merkit.types import F32


def is_classical(method: NeuralMethod) -> bool:
    """Whether the method is solved in one step instead of trained by the loop."""
    return issubclass(method.model, ClassicalModel)


def fit_classical(
    method: NeuralMethod,
    model_config: object,
    settings: TrainConfig,
    fold: FoldData,
    batches: Batches,
    context: FitContext,
) -> tuple[MerModel, FitSummary]:
    """Solve one classical model on one fold; the counterpart of ``loop.fit``.

    Of ``settings`` it reads ``class_weights``, ``batch_size`` and ``mirror_at_test``; the
    history holds the one fit.

    Raises:
        ConfigError: no training clips.
    """
    if not fold.train.ids:
        raise ConfigError(f"fold '{fold.name}' has no training clips", "at least one")
    started = time.perf_counter()
    model = method.model(model_config, context.n_classes).to(context.device).eval()
    assert isinstance(model, ClassicalModel)
    features = _forward(model, fold.train.ids, batches, settings.batch_size)[0]
    balanced = settings.class_weights == "inverse"
    model.solve(features, np.asarray(fold.train.labels), balanced=balanced, seed=context.seed)
    if fold.val.ids:
        logits = _forward(model, fold.val.ids, batches, settings.batch_size)[1]
        model.calibrate(logits, np.asarray(fold.val.labels))

    def predict_now(ids: Sequence[str]) -> np.ndarray:
        return predict(method, model, batches, ids, settings)

    train_loss, _ = log_loss_and_uf1(predict_now(fold.train.ids), fold.train)
    val_loss, val_uf1 = None, None
    if fold.val.ids:
        val_loss, val_uf1 = log_loss_and_uf1(predict_now(fold.val.ids), fold.val)
    seconds = time.perf_counter() - started
    if context.observer is not None:
        context.observer(1, predict_now)
    epoch = EpochRecord(1, train_loss, val_loss, val_uf1, seconds)
    return model, _summary(model, fold, epoch)


@torch.no_grad()
def _forward(
    model: ClassicalModel, ids: Sequence[str], batches: Batches, size: int
) -> tuple[F32, F32]:
    """Descriptors (N,d) and logits (N,C) of clips, in order."""
    outputs = [model(batches.get(ids[i : i + size])) for i in range(0, len(ids), size)]
    features = torch.cat([output.features for output in outputs])
    logits = torch.cat([output.logits for output in outputs])
    return features.cpu().numpy(), logits.cpu().numpy()


def _summary(model: ClassicalModel, fold: FoldData, epoch: EpochRecord) -> FitSummary:
    train = fold.train.ids
    # the temperature stands under "threshold": decided on validation clips after the fit
    fitted = {"normaliser": train, "weights": train, "threshold": fold.val.ids}
    parameters = sum(p.numel() for p in model.parameters())
    return FitSummary(
        chosen_epoch=1,
        history=(epoch,),
        record=FitRecord(fitted),
        parameters_total=parameters,
        parameters_trainable=parameters,
        seconds=epoch.seconds,
    )
