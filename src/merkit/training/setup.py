"""From names and overrides to what a training needs: method, settings, recipe, device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError
from merkit.methods import METHODS
from merkit.methods.base import Annotation, NeuralMethod, TrainConfig
from merkit.samples.recipe import Recipe
from merkit.types import Clip


@dataclass(frozen=True)
class Setup:
    """A method with every setting decided."""

    method: NeuralMethod
    model_config: Any
    settings: TrainConfig
    recipe: Recipe

    def check_model(self) -> None:
        """Build the model once and drop it: what is missing must not show after hours of
        preparing clips.

        Raises:
            MissingWeightsError: pretrained weights cannot be had.
            ConfigError: settings that exclude each other.
        """
        self.method.model(self.model_config, 2)

    def annotations(self, clips: Iterable[Clip]) -> Mapping[str, Annotation]:
        """What the method reads of the annotation of these clips, where it reads any."""
        annotate = self.method.annotate
        if annotate is None:
            return {}
        found = {clip.clip_id: annotate(self.model_config, clip) for clip in clips}
        return {clip_id: arrays for clip_id, arrays in found.items() if arrays}


def make_setup(
    name: str,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    recipe: Mapping[str, Any],
) -> Setup:
    """Lay the user's settings over the method's own defaults.

    Raises:
        ConfigError: an unknown method, setting or value.
    """
    method = METHODS[name]
    model_config = from_mapping(method.config, model, "model")
    settings = _overlaid(method.training(model_config), training, "training")
    return Setup(
        method, model_config, settings, _overlaid(method.recipe(model_config), recipe, "recipe")
    )


def _overlaid(default: Any, changes: Mapping[str, Any], where: str) -> Any:
    return from_mapping(type(default), _merged(to_mapping(default), changes), where)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        known = merged.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return merged


def choose_device(name: str) -> str:
    """``auto`` becomes ``cuda`` where there is one, else ``cpu``.

    Raises:
        ConfigError: an unknown device, or one that this machine lacks.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device '{name}': {reason}", "auto, cpu or cuda") from None
    return name
