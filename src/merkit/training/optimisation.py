"""Optimisers and learning-rate schedules from the training settings."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from merkit.methods.base import TrainConfig


def make_optimiser(model: nn.Module, settings: TrainConfig) -> torch.optim.Optimizer:
    """Adam or AdamW over the trainable parameters."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)


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
