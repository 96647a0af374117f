"""What a method is: its settings, and everything that is done with them.

A method is one frozen dataclass. Its own fields are the settings under ``model`` in a
configuration; ``training`` and ``recipe`` begin as the method's own defaults. Methods that are
trained by gradient steps share ``fit``; others override it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError
from merkit.samples import flow_augment
from merkit.samples.augment import AugmentConfig, apply, draw
from merkit.samples.batch import MIRRORED, Arrays, Inputs
from merkit.samples.flow_augment import FlowAugmentConfig
from merkit.samples.inputs import Input
from merkit.samples.recipes import Recipe
from merkit.training.config import TrainConfig
from merkit.training.loop import FitContext, Fitted, Observer, Stack, Training, train
from merkit.training.network import Model
from merkit.training.reader import ClipReader
from merkit.training.stacked_network import StackedNetwork
from merkit.types import Clip

M = TypeVar("M", bound="Method")

#: the mark of a method that reads human action-unit codes of test clips
ORACLE_AU = "oracle-au"
#: stands for a default that depends on other settings, and is set when the method is made
OWN: Any = None
#: fields that are groups of a configuration by themselves
_GROUPS = ("training", "recipe")


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """Base of the methods.

    ``training``: how it is trained. ``recipe``: how clips become samples, None where nothing of a
    clip is read. Both are decided when the method is made, so ``dataclasses.replace`` keeps them.

    Shapes: B clips, C classes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    citation: ClassVar[str]

    training: TrainConfig = OWN
    recipe: Recipe | None = OWN

    def __post_init__(self) -> None:
        if self.training is OWN:
            object.__setattr__(self, "training", self.default_training())
        if self.recipe is OWN:
            object.__setattr__(self, "recipe", self.default_recipe())

    @abstractmethod
    def default_training(self) -> TrainConfig:
        """Training settings that suit the other settings."""

    @abstractmethod
    def default_recipe(self) -> Recipe | None:
        """Recipe that suits the other settings."""

    @abstractmethod
    def build(self, n_classes: int) -> Model:
        """The model, not fitted.

        Raises:
            ConfigError: settings that exclude each other.
            MissingWeightsError: pretrained weights cannot be had.
        """

    def inputs(self) -> tuple[Input, ...]:
        """The tensors that its model reads of a batch, by name: ``model({"rgb": frames})``; none
        where a method that has no recipe does not say."""
        return () if self.recipe is None else self.recipe.inputs()

    @property
    def trains(self) -> bool:
        """Whether anything is fitted to the clips of a fold; False of what is used as it is."""
        return True

    def started(self, init: str) -> Method:
        """The method with what it starts from: ``random`` weights of its own, or a recogniser that
        was trained on simulated faces, by its name or folder.

        Raises:
            ConfigError: no such recogniser, or one that the method cannot start from.
            MissingWeightsError, StoreError: its files are not there, or damaged.
        """
        from merkit.methods.started import start_from

        return start_from(self, init)

    def for_classes(self: M, classes: tuple[str, ...]) -> M:
        """The method for a run with classes of these names; most know their number alone.

        Raises:
            ConfigError: it cannot tell these.
        """
        return self

    def hashes(self) -> dict[str, str]:
        """Identity of the files that decide what it says, beside its settings."""
        return {}

    def fit(
        self, clips: ClipReader, context: FitContext, observer: Observer | None = None
    ) -> Fitted:
        """Fit on the training clips of a fold: by gradient steps unless a method overrides it.

        Every array and label comes from ``clips``, which keeps the record that is audited.
        """
        return train(self, clips, context, observer)

    def stacked(self, trainings: Sequence[Training]) -> Stack:
        """Trainings of this method as one stack, where ``fit`` is by gradient steps.

        Raises:
            Unstackable: they cannot be taken at once.
        """
        return StackedNetwork(trainings)

    def unit_thresholds(self, units: Sequence[int]) -> tuple[float, ...]:
        """Probability from which on each action unit is called, where the run sets none."""
        return (0.5,) * len(units)

    def names_units(self, units: Sequence[int]) -> bool:
        """Whether the method can name these action units: any that it is trained for by gradient
        steps, where the loss is replaced; or it answers by itself (``unit_probabilities``)."""
        own = type(self)
        return own.fit is Method.fit or own.unit_probabilities is not Method.unit_probabilities

    @property
    def most_frames(self) -> int | None:
        """Frames beyond which nothing is read of a clip, and to which a shorter one may be padded
        under a mask without another answer; None: clips are read as they come."""
        return None

    @torch.no_grad()
    def probabilities(self, model: Model, inputs: Inputs) -> np.ndarray:
        """``class_shares`` as an array."""
        return np.asarray(self.class_shares(model, inputs).cpu().numpy())

    def class_shares(self, model: Model, inputs: Inputs) -> Tensor:
        """Class probabilities (B,C); with ``training.mirror_at_test`` the mean with those of the
        mirrored clips, where the method can mirror them."""
        return self._shares(model, inputs, lambda logits: logits.softmax(-1))

    @torch.no_grad()
    def unit_probabilities(self, model: Model, inputs: Inputs, units: Sequence[int]) -> np.ndarray:
        """Probability (B,U) that a clip shows each action unit; mirrored as ``probabilities`` is.

        Args:
            units: numbers of the units, in the order wanted: here those that the model was built
                and fitted for.
        """
        return np.asarray(self._shares(model, inputs, torch.sigmoid).cpu().numpy())

    def _shares(self, model: Model, inputs: Inputs, share: Callable[[Tensor], Tensor]) -> Tensor:
        shares = share(model(inputs).logits.float())
        twin = self.mirrored(inputs) if self.training.mirror_at_test else None
        if twin is not None:
            shares = (shares + share(model(twin).logits.float())) / 2
        return shares

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]:
        """Inputs and soft targets (B,C) changed at random for one training step."""
        return inputs, targets

    def mirrored(self, inputs: Inputs) -> Inputs | None:
        """The inputs of the left-right mirrored clips; None where that is not defined."""
        return None

    def marks(self) -> tuple[str, ...]:
        """What a report must tell beside the score, such as ``oracle-au``."""
        return ()

    def annotation(self, clip: Clip) -> Arrays:
        """Arrays that the model reads of a clip's annotation. Test clips get them only under the
        mark ``oracle-au``."""
        return {}

    def annotations(self, clips: Iterable[Clip]) -> Mapping[str, Arrays]:
        """``annotation`` by clip id, where there is any."""
        found = {clip.clip_id: self.annotation(clip) for clip in clips}
        return {clip_id: arrays for clip_id, arrays in found.items() if arrays}

    def settings(self) -> dict[str, Any]:
        """Every setting, in the groups of a configuration: ``model``, ``training``, ``recipe``."""
        values = to_mapping(self)
        groups = {group: values.pop(group) or {} for group in _GROUPS}
        return {"model": values, **groups}

    @classmethod
    def from_settings(
        cls: type[M],
        model: Mapping[str, Any],
        training: Mapping[str, Any],
        recipe: Mapping[str, Any],
    ) -> M:
        """The method with the user's settings laid over its own defaults.

        Raises:
            ConfigError: an unknown setting, or a value that cannot be.
        """
        # one setting of a group is laid over the group's own default: ststnet keeps its TV-L1
        # whatever else of model.flow is named
        alone = {name: value for name, value in model.items() if not isinstance(value, Mapping)}
        default = to_mapping(from_mapping(cls, alone, "model", without=_GROUPS))
        groups = {name: default[name] for name in model.keys() & default.keys()}
        own = from_mapping(cls, _merged(groups, model), "model", without=_GROUPS)
        if "epochs" in training:  # who names epochs alone wants these, not the method's own steps
            training = {"steps": 0, **training}
        changes: dict[str, Any] = {"training": _overlaid(own.training, training, "training")}
        if own.recipe is not None:
            changes["recipe"] = _overlaid(own.recipe, recipe, "recipe")
        elif recipe:
            raise ConfigError(f"recipe {dict(recipe)} for '{cls.name}'", "none: it reads no clip")
        return replace(own, **changes)


@dataclass(frozen=True, kw_only=True)
class RgbMethod(Method):
    """Base of the networks on aligned frames. ``augment``: flip and mild affine in training, drawn
    once a clip [D]."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]:
        """See ``Method.augmented``; everything but ``rgb`` as it came."""
        moved = apply(inputs["rgb"], draw(len(inputs["rgb"]), generator, self.augment))
        return {**inputs, "rgb": moved}, targets

    def mirrored(self, inputs: Inputs) -> Inputs:
        """See ``Method.mirrored``; tokens cannot be mirrored, so theirs were made of the mirrored
        frames.

        Raises:
            ConfigError: tokens that were made without them.
        """
        if "rgb" in inputs:
            return {**inputs, "rgb": inputs["rgb"].flip(-1)}
        if MIRRORED not in inputs:
            raise ConfigError(
                "cached tokens without those of the mirrored clips",
                "training.mirror_at_test set when they were made",
            )
        return {**inputs, "tokens": inputs[MIRRORED], MIRRORED: inputs["tokens"]}


@dataclass(frozen=True, kw_only=True)
class RegionFlowMethod(Method):
    """Base of the networks on regional motion. ``augment``: how clips are changed in training."""

    augment: FlowAugmentConfig = field(default_factory=FlowAugmentConfig)

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]:
        return flow_augment.augment(inputs, targets, self.augment, generator)

    def mirrored(self, inputs: Inputs) -> Inputs:
        return flow_augment.mirror(inputs)


def _overlaid(default: Any, changes: Mapping[str, Any], where: str) -> Any:
    return from_mapping(type(default), _merged(to_mapping(default), changes), where)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        known = merged.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return merged
