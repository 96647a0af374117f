"""What a training aims at: the one class of a clip, or the action units that it shows.

Whatever differs between the two stands here, so that a method and the loop serve both alike.

Shapes: N or B clips, C outputs of the network: classes, or units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from merkit.samples.batch import Inputs
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.scoring.unit_counts import mean_f1, unit_cells
from merkit.training.config import TrainConfig, class_weights, unit_weights
from merkit.training.network import Model, Network, Output
from merkit.types import F32, I64

#: the class index of a clip, or 0/1 for each unit
Label: TypeAlias = "int | tuple[int, ...]"


class Answers(Protocol):
    """What is asked of a method that predicts."""

    def probabilities(self, model: Model, inputs: Inputs) -> np.ndarray: ...

    def unit_probabilities(
        self, model: Model, inputs: Inputs, units: Sequence[int]
    ) -> np.ndarray: ...


class Targets(Protocol):
    """Labels and outputs of one task; ``labels`` are those of a ``ClipReader``."""

    def hot(self, labels: I64) -> I64:
        """0/1 (N,C): what each clip shows."""

    def weights(self, labels: I64, settings: TrainConfig) -> Tensor | None:
        """Weights (C,) of the loss, from the training clips; None for none."""

    def loss(
        self, model: Network, output: Output, targets: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Scalar training loss for targets (B,C)."""

    def probabilities(self, method: Answers, model: Model, inputs: Inputs) -> np.ndarray:
        """What the fitted model says of a batch, (B,C)."""

    def score(self, probabilities: np.ndarray, labels: I64) -> tuple[float, float]:
        """Mean log loss, and the score that epochs are chosen by."""

    def calls(self, probabilities: np.ndarray) -> dict[str, I64]:
        """What is predicted: name of a column -> a value a clip (N,)."""


@dataclass(frozen=True)
class Classes:
    """One of ``n`` classes; the loss is the network's own."""

    n: int

    def hot(self, labels: I64) -> I64:
        return np.eye(self.n, dtype=np.int64)[labels]

    def weights(self, labels: I64, settings: TrainConfig) -> Tensor | None:
        return class_weights(labels.tolist(), self.n, settings)

    def loss(
        self, model: Network, output: Output, targets: Tensor, weights: Tensor | None
    ) -> Tensor:
        return model.loss(output, targets, weights)

    def probabilities(self, method: Answers, model: Model, inputs: Inputs) -> np.ndarray:
        return method.probabilities(model, inputs)

    def score(self, probabilities: np.ndarray, labels: I64) -> tuple[float, float]:
        """Cross-entropy and UF1."""
        likelihood = probabilities[np.arange(len(labels)), labels]
        matrix = confusion_matrix(labels, probabilities.argmax(1), self.n)
        return float(-np.log(np.clip(likelihood, 1e-8, None)).mean()), float(uf1(matrix))

    def calls(self, probabilities: np.ndarray) -> dict[str, I64]:
        return {"y_pred": probabilities.argmax(1)}


@dataclass(frozen=True)
class Units:
    """Any of the action units ``numbers``, each by itself: called where its probability is
    ``threshold`` or more, one for all or one a unit."""

    numbers: tuple[int, ...]
    threshold: float | tuple[float, ...] = 0.5

    @property
    def names(self) -> tuple[str, ...]:
        """Such as ``AU12``."""
        return tuple(f"AU{number}" for number in self.numbers)

    def hot(self, labels: I64) -> I64:
        return labels

    def weights(self, labels: I64, settings: TrainConfig) -> Tensor | None:
        return unit_weights(labels, settings)

    def loss(
        self, model: Network, output: Output, targets: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Binary cross-entropy, mean over clips and units, in place of the network's distance from
        classes; what its loss adds to that stays."""
        logits = output.logits.float()
        loss = binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        return sum(model.extra_losses(output), loss)

    def probabilities(self, method: Answers, model: Model, inputs: Inputs) -> np.ndarray:
        return method.unit_probabilities(model, inputs, self.numbers)

    def score(self, probabilities: np.ndarray, labels: I64) -> tuple[float, float]:
        """Binary cross-entropy, and mean F1 over the units that occur; 0 where none does."""
        likelihood = np.where(labels == 1, probabilities, 1 - probabilities)
        f1 = float(mean_f1(unit_cells(labels, self.called(probabilities)).sum(axis=0)))
        return float(-np.log(np.clip(likelihood, 1e-8, None)).mean()), float(np.nan_to_num(f1))

    def called(self, probabilities: F32) -> I64:
        """0/1 (N,C)."""
        return (probabilities >= np.asarray(self.threshold)).astype(np.int64)

    def calls(self, probabilities: np.ndarray) -> dict[str, I64]:
        columns = (f"y_pred_{name}" for name in self.names)
        return dict(zip(columns, self.called(probabilities).T, strict=True))
