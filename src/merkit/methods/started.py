"""Any network of the right kind, started from a recogniser that was trained on simulated faces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from merkit.errors import ConfigError
from merkit.methods import METHODS
from merkit.methods.base import Method
from merkit.methods.bundled import Recogniser, read_recogniser
from merkit.methods.started_network import StartedNetwork
from merkit.samples.batch import Arrays, Inputs
from merkit.samples.recipes import Recipe
from merkit.training.config import TrainConfig
from merkit.training.network import Model, Network
from merkit.types import Clip


def start_from(own: Method, init: str) -> Method:
    """The method, started from a recogniser by its name or folder; ``random``: as it is.

    Clips become samples by the recipe of the recogniser, since it was trained on what that makes;
    only how the face is found is the method's own. ``flow`` and ``frames``, where a method has
    these settings, follow the recipe.

    Raises:
        ConfigError: no such recogniser; or a method that reads something else, is not trained by
            gradient steps, or was given a recipe of its own.
        MissingWeightsError, StoreError: the recogniser's files are not there, or damaged.
    """
    if init == "random":
        return own
    init = str(Path(init).resolve()) if Path(init).is_dir() else init
    recogniser = read_recogniser(init)
    recipe = _recipe(own, recogniser)
    has = {setting.name for setting in fields(own)}
    follows = [name for name in ("flow", "frames") if name in has and getattr(recipe, name, None)]
    own = replace(own, recipe=recipe, **{name: getattr(recipe, name) for name in follows})
    return Started(own=own, init=init)


def _recipe(own: Method, recogniser: Recogniser) -> Recipe:
    """That of the recogniser; the face is found as the method's settings say."""
    given, theirs = own.recipe, recogniser.recipe
    if given is None or given.makes != theirs.makes or type(own).fit is not Method.fit:
        raise _cannot(own, recogniser)
    recipe, default = _with_face_of(given, theirs), own.default_recipe()
    if given != recipe and (default is None or given != _with_face_of(given, default)):
        raise ConfigError(
            f"settings of the recipe with a start from '{recogniser.name}'",
            "its own recipe: it was trained on what that makes",
            "leave them out, but for recipe.track and recipe.min_found_share",
        )
    return recipe


def start_mark(recogniser: Recogniser) -> str:
    """What a report tells of a run that started from it."""
    return f"init-{recogniser.name}" if recogniser.is_bundled else "init-given"


@dataclass(frozen=True, kw_only=True)
class Started(Method):
    """A method and the recogniser that it starts from (``start_from``). Everything else is that of
    ``own``, by whose name it goes."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    citation: ClassVar[str] = ""

    own: Method
    init: str
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        own = replace(self.own, training=self.training, recipe=self.recipe)
        object.__setattr__(self, "own", own)
        for name in ("name", "title", "citation"):
            object.__setattr__(self, name, getattr(self.own, name))

    @cached_property
    def recogniser(self) -> Recogniser:
        return read_recogniser(self.init)

    def default_training(self) -> TrainConfig:
        return self.own.training

    def default_recipe(self) -> Recipe | None:
        return self.own.recipe

    def build(self, n_classes: int) -> Model:
        own = cast(Network, self.own.build(n_classes))
        return StartedNetwork(self, n_classes, self.recogniser, self.classes, own)

    def for_classes(self, classes: tuple[str, ...]) -> Started:
        return replace(self, own=self.own.for_classes(classes), classes=classes)

    def marks(self) -> tuple[str, ...]:
        return (start_mark(self.recogniser), *self.own.marks())

    def hashes(self) -> dict[str, str]:
        return {**self.own.hashes(), "recogniser": self.recogniser.sha256}

    def settings(self) -> dict[str, Any]:
        return {**self.own.settings(), "init": self.init}

    @property
    def most_frames(self) -> int | None:
        return self.own.most_frames

    def probabilities(self, model: Model, inputs: Inputs) -> np.ndarray:
        return self.own.probabilities(model, inputs)

    def class_shares(self, model: Model, inputs: Inputs) -> Tensor:
        return self.own.class_shares(model, inputs)

    def augmented(
        self, inputs: Inputs, targets: Tensor, generator: torch.Generator
    ) -> tuple[Inputs, Tensor]:
        return self.own.augmented(inputs, targets, generator)

    def mirrored(self, inputs: Inputs) -> Inputs | None:
        return self.own.mirrored(inputs)

    def annotation(self, clip: Clip) -> Arrays:
        return self.own.annotation(clip)

    def annotations(self, clips: Iterable[Clip]) -> Mapping[str, Arrays]:
        return self.own.annotations(clips)


def _with_face_of(own: Recipe, recipe: Recipe) -> Recipe:
    """A recipe that finds the face as another does."""
    return replace(recipe, track=own.track, min_found_share=own.min_found_share)


def _cannot(own: Method, recogniser: Recogniser) -> ConfigError:
    makes = recogniser.recipe.makes
    can = [name for name, kind in METHODS.load_all()[0].items() if _reads(kind(), makes)]
    reads = "nothing" if own.recipe is None else f"'{own.recipe.makes}'"
    how = "by gradient steps" if type(own).fit is Method.fit else "in one step"
    also = ", or linear-probe with model.picture=flow-map" if makes == "flow_map" else ""
    return ConfigError(
        f"'{own.name}' reads {reads} of a clip and is fitted {how}, and cannot start from "
        f"'{recogniser.name}'",
        f"a network that reads '{makes}': {', '.join(can)}{also}",
        "choose one with --method, or leave --init out",
    )


def _reads(method: Method, makes: str) -> bool:
    own_fit = type(method).fit is not Method.fit and method.trains
    return method.recipe is not None and method.recipe.makes == makes and not own_fit
