"""What a trained model is to the rest of merkit: batches in, logits out.

Batches are described in :mod:`merkit.samples.batch`. B clips, C classes, d features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.samples.batch import Inputs
from merkit.samples.inputs import Input


@dataclass(frozen=True, slots=True)
class Output:
    """What a forward pass returns: ``logits`` (B,C), ``features`` (B,d) before the classifier,
    and ``aux``: whatever the losses or the figures need, by name."""

    logits: Tensor
    features: Tensor
    aux: Mapping[str, Tensor] = field(default_factory=dict)


class Model(nn.Module, ABC):
    """Base of everything that is fitted, saved and asked: networks and classical classifiers.

    Args:
        config: the method with its settings.
        n_classes: C.
    """

    #: whether the score has a gradient with respect to the input
    differentiable = True

    def __init__(self, config: Any, n_classes: int) -> None:
        super().__init__()
        self.config = config
        self.n_classes = n_classes
        self.register_forward_pre_hook(_refuse_other_inputs)

    @abstractmethod
    def forward(self, inputs: Inputs) -> Output:
        """Logits (B,C) with features and aux.

        Args:
            inputs: tensors by name, on the model's device; ``Method.inputs`` lists them.
        """

    def frozen_key(self) -> str | None:
        """Identity of the frozen part whose output may be computed once, or None."""
        return None

    def frozen(self, inputs: Inputs) -> Inputs:
        """Replace raw inputs by the frozen part's output, which ``forward`` also accepts."""
        return inputs

    def traced(self) -> Model:
        """The same model of steps that can be traced and written to a file: itself, unless it asks
        another library."""
        return self

    def trainable_state(self) -> dict[str, Tensor]:
        """State without the frozen parameters, which never change."""
        frozen = {name for name, p in self.named_parameters() if not p.requires_grad}
        return {name: t for name, t in self.state_dict().items() if name not in frozen}


def _refuse_other_inputs(model: Model, given: tuple[Any, ...]) -> None:
    """One message for whoever calls a model from a loop of their own.

    Raises:
        ConfigError: no tensors by name, or one that the model cannot do without is not there.
    """
    inputs = given[0] if given else {}
    named = isinstance(inputs, Mapping)
    if named and "tokens" in inputs:
        return
    listed: tuple[Input, ...] = getattr(model.config, "inputs", tuple)()
    wanted = [one for one in listed if not one.optional]
    if not named or any(one.name not in inputs for one in wanted):
        came = f"only {', '.join(inputs) or 'nothing'}" if named else f"a {type(inputs).__name__}"
        raise ConfigError(
            f"{came} given to {type(model).__name__}",
            f"tensors by name: {'; '.join(map(str, wanted))}",
            f'call it as model({{"{wanted[0].name}": tensor}})' if wanted else "",
        )


class Network(Model):
    """Base of the models that are trained by gradient steps."""

    def start_epoch(self, epoch: int) -> None:
        """Called before each epoch of a training, the first of which is 1."""

    def rates(self) -> Mapping[str, float]:
        """Share of the learning rate for parameters whose name begins so; 1 for the others."""
        return {}

    @abstractmethod
    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """Scalar training loss, everything that the method adds to it included.

        Args:
            targets: class indices (B,), or soft targets (B,C).
            class_weights: (C,), or None for equal ones.
        """

    def extra_losses(self, output: Output) -> tuple[Tensor, ...]:
        """What ``loss`` adds to the distance from the targets, whatever these are: classes, or
        action units, whose distance the loop takes itself (``training.targets.Units``)."""
        return ()

    def unlabelled_loss(self, output: Output) -> Tensor:
        """The part of the loss that needs no labels, for target clips of a transductive
        protocol; zero where a network has none."""
        return output.logits.sum() * 0
