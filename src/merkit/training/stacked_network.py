"""The stack of any network that ``torch.func.vmap`` can follow.

Shapes: F trainings, B clips, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from merkit.samples.batch import Inputs
from merkit.training.dropout import Given, Mask, Seen
from merkit.training.loop import Batch, Training
from merkit.training.stack import Unstackable
from merkit.training.stacked_weights import StackedWeights
from merkit.training.unrolled import Unrolled

#: how far the loss of the trial may be from that of a network alone, and so in 16 bit
_TOLERANCE, _TOLERANCE_16 = 1e-4, 2e-2
#: clips of a trial, and how many are tried before none is taken at once
_FEW, _TRIED = 4, 32
#: names, shapes and types of the tensors of a batch
_Form: TypeAlias = "tuple[tuple[str, tuple[int, ...], torch.dtype], ...]"


class StackedNetwork:
    """See :class:`merkit.training.stack.Stack`. Dropout is drawn as each training draws it alone:
    from a stream of its own, in the order in which the network asks for it. Batches that vmap
    cannot follow, as those of clips of different length of which a network looks at the lengths, go
    one by one.

    Raises:
        Unstackable: as ``StackedWeights``; or a network that vmap cannot follow by rules of its
            own, as one that draws random numbers itself, or looks at values.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.weights = StackedWeights(trainings)
        self._masks: dict[_Form, list[Mask]] = {}
        self._at_once: dict[tuple[str, ...], bool] = {}  # by the names of what is read
        self._try_some()

    def step(self, rows: Sequence[int], batches: Sequence[Batch]) -> list[float]:
        trainings = self.weights.trainings
        drawn = [trainings[i].drawn(batch) for i, batch in zip(rows, batches, strict=True)]
        forms: dict[_Form, list[int]] = {}
        for place, (inputs, _) in enumerate(drawn):  # other sizes, and other padding
            forms.setdefault(_form(inputs), []).append(place)
        losses = [0.0] * len(rows)
        for places in forms.values():
            found = self._step([rows[p] for p in places], [drawn[p] for p in places])
            for place, loss in zip(places, found, strict=True):
                losses[place] = loss
        return losses

    def keep(self, rows: Sequence[int]) -> None:
        self.weights.keep(rows)

    def _step(self, rows: list[int], drawn: list[tuple[Inputs, Tensor]]) -> list[float]:
        inputs = {name: torch.stack([one[name] for one, _ in drawn]) for name in drawn[0][0]}
        targets = torch.stack([target for _, target in drawn])
        parameters = {n: p.requires_grad_() for n, p in self.weights.of(rows).items()}
        buffers = self.weights.buffers_of(rows)
        masks = self._drawn_masks(rows, *drawn[0])
        at_once = self._goes_at_once(*drawn[0])
        losses = self._losses(rows, at_once, parameters, buffers, inputs, targets, masks)
        found = torch.autograd.grad(losses.sum(), list(parameters.values()), allow_unused=True)
        self.weights.set_buffers(rows, buffers)
        named = zip(parameters, found, strict=True)
        self.weights.move(rows, {name: grad for name, grad in named if grad is not None})
        told: list[float] = losses.detach().tolist()
        return told

    def _drawn_masks(self, rows: list[int], inputs: Inputs, targets: Tensor) -> list[Tensor]:
        """(F,...) each, in the order in which the network asks for them."""
        trainings, form = self.weights.trainings, _form(inputs)
        if form not in self._masks:
            self._masks[form] = _masks_of(trainings[rows[0]], inputs, targets)
        each = [[m.drawn(trainings[i].stream) for m in self._masks[form]] for i in rows]
        return [torch.stack(same) for same in zip(*each, strict=True)]

    def _losses(
        self,
        rows: list[int],
        at_once: bool,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        inputs: Inputs,
        targets: Tensor,
        masks: list[Tensor],
    ) -> Tensor:
        """(F,)"""
        module = _WithLoss(self.weights.trainings[rows[0]])
        weights = self.weights.weights(rows)
        state = {**parameters, **buffers}

        def of_one(state: Any, inputs: Any, targets: Any, masks: Any, weights: Any) -> Any:
            with Given(masks), Unrolled(), sdpa_kernel(SDPBackend.MATH):
                return module.at(state, inputs, targets, weights)

        if not at_once:
            each = [
                of_one(
                    {name: tensor[i] for name, tensor in state.items()},
                    {name: tensor[i] for name, tensor in inputs.items()},
                    targets[i],
                    [mask[i] for mask in masks],
                    None if weights is None else weights[i],
                )
                for i in range(len(rows))
            ]
            return torch.stack(each)
        axes = (0, 0, 0, 0, None if weights is None else 0)
        of_all = vmap(of_one, in_dims=axes, randomness="error")
        losses: Tensor = of_all(state, inputs, targets, masks, weights)
        return losses

    def _goes_at_once(self, inputs: Inputs, targets: Tensor) -> bool:
        """Whether batches of these inputs can be taken at once; tried when the first one comes."""
        names = tuple(inputs)
        if names not in self._at_once:
            try:
                self._try(inputs, targets)
            except Unstackable:
                self._at_once[names] = False
        return self._at_once[names]

    def _try_some(self) -> None:
        """Some batch must go at once; the first ones may be of clips of different length."""
        first = self.weights.trainings[0]
        train = first.clips.fold.train
        refused: Unstackable | None = None
        for start in range(0, min(len(train), _TRIED), _FEW):
            ids = train[start : start + _FEW]
            shown = first.clips.targets.hot(first.clips.labels(ids, "fit"))
            targets = torch.from_numpy(shown).float().to(first.clips.device)
            try:
                return self._try(first.clips.inputs(ids, "fit"), targets)
            except Unstackable as error:
                refused = error
        if refused is not None:
            raise refused

    @torch.no_grad()
    def _try(self, inputs: Inputs, targets: Tensor) -> None:
        """The losses of a few clips at once and one by one must agree."""
        tried = self.weights.trainings[:2]
        rows, first = list(range(len(tried))), tried[0]
        for training in tried:
            training.model.train()
        stream = torch.Generator(first.clips.device).manual_seed(0)
        masks = [mask.drawn(stream) for mask in _masks_of(first, inputs, targets)]
        try:
            with _native_rules():
                together = self._losses(
                    rows,
                    True,
                    self.weights.of(rows),
                    {name: b.clone() for name, b in self.weights.buffers_of(rows).items()},
                    {name: torch.stack([x] * len(rows)) for name, x in inputs.items()},
                    torch.stack([targets] * len(rows)),
                    [torch.stack([mask] * len(rows)) for mask in masks],
                )
        except (RuntimeError, ValueError) as error:
            raise Unstackable(f"at once: {str(error).splitlines()[0]}") from error
        near = _TOLERANCE_16 if first.bf16 else _TOLERANCE
        for training, loss in zip(tried, together, strict=True):
            with Given(masks):
                alone = _loss_alone(training, inputs, targets)
            if not torch.allclose(loss, alone, rtol=near, atol=near):
                raise Unstackable(f"at once the loss is {loss:.6g}, alone {alone:.6g}")
        self._at_once[tuple(inputs)] = True


class _WithLoss(nn.Module):
    """A network and its loss as one module, whose tensors can be given."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.network, self.targets = training.model, training.clips.targets
        self.device, self.bf16 = training.clips.device.type, training.bf16

    def forward(self, inputs: Inputs, targets: Tensor, weights: Tensor | None) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16, self.bf16):
            return self.targets.loss(self.network, self.network(inputs), targets, weights)

    def at(
        self, state: Mapping[str, Tensor], inputs: Inputs, targets: Tensor, weights: Tensor | None
    ) -> Tensor:
        """The loss where the network's tensors of these names are others."""
        named = {f"network.{name}": tensor for name, tensor in state.items()}
        loss: Tensor = functional_call(self, named, (inputs, targets, weights))
        return loss


@contextmanager
def _native_rules() -> Iterator[None]:
    """Operations that vmap has no rule for, and would take one training at a time, are errors."""
    switches: Any = torch._C._functorch
    before = switches._is_vmap_fallback_enabled()
    switches._set_vmap_fallback_enabled(False)
    try:
        yield
    finally:
        switches._set_vmap_fallback_enabled(before)


def _form(inputs: Inputs) -> _Form:
    return tuple((name, tuple(x.shape), x.dtype) for name, x in inputs.items())


def _loss_alone(training: Training, inputs: Inputs, targets: Tensor) -> Tensor:
    """The loss; statistics of batch norms stay as they are."""
    buffers = {name: b.clone() for name, b in training.model.named_buffers()}
    return _WithLoss(training).at(buffers, inputs, targets, training.weights)


@torch.no_grad()
def _masks_of(training: Training, inputs: Inputs, targets: Tensor) -> list[Mask]:
    """What dropout asks for on such a batch."""
    device = training.clips.device
    seen = Seen()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), seen:
        _loss_alone(training, inputs, targets)
    return seen.masks
