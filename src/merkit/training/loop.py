"""The training loop of one fold, top to bottom.

It sees labelled training and validation clips and nothing of the test subject. The epoch is
chosen on validation alone (docs/architecture.md).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim.swa_utils import AveragedModel

from merkit.errors import ConfigError
from merkit.methods.base import Augment, Inputs, MerModel, NeuralMethod, TrainConfig
from merkit.protocols.audit import FitRecord
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.training.data import Batches, FoldData, Labelled
from merkit.training.history import EpochRecord, FitSummary
from merkit.training.optimisation import make_optimiser, make_schedule

#: called after each epoch with (epoch, predict); predict maps clip ids to probabilities (N,C)
Observer = Callable[[int, Callable[[Sequence[str]], np.ndarray]], None]


@dataclass(frozen=True)
class FitContext:
    """Everything about one training that is neither data nor method."""

    n_classes: int
    seed: int
    device: torch.device
    observer: Observer | None = None
    bf16: bool = False


def fit(
    method: NeuralMethod,
    model_config: object,
    settings: TrainConfig,
    fold: FoldData,
    batches: Batches,
    context: FitContext,
) -> tuple[MerModel, FitSummary]:
    """Train one model on one fold and return it at the epoch chosen on validation."""
    torch.manual_seed(context.seed)
    model = method.model(model_config, context.n_classes).to(context.device)
    trainer = _Trainer(method, model, settings, fold, batches, context)
    return trainer.run()


class _Trainer:
    def __init__(
        self,
        method: NeuralMethod,
        model: MerModel,
        settings: TrainConfig,
        fold: FoldData,
        batches: Batches,
        context: FitContext,
    ) -> None:
        if not fold.train.ids:
            raise ConfigError(f"fold '{fold.name}' has no training clips", "at least one")
        self.method, self.model, self.settings = method, model, settings
        self.fold, self.batches, self.context = fold, batches, context
        self.generator = torch.Generator().manual_seed(context.seed)
        self.optimiser = make_optimiser(model, settings)
        self.schedule = make_schedule(self.optimiser, settings)
        self.augment = method.augment(model.config) if method.augment else None
        self.weights = self._class_weights()
        self.average: AveragedModel | None = None
        self.best_state: dict[str, Tensor] | None = None
        self.best_score, self.best_epoch = -np.inf, 0
        self.history: list[EpochRecord] = []

    def run(self) -> tuple[MerModel, FitSummary]:
        started = time.perf_counter()
        for epoch in range(1, self.settings.epochs + 1):
            self._epoch(epoch)
            if self._should_stop(epoch):
                break
        self._restore()
        return self.model, self._summary(time.perf_counter() - started)

    def _epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        train_loss = self._train_epoch()
        self._step_schedule(epoch)
        val_loss, val_uf1 = self._validate()
        self.history.append(
            EpochRecord(epoch, train_loss, val_loss, val_uf1, time.perf_counter() - started)
        )
        self._remember(epoch, val_loss, val_uf1)
        if self.context.observer is not None:
            self.context.observer(epoch, self._predict_current)

    def _train_epoch(self) -> float:
        self.model.train()
        total, count = 0.0, 0
        for ids, labels in self._shuffled_batches():
            loss = self._step(ids, labels)
            total, count = total + loss * len(ids), count + len(ids)
        return total / max(count, 1)

    def _step(self, ids: list[str], labels: Tensor) -> float:
        targets = one_hot(labels, self.context.n_classes).float().to(self.context.device)
        inputs, targets = self._augmented(ids, targets)
        with torch.autocast(self.context.device.type, torch.bfloat16, self.context.bf16):
            output = self.model(inputs)
            loss = self.model.loss(output, targets, self.weights)
            loss = loss + self._unlabelled_loss(len(ids))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.gradient_clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        return float(loss.detach())

    def _augmented(self, ids: list[str], targets: Tensor) -> tuple[Inputs, Tensor]:
        settings, augment = self.settings, self.augment
        if self.batches.tokens is not None and settings.augment:
            n_views = len(self.batches.tokens[ids[0]])
            views = torch.randint(n_views, (len(ids),), generator=self.generator).tolist()
            return self.batches.get(ids, views), targets
        inputs = self.batches.get(ids)
        if augment is None or not settings.augment or self.batches.tokens is not None:
            return inputs, targets
        return _checked(augment, inputs, targets, self.generator)

    def _unlabelled_loss(self, size: int) -> Tensor:
        """Consistency on unlabelled target clips, for a transductive protocol only."""
        if not self.fold.unlabelled:
            return torch.zeros((), device=self.context.device)
        picks = torch.randint(len(self.fold.unlabelled), (size,), generator=self.generator)
        ids = [self.fold.unlabelled[int(i)] for i in picks]
        output = self.model(self.batches.get(ids))
        return self.model.unlabelled_loss(output)

    def _shuffled_batches(self) -> Iterator[tuple[list[str], Tensor]]:
        positions = oversampled(self.fold.train.labels, self.settings.oversample)
        order = positions[torch.randperm(len(positions), generator=self.generator).numpy()]
        size = self.settings.batch_size
        labels = torch.tensor(self.fold.train.labels)
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            if len(chosen) == 1 and len(order) > 1:
                continue  # batch normalisation and KoLeo are undefined on a single clip
            yield [self.fold.train.ids[i] for i in chosen], labels[torch.from_numpy(chosen)]

    def _class_weights(self) -> Tensor | None:
        if self.settings.class_weights == "none":
            return None
        counts = np.bincount(self.fold.train.labels, minlength=self.context.n_classes)
        inverse = np.where(counts > 0, 1.0 / np.maximum(counts, 1), 0.0)
        weights = inverse * (counts > 0).sum() / inverse.sum()
        return torch.tensor(weights, dtype=torch.float32, device=self.context.device)

    def _step_schedule(self, epoch: int) -> None:
        start = self.settings.swa_start * self.settings.epochs
        if not self.settings.swa_start or epoch <= start:
            self.schedule.step()
            return
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.swa_learning_rate
        if self.average is None:
            self.average = AveragedModel(self.model)
        self.average.update_parameters(self.model)

    def _current(self) -> MerModel:
        return self.model if self.average is None else cast(MerModel, self.average.module)

    def _predict_current(self, ids: Sequence[str]) -> np.ndarray:
        return predict(self.method, self._current(), self.batches, ids, self.settings)

    def _validate(self) -> tuple[float | None, float | None]:
        val: Labelled = self.fold.val
        if not val.ids:
            return None, None
        return log_loss_and_uf1(self._predict_current(val.ids), val)

    def _remember(self, epoch: int, val_loss: float | None, val_uf1: float | None) -> None:
        """Keep the state of the best validation epoch; ties in UF1 go to the lower loss."""
        if val_loss is None or val_uf1 is None or self.settings.selection == "last":
            return
        score = -val_loss if self.settings.monitor == "loss" else val_uf1 - 1e-6 * val_loss
        if score > self.best_score:
            self.best_score, self.best_epoch = score, epoch
            self.best_state = copy.deepcopy(trainable_state(self._current()))

    def _should_stop(self, epoch: int) -> bool:
        patience = self.settings.patience
        return bool(patience and self.best_state and epoch - self.best_epoch >= patience)

    def _restore(self) -> None:
        self.model = self._current()
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state, strict=False)
        self.model.eval()

    def _summary(self, seconds: float) -> FitSummary:
        parameters = list(self.model.parameters())
        train, val = self.fold.train.ids, self.fold.val.ids
        fitted = {"weights": (*train, *self.fold.unlabelled)}
        if self.best_state is not None:
            fitted["selection"] = val
        if self.weights is not None:
            fitted["class_weights"] = train
        return FitSummary(
            chosen_epoch=self.best_epoch or len(self.history),
            history=tuple(self.history),
            record=FitRecord(fitted),
            parameters_total=sum(p.numel() for p in parameters),
            parameters_trainable=sum(p.numel() for p in parameters if p.requires_grad),
            seconds=seconds,
        )


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """State without the frozen parameters, which never change."""
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    return {name: t for name, t in model.state_dict().items() if name not in frozen}


def log_loss_and_uf1(probabilities: np.ndarray, clips: Labelled) -> tuple[float, float]:
    """Mean log loss and UF1 of probabilities (N,C)."""
    labels = np.asarray(clips.labels)
    likelihood = probabilities[np.arange(len(labels)), labels]
    matrix = confusion_matrix(labels, probabilities.argmax(1), probabilities.shape[1])
    return float(-np.log(np.clip(likelihood, 1e-8, None)).mean()), float(uf1(matrix))


def oversampled(labels: Sequence[int], most: int) -> np.ndarray:
    """Positions of the clips, those of rarer classes repeated up to ``most`` times."""
    counts = np.bincount(labels)
    repeats = np.minimum(most, np.round(counts.max() / np.maximum(counts, 1))).astype(int)
    return np.repeat(np.arange(len(labels)), repeats[np.asarray(labels)])


def _checked(
    augment: Augment, inputs: Inputs, targets: Tensor, generator: torch.Generator
) -> tuple[Inputs, Tensor]:
    inputs, mixed = augment(inputs, targets, generator)
    return inputs, mixed.to(targets)


@torch.no_grad()
def batch_probabilities(
    method: NeuralMethod, model: MerModel, inputs: Inputs, settings: TrainConfig
) -> np.ndarray:
    """Class probabilities (B,C); the mean with the mirrored clip's where the settings say so."""
    probabilities = model(inputs).logits.float().softmax(-1)
    if settings.mirror_at_test and method.mirror is not None:
        mirrored = model(method.mirror(inputs)).logits.float().softmax(-1)
        probabilities = (probabilities + mirrored) / 2
    return np.asarray(probabilities.cpu().numpy())


@torch.no_grad()
def predict(
    method: NeuralMethod,
    model: MerModel,
    batches: Batches,
    ids: Sequence[str],
    settings: TrainConfig,
) -> np.ndarray:
    """Class probabilities (N,C) of clips, in order; mirrored as well where the method says so."""
    was_training = model.training
    model.eval()
    rows = []
    for start in range(0, len(ids), settings.batch_size):
        inputs = batches.get(ids[start : start + settings.batch_size])
        rows.append(batch_probabilities(method, model, inputs, settings))
    model.train(was_training)
    return np.concatenate(rows) if rows else np.zeros((0, model.n_classes), np.float32)
