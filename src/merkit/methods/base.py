"""What a method is: a model class, its configuration, its recipe and its training defaults.

Tensor names that flow through every model (B batch, T frames, R regions, C classes):

========== ================== ===================================================
``rgb``      u8  (B,T,3,S,S)    aligned face frames
``tokens``   f16 (B,T,...)      output of a frozen encoder part, in place of ``rgb``:
                                tokens (B,T,N,D), vectors (B,T,D) or motion (B,T,2,G,G)
``flow``     f32 (B,T,R,2)      dominant motion of each region, x then y
``flow_map`` f32 (B,3,28,28)    onset-apex flow image, 0-255, channels B,G,R
``mask``     bool (B,T)         True where a frame is real, False where it is padding
``au``       f32 (B,M)          action units present, 0/1 (an oracle input at test time)
``au_known`` bool (B,)          whether the clip has AU codes at all
========== ================== ===================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.samples.recipe import Recipe
from merkit.types import Clip

Inputs: TypeAlias = Mapping[str, Tensor]
#: arrays of one clip by name, without a batch axis
Annotation: TypeAlias = Mapping[str, "np.ndarray | np.generic"]
#: the mark of a method that reads human action-unit codes of test clips
ORACLE_AU = "oracle-au"
#: (inputs, soft targets (B,C), generator) -> the same two, augmented. Training only.
Augment: TypeAlias = Callable[[Inputs, Tensor, torch.Generator], tuple[Inputs, Tensor]]


@dataclass(frozen=True, slots=True)
class Output:
    """What a forward pass returns: ``logits`` (B,C), ``features`` (B,d) before the classifier,
    and ``aux``: whatever the losses or the figures need, by name."""

    logits: Tensor
    features: Tensor
    aux: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Each method sets its own defaults.

    ``patience`` 0 turns early stopping off. ``selection``: keep the epoch with the best
    validation score, or the last. ``class_weights``: weight of each class in the loss, fitted
    on the training clips of the fold. ``oversample``: how often each clip of the rarer classes
    is repeated at most. ``views``: number of augmented views drawn once per clip where frozen
    tokens are cached (view 0 is the clip itself); 0 draws afresh at every step.
    """

    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    batch_size: int = 16
    epochs: int = 50
    patience: int = 10
    warmup_epochs: int = 0
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    gamma: float = 1.0
    gradient_clip: float = 0.0
    selection: Literal["best_val", "last"] = "best_val"
    monitor: Literal["uf1", "loss"] = "uf1"
    class_weights: Literal["none", "inverse"] = "none"
    oversample: int = 1
    augment: bool = True
    views: int = 4
    swa_start: float = 0.0  # share of the epochs after which weights are averaged; 0: never
    swa_learning_rate: float = 1e-4
    mirror_at_test: bool = False

    def __post_init__(self) -> None:
        wanted = {
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "swa_learning_rate": (self.swa_learning_rate > 0, "above 0"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "batch_size": (self.batch_size >= 2, "2 or more: one clip has no batch statistics"),
            "epochs": (self.epochs >= 1, "1 or more"),
            "patience": (self.patience >= 0, "0 (never stop early) or more"),
            "warmup_epochs": (self.warmup_epochs >= 0, "0 or more"),
            "gamma": (0 < self.gamma <= 1, "above 0 and at most 1"),
            "gradient_clip": (self.gradient_clip >= 0, "0 (off) or more"),
            "oversample": (self.oversample >= 1, "1 (off) or more"),
            "views": (self.views >= 0, "0 (drawn afresh) or more"),
            "swa_start": (0 <= self.swa_start < 1, "0 (never) to below 1"),
        }
        for name, (holds, text) in wanted.items():
            if not holds:
                raise ConfigError(f"training.{name} is {getattr(self, name)}", text)


class MerModel(nn.Module, ABC):
    """Base of every neural method.

    Args:
        config: the method's own frozen dataclass.
        n_classes: C.
    """

    #: names of the sample arrays this model reads
    reads: ClassVar[tuple[str, ...]] = ("rgb",)

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__()
        self.config = config
        self.n_classes = n_classes

    @abstractmethod
    def forward(self, inputs: Inputs) -> Output:
        """Inputs as in the table above; returns logits (B,C) with features and aux."""

    @abstractmethod
    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        """Scalar training loss for soft targets (B,C); ``class_weights`` is (C,) or None."""

    def unlabelled_loss(self, output: Output) -> Tensor:
        """The part of the loss that needs no labels, for target clips of a transductive
        protocol; zero where a method has none."""
        return output.logits.sum() * 0

    def frozen_key(self) -> str | None:
        """Identity of the frozen part whose output may be computed once, or None."""
        return None

    def frozen(self, inputs: Inputs) -> Inputs:
        """Replace raw inputs by the frozen part's output, which ``forward`` also accepts."""
        return inputs


@dataclass(frozen=True)
class NeuralMethod:
    """A registered neural method. ``augment`` makes the training augmentation of a
    configuration; ``mirror`` returns the left-right mirrored inputs; ``marks`` says what a
    report must tell beside the score, such as ``oracle-au``; ``annotate`` gives the arrays a
    model reads of a clip's annotation, which test clips get only under that mark."""

    name: str
    title: str
    citation: str
    config: type[Any]
    model: type[MerModel]
    recipe: Callable[[Any], Recipe]
    training: Callable[[Any], TrainConfig]
    augment: Callable[[Any], Augment] | None = None
    mirror: Callable[[Inputs], Inputs] | None = None
    marks: Callable[[Any], tuple[str, ...]] = lambda config: ()
    annotate: Callable[[Any, Clip], Annotation] | None = None
