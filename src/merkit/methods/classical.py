"""Classical methods: a fixed descriptor of a clip and a linear classifier solved in one step.

scikit-learn solves the numbers of the classifier from the training clips, in place of the epochs of
a training loop. They are then plain tensors, saved as safetensors and never pickled, so that folds,
model folders and prediction treat every method alike.

Shapes: B clips, N training clips, d descriptor, C classes.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from merkit.config import check_settings
from merkit.methods.base import Method
from merkit.samples.batch import Inputs
from merkit.training.config import TrainConfig, class_weights
from merkit.training.loop import (
    FitContext,
    Fitted,
    Observer,
    log_loss_and_score,
    require_training_clips,
    summary,
)
from merkit.training.network import Model, Output
from merkit.training.reader import ClipReader, Use
from merkit.types import F32, I64, EpochRecord

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
        wanted = {
            "c": (self.c > 0, "above 0"),
            "max_iterations": (self.max_iterations >= 1, "1 or more"),
        }
        check_settings(self, "svm", wanted)


class ClassicalModel(Model):
    """Base of the models that are solved in one step."""

    differentiable = False

    @abstractmethod
    def solve(self, clips: ClipReader, context: FitContext) -> None:
        """Set the numbers of the model from the clips of a fold."""


@dataclass(frozen=True, kw_only=True)
class ClassicalMethod(Method):
    """Base of the methods that are solved in one step; no epochs, no augmentation."""

    def default_training(self) -> TrainConfig:
        """One fit, nothing chosen afterwards; classes weigh the same whatever their size. Of
        these, ``class_weights``, ``batch_size`` and ``mirror_at_test`` are read."""
        return TrainConfig(
            epochs=1, patience=0, selection="last", class_weights="inverse", augment=False, views=1
        )

    def fit(
        self, clips: ClipReader, context: FitContext, observer: Observer | None = None
    ) -> Fitted:
        """Solve, then score training and validation clips for the record.

        Raises:
            ConfigError: no training clips.
        """
        require_training_clips(clips)
        started = time.perf_counter()
        model = cast(ClassicalModel, self.build(clips.n_classes)).to(clips.device).eval()
        model.solve(clips, context)
        train_loss, _ = log_loss_and_score(self, model, clips, clips.fold.train, "fit")
        val_loss, val_uf1 = None, None
        if clips.fold.val:
            val_loss, val_uf1 = log_loss_and_score(self, model, clips, clips.fold.val)
        seconds = time.perf_counter() - started
        if observer is not None:
            observer(1, model)
        epoch = EpochRecord(1, train_loss, val_loss, val_uf1, seconds)
        return Fitted(model, summary(model, clips, 1, [epoch], seconds))


@dataclass(frozen=True, kw_only=True)
class SvmMethod(ClassicalMethod):
    """A descriptor with a linear support vector machine. ``svm``: the classifier."""

    svm: SvmConfig = field(default_factory=SvmConfig)


class LinearSvmModel(ClassicalModel):
    """logits = (coef (x - mean) / scale + intercept) / temperature.

    Args:
        config: the method.
        n_classes: C.
        width: d.
    """

    config: SvmMethod
    mean: Tensor
    scale: Tensor
    temperature: Tensor

    def __init__(self, config: SvmMethod, n_classes: int, width: int) -> None:
        super().__init__(config, n_classes)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("temperature", torch.ones(()))
        self.coef = nn.Parameter(torch.zeros(n_classes, width))
        self.intercept = nn.Parameter(torch.zeros(n_classes))

    @abstractmethod
    def describe(self, inputs: Inputs) -> Tensor:
        """Descriptor f32 (B,d) of each clip; nothing in it is fitted."""

    def forward(self, inputs: Inputs) -> Output:
        """Logits (B,C), and the descriptor (B,d) as features."""
        features = self.describe(inputs).to(self.coef.device)
        scaled = (features.to(self.coef.dtype) - self.mean) / self.scale
        logits = scaled @ self.coef.T + self.intercept
        return Output(logits / self.temperature, features)

    def solve(self, clips: ClipReader, context: FitContext) -> None:
        """Scaler and classifier see training clips alone. Validation clips set the softmax
        temperature, which moves probabilities but no prediction."""
        train, val = clips.fold.train, clips.fold.val
        features = self._outputs(clips, train, "fit")[0]
        self.solve_svm(features, clips.labels(train, "fit"), seed=context.seed)
        if val and self.config.svm.calibrate:
            logits = self._outputs(clips, val, "select")[1]
            self.temperature.fill_(best_temperature(logits, clips.labels(val, "select")))

    def estimator(self, *, seed: int) -> Any:
        """The scikit-learn pipeline that is fitted on the training clips."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import LinearSVC

        svm = self.config.svm
        standard = svm.scaling == "standard"
        balanced = self.config.training.class_weights == "inverse"
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
    def solve_svm(self, features: F32, labels: I64, *, seed: int) -> None:
        """Fit the pipeline on descriptors (N,d) with class indices (N,) and take its numbers
        over."""
        self.intercept.fill_(ABSENT)
        self.coef.zero_()
        present = np.unique(labels)
        if len(present) == 1:  # nothing to separate
            self.intercept[present] = 0.0
            return
        estimator = self.estimator(seed=seed)
        if self.config.training.class_weights == "effective":  # scikit-learn has no name for it
            estimator[-1].set_params(class_weight=self._by_effective_number(labels))
        fitted = estimator.fit(features, labels)
        scaler, svm = fitted[0], fitted[-1]
        if scaler.mean_ is not None:
            self.mean.copy_(torch.from_numpy(scaler.mean_))
            self.scale.copy_(torch.from_numpy(scaler.scale_))
        coef, intercept = svm.coef_, svm.intercept_
        if len(coef) == 1:  # scikit-learn gives one row for two classes, that of the second
            coef, intercept = np.stack([-coef[0], coef[0]]), np.append(-intercept, intercept)
        rows = torch.from_numpy(svm.classes_)
        self.coef[rows] = torch.from_numpy(coef).to(self.coef)
        self.intercept[rows] = torch.from_numpy(intercept).to(self.intercept)

    def _by_effective_number(self, labels: I64) -> dict[int, float]:
        """Weight of each class, 1 in the mean over clips, as that of ``balanced`` is."""
        weights = class_weights(labels.tolist(), self.n_classes, self.config.training)
        assert weights is not None  # None is for equal weights
        share = weights / weights[torch.from_numpy(labels)].mean()
        return dict(enumerate(share.tolist()))

    @torch.no_grad()
    def _outputs(self, clips: ClipReader, ids: Sequence[str], use: Use) -> tuple[F32, F32]:
        """Descriptors (N,d) and logits (N,C) of clips, in order."""
        size = self.config.training.batch_size
        outputs = [self(clips.inputs(ids[i : i + size], use)) for i in range(0, len(ids), size)]
        features = torch.cat([output.features for output in outputs])
        logits = torch.cat([output.logits for output in outputs])
        return features.cpu().numpy(), logits.cpu().numpy()


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
