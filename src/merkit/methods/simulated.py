"""Methods whose weights were trained on simulated faces alone: as they are, tuned, from scratch.

Shapes: B clips, C classes.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from merkit.errors import ConfigError, MerkitError
from merkit.methods.base import OWN, Method
from merkit.methods.bundled import Recogniser, read_recogniser
from merkit.methods.said import said_of
from merkit.methods.started import start_mark
from merkit.methods.started_network import StartedNetwork
from merkit.samples.batch import Inputs
from merkit.samples.recipes import Recipe
from merkit.training.config import TrainConfig
from merkit.training.loop import FitContext, Fitted, Observer, summary
from merkit.training.network import Model, Network
from merkit.training.reader import ClipReader
from merkit.training.targets import Units


@dataclass(frozen=True, kw_only=True)
class SimulatedMethod(Method):
    """``start``: ``as-it-is``, nothing is trained and its weights answer; ``tuned``, training
    begins with its answers (:class:`StartedNetwork`); ``random``, the same network without them,
    as a control.

    ``weights``: folder of another recogniser than the bundled one
    (:func:`merkit.methods.bundled.save_bundled` wrote it). ``classes``: names of the run's classes,
    which the run itself sets; none stands for those of the recogniser.
    """

    weights: Path | None = None
    start: Literal["as-it-is", "tuned", "random"] = "as-it-is"
    classes: tuple[str, ...] = ()

    @abstractmethod
    def scratch(self, n_classes: int) -> Network:
        """The network with random weights."""

    @abstractmethod
    def scratch_recipe(self) -> Recipe:
        """The recipe that a recogniser is to be trained for."""

    @abstractmethod
    def mirrored(self, inputs: Inputs) -> Inputs:
        """See ``Method.mirrored``."""

    @cached_property
    def recogniser(self) -> Recogniser:
        """Where the weights come from."""
        return read_recogniser(self.weights or self.name)

    @property
    def trains(self) -> bool:
        return self.start != "as-it-is"

    def default_recipe(self) -> Recipe:
        """That of the recogniser; ``scratch_recipe`` where it is not made, or not wanted."""
        if self.start != "random":
            try:
                return self.recogniser.recipe
            except MerkitError:  # told when a network is asked for
                pass
        return self.scratch_recipe()

    def default_training(self) -> TrainConfig:
        """Of ``tuned``: the recogniser stays as it is, and a linear layer over what it says of
        classes and action units is learned (``init_rate`` 0) [D]; a hundred clips tell no more.
        Of ``random``: the whole network, as a user would train it [D]."""
        common: dict[str, Any] = {
            "optimiser": "adamw",
            "batch_size": 32,
            "patience": 0,
            "selection": "last",
            "augment": False,
        }
        if self.start == "random":
            return TrainConfig(
                learning_rate=3e-4, weight_decay=0.01, epochs=30, class_weights="inverse", **common
            )
        return TrainConfig(learning_rate=3e-3, weight_decay=0.1, epochs=60, init_rate=0.0, **common)

    def build(self, n_classes: int) -> Model:
        if self.start == "random":
            return self.scratch(n_classes)
        known = self.recogniser.classes
        if self._tells_units:
            return self.recogniser.network().requires_grad_(False)
        classes = self.classes or known
        if len(classes) != n_classes:
            raise ConfigError(f"{n_classes} classes", f"names of that many, not {list(classes)}")
        if self.trains:
            return StartedNetwork(self, n_classes, self.recogniser, classes, None)
        model = self.recogniser.network()
        if classes != known:
            model = StartedNetwork(self, n_classes, self.recogniser, classes, None)
        return model.requires_grad_(False)

    def started(self, init: str) -> Method:
        """See ``Method.started``."""
        if init == "random":
            return self._with_start("random", weights=None)
        if init == self.name:
            return self._with_start("tuned")
        recogniser = read_recogniser(init)
        if recogniser.name != self.name:
            raise ConfigError(f"'{init}' is a recogniser '{recogniser.name}'", f"a '{self.name}'")
        own = self.recipe != self.default_recipe()
        recipe = self.recipe if own else OWN
        return self._with_start("tuned", weights=recogniser.folder.resolve(), recipe=recipe)

    def _with_start(self, start: Literal["tuned", "random"], **changes: Any) -> SimulatedMethod:
        """Another start with its own training, but for what was set otherwise than by default."""
        usual = vars(self.default_training())
        own = {name: value for name, value in vars(self.training).items() if value != usual[name]}
        begun = replace(self, start=start, training=OWN, **changes)
        return replace(begun, training=replace(begun.training, **own))

    def for_classes(self, classes: tuple[str, ...]) -> SimulatedMethod:
        named = replace(self, classes=classes)
        if not (self.trains or named._tells_units or set(classes) == set(self.recogniser.classes)):
            raise ConfigError(
                f"{self.name} as it is tells {', '.join(self.recogniser.classes)} apart, and the "
                f"classes are {', '.join(classes)}",
                "a label map with these three: '3' of any database, or one whose name has -3",
                f"choose it with --classes, or train on your classes: --init {self.name}",
            )
        return named

    @property
    def _tells_units(self) -> bool:
        """Whether it is asked, as it is, for action units in place of classes."""
        if self.trains or not self.classes:
            return False
        return set(self.classes) <= set(Units(self.recogniser.units).names)

    def names_units(self, units: Sequence[int]) -> bool:
        """See ``Method.names_units``: as it is, those of the recogniser."""
        return self.trains or set(units) <= set(self.recogniser.units)

    def fit(
        self, clips: ClipReader, context: FitContext, observer: Observer | None = None
    ) -> Fitted:
        """See ``Method.fit``; as it is, no clip is read."""
        if self.trains:
            return super().fit(clips, context, observer)
        begun = time.perf_counter()
        model = self.build(clips.n_classes).to(clips.device).eval()
        return Fitted(model, summary(model, clips, 0, (), time.perf_counter() - begun))

    def marks(self) -> tuple[str, ...]:
        if self.start == "random":
            return ()
        if self.start == "tuned":
            return (start_mark(self.recogniser),)
        return ("bundled-weights" if self.weights is None else "given-weights",)

    def hashes(self) -> dict[str, str]:
        return {"recogniser": self.recogniser.sha256} if self.start != "random" else {}

    def unit_probabilities(self, model: Model, inputs: Inputs, units: Sequence[int]) -> np.ndarray:
        """See ``Method.unit_probabilities``; as it is, what the recogniser says of them."""
        if self.trains:
            return super().unit_probabilities(model, inputs, units)
        return self.units(model, inputs)[:, [self.recogniser.units.index(u) for u in units]]

    def unit_thresholds(self, units: Sequence[int]) -> tuple[float, ...]:
        """As it is, those of the recogniser, chosen on held-out simulation."""
        if self.trains:
            return super().unit_thresholds(units)
        known = dict(zip(self.recogniser.units, self.recogniser.limits.unit_min, strict=True))
        return tuple(known[unit] for unit in units)

    def unit_sides(self, model: Model, inputs: Inputs) -> np.ndarray:
        """Probabilities (B,12,2) of the action units of ``bundled.UNITS`` on the left and right of
        the person; with ``training.mirror_at_test`` the mean with those of the mirrored clips.

        Raises:
            ConfigError: a network that never learned them.
        """
        if self.start == "random":
            raise ConfigError("action units of a random start", "a recogniser that learned them")
        return said_of(model, inputs, self).units

    def units(self, model: Model, inputs: Inputs) -> np.ndarray:
        """Probabilities (B,12) of the action units on either side: the greater of the two, since
        the sides of a face seldom act apart."""
        sides: np.ndarray = self.unit_sides(model, inputs).max(axis=-1)
        return sides
