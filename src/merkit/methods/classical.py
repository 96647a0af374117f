"""Classical methods: a fixed descriptor of a clip and a linear classifier solved in one step.

A classical method is a ``MerModel`` like any other, so that samples, folds, model folders and
prediction know only one kind of model. What differs is how its numbers are found: scikit-learn
solves them from the training clips (:mod:`merkit.training.classical`) in place of the epochs of
a training loop. They are then plain tensors, saved as safetensors and never pickled.

Shapes: B clips, N training clips, d descriptor, C classes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.methods.base import Inputs, MerModel, Output, TrainConfig
from merkit.methods.losses import soft_cross_entropy
from merkit.types import F32, F64, I64

#: Decision value of a class that no training clip has: it is never predicted.
ABSENT = -1e4
#: Softmax temperatures tried in calibration, least and greatest.
TEMPERATURES = (0.25, 20.0)


@dataclass(frozen=True)
class SvmConfig:
    """Linear support vector machine, one class against the rest.

    ``c``: penalty of margin errors. ``scaling``: ``standard`` brings each number of the
    descriptor to mean 0 and variance 1 of the training clips, ``none`` leaves it.
    ``calibrate``: divide decision values by the temperature that suits the validation clips
    best before the softmax (Guo et al. 2017, section 4.2); it changes probabilities, never
    the class predicted.

    Raises:
        ConfigError: a penalty that is not above 0.
    """

    c: float = 1.0
    scaling: Literal["standard", "none"] = "standard"
    calibrate: bool = True
    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        if self.c <= 0 or self.max_iterations < 1:
            raise ConfigError(
                f"svm.c is {self.c}, svm.max_iterations {self.max_iterations}",
                "above 0, and 1 or more",
            )


class ClassicalModel(MerModel):
    """Base of the classical methods: logits = (coef (x - mean) / scale + intercept) / temperature.

    Args:
        config: the method's own frozen dataclass.
        n_classes: C.
        width: d, 0 for a method that reads nothing of a clip.
    """

    mean: Tensor
    scale: Tensor
    temperature: Tensor

    def __init__(self, config: Any, n_classes: int, width: int) -> None:
        super().__init__(config, n_classes)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("temperature", torch.ones(()))
        self.coef = nn.Parameter(torch.zeros(n_classes, width))
        self.intercept = nn.Parameter(torch.zeros(n_classes))

    @abstractmethod
    def describe(self, inputs: Inputs) -> Tensor:
        """Descriptor f32 (B,d) of each clip; nothing in it is fitted."""

    @abstractmethod
    def solve(self, features: F32, labels: I64, *, balanced: bool, seed: int) -> None:
        """Set the numbers of the classifier from training clips.

        Args:
            features: (N,d), from ``describe``.
            labels: class indices (N,).
            balanced: weight clips inversely to the frequency of their class.
            seed: of the solver.
        """

    def calibrate(self, logits: F32, labels: I64) -> None:
        """Set the temperature from validation clips, (N,C) and (N,); off unless overridden."""

    def forward(self, inputs: Inputs) -> Output:
        """Logits (B,C), and the descriptor (B,d) as features."""
        features = self.describe(inputs).to(self.coef.device)
        scaled = (features.to(self.coef.dtype) - self.mean) / self.scale
        logits = scaled @ self.coef.T + self.intercept
        return Output(logits / self.temperature, features)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None) -> Tensor:
        """Cross-entropy, as a figure to look at; no training follows it."""
        return soft_cross_entropy(output.logits, targets, class_weights)


class LinearSvmModel(ClassicalModel):
    """A descriptor with a linear support vector machine; ``config.svm`` is its settings."""

    def estimator(self, *, balanced: bool, seed: int) -> Any:
        """The scikit-learn pipeline that is fitted on the training clips."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import LinearSVC

        svm: SvmConfig = self.config.svm
        standard = svm.scaling == "standard"
        return make_pipeline(
            StandardScaler(with_mean=standard, with_std=standard),
            LinearSVC(
                C=svm.c,
                class_weight="balanced" if balanced else None,
                max_iter=svm.max_iterations,
                random_state=seed,
            ),
        )

    @torch.no_grad()
    def solve(self, features: F32, labels: I64, *, balanced: bool, seed: int) -> None:
        """Fit the pipeline and take its numbers over; see ``ClassicalModel.solve``."""
        self.intercept.fill_(ABSENT)
        self.coef.zero_()
        present = np.unique(labels)
        if len(present) == 1:  # nothing to separate
            self.intercept[present] = 0.0
            return
        fitted = self.estimator(balanced=balanced, seed=seed).fit(features, labels)
        scaler, svm = fitted[0], fitted[-1]
        if scaler.mean_ is not None:
            self.mean.copy_(torch.from_numpy(scaler.mean_))
            self.scale.copy_(torch.from_numpy(scaler.scale_))
        coef, intercept = _one_row_a_class(svm.coef_, svm.intercept_)
        rows = torch.from_numpy(svm.classes_)
        self.coef[rows] = torch.from_numpy(coef).to(self.coef)
        self.intercept[rows] = torch.from_numpy(intercept).to(self.intercept)

    @torch.no_grad()
    def calibrate(self, logits: F32, labels: I64) -> None:
        """Temperature with the highest likelihood of the validation labels."""
        if self.config.svm.calibrate and len(labels):
            self.temperature.fill_(best_temperature(logits, labels))


def _one_row_a_class(coef: F64, intercept: F64) -> tuple[F64, F64]:
    """(K,d) and (K,); scikit-learn gives one row for two classes, that of the second."""
    if len(coef) > 1:
        return coef, intercept
    return np.concatenate([-coef, coef]), np.concatenate([-intercept, intercept])


def best_temperature(logits: F32, labels: I64) -> float:
    """Temperature whose softmax gives the labels the highest likelihood.

    Args:
        logits: (N,C) decision values.
        labels: (N,).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        # a class absent from training has no likelihood at any temperature
        return float(-np.maximum(likelihood[np.arange(len(labels)), labels], -20.0).mean())

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def classical_training(config: Any) -> TrainConfig:
    """One fit, nothing chosen afterwards; classes weigh the same whatever their size."""
    return TrainConfig(
        epochs=1, patience=0, selection="last", class_weights="inverse", augment=False, views=1
    )
