"""How a model is trained: settings, optimiser, learning-rate schedule, class weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from merkit.config import check_settings
from merkit.types import F64, I64

ClassWeights = Literal["none", "inverse", "effective"]


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Each method sets its own defaults.

    ``patience`` 0 turns early stopping off. ``selection``: keep the epoch with the best
    validation score, or the last. ``class_weights``: weight of each class in the loss, fitted
    on the training clips of the fold: inversely to its number n of clips, or to their
    ``effective`` number (1 - beta^n) / (1 - beta) with beta = ``class_weight_beta`` (Cui et al.
    2019, eq. 2). ``oversample``: how often each clip of the rarer classes is repeated at most.
    ``views``: number of augmented views drawn once per clip where frozen tokens are cached
    (view 0 is the clip itself); 0 draws afresh at every step. ``steps``: of the optimiser, which
    say how long to train in place of ``epochs`` (0: the epochs do). ``init_rate``: share of the
    learning rate for the recogniser that another method starts from (0: it stays as it is).
    """

    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    batch_size: int = 16
    epochs: int = 50
    steps: int = 0
    patience: int = 10
    warmup_epochs: int = 0
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    gamma: float = 1.0
    gradient_clip: float = 0.0
    selection: Literal["best_val", "last"] = "best_val"
    monitor: Literal["uf1", "loss"] = "uf1"
    class_weights: ClassWeights = "none"
    class_weight_beta: float = 0.999
    oversample: int = 1
    augment: bool = True
    views: int = 4
    swa_start: float = 0.0  # share of the epochs after which weights are averaged; 0: never
    swa_learning_rate: float = 1e-4
    mirror_at_test: bool = False
    init_rate: float = 0.1

    def __post_init__(self) -> None:
        wanted = {
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "swa_learning_rate": (self.swa_learning_rate > 0, "above 0"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "batch_size": (self.batch_size >= 2, "2 or more: one clip has no batch statistics"),
            "epochs": (self.epochs >= 1, "1 or more"),
            "steps": (self.steps >= 0, "0 (epochs decide) or more"),
            "patience": (self.patience >= 0, "0 (never stop early) or more"),
            "warmup_epochs": (self.warmup_epochs >= 0, "0 or more"),
            "gamma": (0 < self.gamma <= 1, "above 0 and at most 1"),
            "gradient_clip": (self.gradient_clip >= 0, "0 (off) or more"),
            "oversample": (self.oversample >= 1, "1 (off) or more"),
            "class_weight_beta": (0 <= self.class_weight_beta < 1, "0 (all equal) to below 1"),
            "views": (self.views >= 0, "0 (drawn afresh) or more"),
            "swa_start": (0 <= self.swa_start < 1, "0 (never) to below 1"),
            "init_rate": (0 <= self.init_rate <= 1, "0 (kept as it is) to 1"),
        }
        check_settings(self, "training", wanted)


def make_optimiser(
    model: nn.Module, settings: TrainConfig, rates: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Adam or AdamW over the trainable parameters.

    Args:
        rates: share of the learning rate for parameters whose name begins so; 1 for the others.
    """
    by_rate: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            own = [rate for start, rate in (rates or {}).items() if name.startswith(start)]
            by_rate.setdefault(own[0] if own else 1.0, []).append(parameter)
    groups = [
        {"params": parameters, "lr": rate * settings.learning_rate, "rate": rate}
        for rate, parameters in by_rate.items()
    ]
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def make_schedule(optimiser: torch.optim.Optimizer, settings: TrainConfig) -> LambdaLR:
    """Linear warm-up over the first epochs, then constant, cosine or exponential."""

    def factor(epoch: int) -> float:
        if epoch < settings.warmup_epochs:
            return (epoch + 1) / settings.warmup_epochs
        done = epoch - settings.warmup_epochs
        if settings.schedule == "exponential":
            return settings.gamma**done
        if settings.schedule == "cosine":
            length = max(settings.epochs - settings.warmup_epochs, 1)
            return 0.5 * (1 + math.cos(math.pi * done / length))
        return 1.0

    return LambdaLR(optimiser, factor)


def class_weights(labels: Sequence[int], n_classes: int, settings: TrainConfig) -> Tensor | None:
    """Weight of each class in the loss, f32 (C,), mean 1 over the classes that occur and 0 for one
    that does not; None for equal weights.

    Args:
        labels: class index of each training clip of the fold.
    """
    if settings.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    weights = np.where(counts > 0, 1 / _effective_number(counts, settings), 0.0)
    weights = weights * (counts > 0).sum() / weights.sum()
    return torch.tensor(weights, dtype=torch.float32)


def unit_weights(shown: I64, settings: TrainConfig) -> Tensor | None:
    """Weight of a clip that shows a unit against one that does not, f32 (U,): the number of those
    that do not over the number of those that do, counted as ``class_weights`` says; 1 for a unit
    that nobody shows, or everybody. None for equal weights.

    Args:
        shown: 0/1 (N,U) of the training clips of the fold.
    """
    if settings.class_weights == "none":
        return None
    with_it = shown.sum(axis=0)
    without = len(shown) - with_it
    ratio = _effective_number(without, settings) / _effective_number(with_it, settings)
    weights = np.where((with_it > 0) & (without > 0), ratio, 1.0)
    return torch.tensor(weights, dtype=torch.float32)


def _effective_number(counts: I64, settings: TrainConfig) -> F64:
    """How many clips these numbers of clips count for; 1 for none."""
    some = np.maximum(counts, 1).astype(np.float64)
    if settings.class_weights == "inverse":
        return some
    beta = settings.class_weight_beta
    return np.asarray((1 - beta**some) / (1 - beta))
