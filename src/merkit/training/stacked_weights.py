"""The weights of many trainings side by side, and the step that moves them.

Shapes: F trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from merkit.training.loop import Training
from merkit.training.network import Network
from merkit.training.stack import Unstackable
from merkit.training.stacked_adam import StackedAdam


class StackedWeights:
    """Trainable parameters and buffers of F networks, (F,...) each by name; what is frozen is alike
    in all of them and kept once. Each network's own tensors are slices of these.

    Raises:
        Unstackable: trainings that read unlabelled clips, or networks that differ in what is
            frozen.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        _check(trainings)
        self.trainings = list(trainings)
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        self._lay()
        self._optimiser = StackedAdam(self.parameters, trainings[0].settings)
        for training in trainings:
            training.optimiser.step()  # moves nothing; its schedule wants to see that it was used

    def of(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Parameters (rows,...) of these trainings, cut off from any graph."""
        chosen = self._index(rows)
        return {name: p[chosen].detach() for name, p in self.parameters.items()}

    def buffers_of(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Buffers (rows,...); those of all trainings are the buffers themselves."""
        chosen = self._index(rows)
        return {name: b[chosen] for name, b in self.buffers.items()}

    def set_buffers(self, rows: Sequence[int], buffers: Mapping[str, Tensor]) -> None:
        """Write buffers that ``buffers_of`` gave and a step has moved."""
        chosen = self._index(rows)
        if not isinstance(chosen, slice):
            for name, buffer in buffers.items():
                self.buffers[name][chosen] = buffer

    def move(self, rows: Sequence[int], grads: Mapping[str, Tensor]) -> None:
        """One step of the optimiser with these gradients (rows,...)."""
        speeds = _learning_rates([self.trainings[i] for i in rows], next(iter(grads.values())))
        self._optimiser.step(rows, grads, speeds)

    def weights(self, rows: Sequence[int]) -> Tensor | None:
        """Class weights of the loss, (rows,C); None where there are none."""
        each = [self.trainings[i].weights for i in rows]
        return None if each[0] is None else torch.stack([w for w in each if w is not None])

    def keep(self, rows: Sequence[int]) -> None:
        """See :class:`merkit.training.stack.Stack`."""
        for training in self.trainings:
            _own_tensors(training.model)
        self.trainings = [self.trainings[i] for i in rows]
        self.parameters, self.buffers = {}, {}
        if rows:
            self._lay()
        self._optimiser.keep(rows, self.parameters)

    def _index(self, rows: Sequence[int]) -> slice | list[int]:
        return slice(None) if list(rows) == list(range(len(self.trainings))) else list(rows)

    def _lay(self) -> None:
        models = [training.model for training in self.trainings]
        for name, first in models[0].named_parameters():
            if first.requires_grad:
                self.parameters[name] = _side_by_side([m.get_parameter(name) for m in models])
        for name, _ in models[0].named_buffers():
            self.buffers[name] = _side_by_side([m.get_buffer(name) for m in models])


def _check(trainings: Sequence[Training]) -> None:
    first = trainings[0]
    if any(training.clips.fold.unlabelled for training in trainings):
        raise Unstackable("unlabelled clips of the target are read")
    frozen = {n: p for n, p in first.model.named_parameters() if not p.requires_grad}
    for training in trainings[1:]:
        for name, parameter in frozen.items():
            other = training.model.get_parameter(name)
            if other.requires_grad or not torch.equal(parameter, other):
                raise Unstackable(f"what is frozen differs: {name}")
            other.data = parameter.data  # once in memory


@torch.no_grad()
def _side_by_side(tensors: Sequence[Tensor]) -> Tensor:
    """(F,...); each tensor becomes its slice."""
    stacked = torch.stack([tensor.detach() for tensor in tensors])
    for i, tensor in enumerate(tensors):
        tensor.data = stacked[i]
    return stacked


def _own_tensors(model: Network) -> None:
    for tensor in (*(p for p in model.parameters() if p.requires_grad), *model.buffers()):
        tensor.data = tensor.data.clone()


def _learning_rates(trainings: Sequence[Training], like: Tensor) -> dict[str, Tensor]:
    """Learning rate of each trainable parameter in each training now, (F,) by name."""
    each = []
    for training in trainings:
        groups = training.optimiser.param_groups
        known = {id(p): float(group["lr"]) for group in groups for p in group["params"]}
        names = training.model.named_parameters()
        each.append({name: known[id(p)] for name, p in names if id(p) in known})
    return {name: like.new_tensor([one[name] for one in each]) for name in each[0]}
