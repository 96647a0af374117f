"""The training of one fold, top to bottom.

It sees labelled training and validation clips and nothing of the test subject. The epoch is
chosen on validation alone (docs/architecture.md). Each step of the optimiser is asked for, so that
who drives a training may take those of many trainings at once (:mod:`merkit.training.stack`).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from merkit.errors import ConfigError
from merkit.samples.batch import Inputs
from merkit.seeds import derived_seed
from merkit.training.config import TrainConfig, make_optimiser, make_schedule
from merkit.training.device import trains_in_half
from merkit.training.network import Model, Network
from merkit.training.reader import ClipReader, Served, Use
from merkit.training.targets import Answers
from merkit.types import I64, Averaging, EpochRecord


@dataclass(frozen=True)
class FitContext:
    """Everything about one training that is neither data nor method. ``threads``: of the CPU.
    ``token_memory_gb``: see ``training.tokens.with_tokens``."""

    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    bf16: bool = False
    tf32: bool = False
    token_memory_gb: float | None = None


@dataclass(frozen=True)
class FitSummary:
    """How one training went. ``served``: which clips its reader handed out and for what, which
    the audit compares with the fold."""

    chosen_epoch: int
    history: tuple[EpochRecord, ...]
    served: Served
    parameters_total: int = 0
    parameters_trainable: int = 0
    seconds: float = 0.0
    averaging: Averaging = ""

    def shared_by(self, n: int) -> FitSummary:
        """The same with the share of the time that one of ``n`` trainings took."""
        history = tuple(replace(epoch, seconds=epoch.seconds / n) for epoch in self.history)
        return replace(self, seconds=self.seconds / n, history=history)


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it came about."""

    model: Model
    summary: FitSummary


#: called after each epoch with its number and the model as it then is
Observer = Callable[[int, Model], None]


class Trainable(Answers, Protocol):
    """What a training asks of a method."""

    @property
    def training(self) -> TrainConfig: ...

    def build(self, n_classes: int) -> Model: ...

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]: ...

    def mirrored(self, inputs: Inputs) -> Inputs | None: ...

    def stacked(self, trainings: Sequence[Training]) -> Stack: ...


class Stack(Protocol):
    """The weights of F trainings and how they move. Between steps, each training's own model shows
    its weights as they are."""

    def step(self, rows: Sequence[int], batches: Sequence[Batch]) -> list[float]:
        """One step of the optimiser for the trainings ``rows``, each on its own batch, which
        may differ in size; their losses."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these trainings alone; the others' models get tensors of their own."""


def train(
    method: Trainable, clips: ClipReader, context: FitContext, observer: Observer | None = None
) -> Fitted:
    """Train a network on one fold and return it at the epoch chosen on validation.

    Raises:
        ConfigError: the fold has no training clips.
    """
    training = begin(method, clips, context, observer)
    steps = training.steps()
    loss: float | None = None
    while True:
        try:
            batch = steps.send(loss)
        except StopIteration as end:
            return cast(Fitted, end.value)
        loss = training.take(batch)


def begin(
    method: Trainable, clips: ClipReader, context: FitContext, observer: Observer | None = None
) -> Training:
    """A training with its first weights, before the first step.

    Raises:
        ConfigError: the fold has no training clips.
    """
    require_training_clips(clips)
    torch.manual_seed(context.seed)
    model = cast(Network, method.build(clips.n_classes)).to(clips.device)
    return Training(method, model, clips, context, observer)


def require_training_clips(clips: ClipReader) -> None:
    """Refuse a fold that has nothing to train on.

    Raises:
        ConfigError: it has none.
    """
    if not clips.fold.train:
        raise ConfigError(f"fold '{clips.fold.name}' has no training clips", "at least one")


@dataclass(frozen=True)
class Batch:
    """The clips of one step: ``ids`` (B) and their ``targets`` (B,C), before augmentation."""

    epoch: int
    ids: tuple[str, ...]
    targets: Tensor


class Training:
    """One training on its way. Settings are read here; ``steps`` is what happens."""

    def __init__(
        self,
        method: Trainable,
        model: Network,
        clips: ClipReader,
        context: FitContext,
        observer: Observer | None,
    ) -> None:
        self.method, self.model, self.clips = method, model, clips
        self.context, self.observer = context, observer
        self.bf16 = context.bf16 and trains_in_half(model, str(clips.device), torch.bfloat16)
        train_labels = clips.labels(clips.fold.train, "fit")
        self.shown = clips.targets.hot(train_labels)
        self.settings = in_epochs(method.training, self.shown)
        self.steps_left = self.settings.steps or math.inf
        # where the first weights left torch's own stream: dropout goes on from there
        self.stream = _stream(clips.device, context.seed)
        # not the stream that the first weights were drawn from
        self.generator = torch.Generator().manual_seed(derived_seed(context.seed, "order"))
        self.optimiser = make_optimiser(model, self.settings, model.rates())
        self.schedule = make_schedule(self.optimiser, self.settings)
        weights = clips.targets.weights(train_labels, self.settings)
        self.weights = None if weights is None else weights.to(clips.device)
        self.average: AveragedModel | None = None
        self.best_state: dict[str, Tensor] | None = None
        self.best_score, self.best_epoch = -np.inf, 0
        self.history: list[EpochRecord] = []

    @property
    def n_steps(self) -> int:
        """Steps that the training takes at most."""
        clips = len(oversampled(self.shown, self.settings.oversample))
        return self.settings.epochs * math.ceil(clips / self.settings.batch_size)

    def steps(self) -> Generator[Batch, float | None, Fitted]:
        """Yields each batch that a step is to be taken on, and is sent its loss."""
        started = time.perf_counter()
        for epoch in range(1, self.settings.epochs + 1):
            yield from self._epoch(epoch)
            if self._should_stop(epoch):
                break
        model: Network = self._current()
        if self.best_state is not None:
            model.load_state_dict(self.best_state, strict=False)
        chosen = self.best_epoch or len(self.history)
        seconds = time.perf_counter() - started
        told = summary(model, self.clips, chosen, self.history, seconds)
        return Fitted(model.eval(), replace(told, averaging=self._averaging(chosen)))

    def _epoch(self, epoch: int) -> Generator[Batch, float | None, None]:
        started = time.perf_counter()
        self.model.start_epoch(epoch)
        train_loss = yield from self._train_epoch(epoch)
        self._step_schedule(epoch)
        val_loss, val_uf1 = self._validate()
        self.history.append(
            EpochRecord(epoch, train_loss, val_loss, val_uf1, time.perf_counter() - started)
        )
        self._remember(epoch, val_loss, val_uf1)
        if self.observer is not None:
            self.observer(epoch, self._current())

    def _train_epoch(self, epoch: int) -> Generator[Batch, float | None, float]:
        self.model.train()
        total, count = 0.0, 0
        for ids, targets in self._shuffled_batches():
            loss = yield Batch(epoch, ids, targets)
            assert loss is not None
            total, count = total + loss * len(ids), count + len(ids)
        return total / max(count, 1)

    def take(self, batch: Batch) -> float:
        """One step of the optimiser by itself; its loss."""
        inputs, targets = self.drawn(batch)
        with torch.autocast(self.clips.device.type, torch.bfloat16, self.bf16):
            output = self.model(inputs)
            loss = self.clips.targets.loss(self.model, output, targets, self.weights)
            loss = loss + self._unlabelled_loss(len(batch.ids))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.gradient_clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        return float(loss.detach())

    def drawn(self, batch: Batch) -> tuple[Inputs, Tensor]:
        """What the network gets of a batch, and its targets: augmented, where that is wanted."""
        ids, targets = batch.ids, batch.targets.to(self.clips.device)
        n_views = self.clips.n_views
        if not self.settings.augment:
            return self.clips.inputs(ids, "fit"), targets
        if n_views:
            views = torch.randint(n_views, (len(ids),), generator=self.generator).tolist()
            return self.clips.inputs(ids, "fit", views), targets
        inputs = self.clips.inputs(ids, "fit")
        inputs, mixed = self.method.augmented(inputs, targets, self.generator)
        return inputs, mixed.to(targets)

    def _unlabelled_loss(self, size: int) -> Tensor:
        """Consistency on unlabelled target clips, for a transductive protocol only."""
        unlabelled = self.clips.fold.unlabelled
        if not unlabelled:
            return torch.zeros((), device=self.clips.device)
        picks = torch.randint(len(unlabelled), (size,), generator=self.generator)
        ids = [unlabelled[int(i)] for i in picks]
        return self.model.unlabelled_loss(self.model(self.clips.inputs(ids, "adapt")))

    def _shuffled_batches(self) -> Iterator[tuple[tuple[str, ...], Tensor]]:
        positions = oversampled(self.shown, self.settings.oversample)
        order = positions[torch.randperm(len(positions), generator=self.generator).numpy()]
        targets = torch.from_numpy(self.shown).float()
        size = self.settings.batch_size
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            if len(chosen) == 1 and len(order) > 1:
                continue  # batch normalisation and KoLeo are undefined on a single clip
            if not self.steps_left:
                return
            self.steps_left -= 1
            ids = tuple(self.clips.fold.train[i] for i in chosen)
            yield ids, targets[torch.from_numpy(chosen)]

    def _step_schedule(self, epoch: int) -> None:
        if not self._averages(epoch):
            self.schedule.step()
            return
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * self.settings.swa_learning_rate
        if self.average is None:
            self.average = AveragedModel(_copied(self.model))
        self.average.update_parameters(self.model)
        # batch-norm statistics are so far those of the last weights; where no layer keeps any, no
        # clip is read; dropout there must not move what the next epochs draw
        on_gpu = self.clips.device.type == "cuda"
        with torch.random.fork_rng(devices=[self.clips.device] if on_gpu else []):
            update_bn(self._plain_batches(), self.average.module)

    def _plain_batches(self) -> Iterator[Inputs]:
        """The training clips as they are, in batches of nearly equal size, none of one clip."""
        ids = self.clips.fold.train
        n = max(1, min(math.ceil(len(ids) / self.settings.batch_size), len(ids) // 2))
        for part in np.array_split(np.arange(len(ids)), n):
            yield self.clips.inputs([ids[i] for i in part], "fit")

    def _averages(self, epoch: int) -> bool:
        """Whether the weights of an epoch are averaged with those after it."""
        start = self.settings.swa_start
        return bool(start and epoch > start * self.settings.epochs)

    def _averaging(self, chosen: int) -> Averaging:
        if not self.settings.swa_start:
            return ""
        if self.average is None:
            return "never reached"
        return "averaged" if self._averages(chosen) else "after the best epoch"

    def _current(self) -> Network:
        return self.model if self.average is None else cast(Network, self.average.module)

    def _validate(self) -> tuple[float | None, float | None]:
        if not self.clips.fold.val:
            return None, None
        return log_loss_and_score(self.method, self._current(), self.clips, self.clips.fold.val)

    def _remember(self, epoch: int, val_loss: float | None, val_uf1: float | None) -> None:
        """Keep the state of the best validation epoch; ties in UF1 go to the lower loss."""
        if val_loss is None or val_uf1 is None or self.settings.selection == "last":
            return
        score = -val_loss if self.settings.monitor == "loss" else val_uf1 - 1e-6 * val_loss
        if score > self.best_score:
            self.best_score, self.best_epoch = score, epoch
            state = self._current().trainable_state()
            self.best_state = {name: value.detach().clone() for name, value in state.items()}

    def _should_stop(self, epoch: int) -> bool:
        patience = self.settings.patience
        return bool(patience and self.best_state and epoch - self.best_epoch >= patience)


def _stream(device: torch.device, seed: int) -> torch.Generator:
    generator = torch.Generator(device).manual_seed(seed)
    if device.type == "cpu":
        generator.set_state(torch.get_rng_state())
    return generator


def _copied(model: Network) -> Network:
    """A copy with tensors of its own, also where those of the model are slices of larger ones."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.clone()
    return copy.deepcopy(model, memo)


def summary(
    model: Model,
    clips: ClipReader,
    chosen_epoch: int,
    history: Sequence[EpochRecord],
    seconds: float,
) -> FitSummary:
    """What is told of a training that has ended."""
    parameters = list(model.parameters())
    return FitSummary(
        chosen_epoch=chosen_epoch,
        history=tuple(history),
        served=clips.served,
        parameters_total=sum(p.numel() for p in parameters),
        parameters_trainable=sum(p.numel() for p in parameters if p.requires_grad),
        seconds=seconds,
    )


def log_loss_and_score(
    method: Trainable, model: Model, clips: ClipReader, ids: Sequence[str], use: Use = "select"
) -> tuple[float, float]:
    """Mean log loss of clips whose labels are known, and the score that epochs are chosen by."""
    probabilities = predict(method, model, clips, ids, use)
    return clips.targets.score(probabilities, clips.labels(ids, use))


def oversampled(shown: I64, most: int) -> I64:
    """Positions of the clips, those of rarer classes repeated up to ``most`` times; of several
    units of a clip the rarest counts.

    Args:
        shown: 0/1 (N,C), what each clip shows.
    """
    counts = shown.sum(axis=0)
    repeats = np.minimum(most, np.round(counts.max() / np.maximum(counts, 1))).astype(np.int64)
    return np.repeat(np.arange(len(shown)), np.maximum(shown * repeats, 1).max(axis=1))


def in_epochs(settings: TrainConfig, shown: I64) -> TrainConfig:
    """Settings whose ``epochs`` are as many as the wanted steps begin, where steps are wanted."""
    if not settings.steps:
        return settings
    clips, size = len(oversampled(shown, settings.oversample)), settings.batch_size
    batches = clips // size + (clips % size > 1 or clips == 1)
    return replace(settings, epochs=math.ceil(settings.steps / batches))


@torch.no_grad()
def predict(
    method: Trainable, model: Model, clips: ClipReader, ids: Sequence[str], use: Use = "predict"
) -> np.ndarray:
    """Probabilities (N,C) of clips, in order; the model's mode is left as it was."""
    was_training = model.training
    model.eval()
    size = method.training.batch_size
    rows = [
        clips.targets.probabilities(method, model, clips.inputs(ids[i : i + size], use))
        for i in range(0, len(ids), size)
    ]
    model.train(was_training)
    return np.concatenate(rows) if rows else np.zeros((0, clips.n_classes), np.float32)
