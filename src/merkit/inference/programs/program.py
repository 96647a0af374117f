"""A trained model as one function of arrays, from a clip's sample to probabilities.

Shapes: B clips, C classes, U action units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.base import ORACLE_AU, Method
from merkit.methods.said import said_shares


@dataclass(frozen=True)
class Tensors:
    """One input or output: ``shape`` without the axis of clips; ``holds``: what its numbers are."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    holds: str


class Program(nn.Module):
    """Softmax, sigmoid and the mean with mirrored clips included: what it gives is what
    ``merkit predict`` works with.

    Raises:
        ConfigError: the model reads what no video gives, or clips of any length.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__()
        self.method, self.model = loaded.method, loaded.model.traced()
        self._loaded = loaded
        self.inputs = inputs_of(loaded.method)
        self.names = [one.name for one in self.inputs]
        telling = loaded.telling
        self.units = telling[0].units if telling else ()
        #: the network that knows action units: the model itself, or one within it
        self.teller = telling[1] if telling and self.units else None
        self.outputs = _outputs(loaded.classes, self.units)

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """``inputs`` in order -> ``outputs`` in order: probabilities (B,C), and of a recogniser
        action units (B,U,2) and nothing (B,)."""
        batch = dict(zip(self.names, arrays, strict=True))
        classes = self.method.class_shares(self.model, batch)
        if self.teller is None:
            return (classes,)
        return (classes, *said_shares(self.teller, batch, self.method))

    def example(self, n_clips: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Random clips of the form that is read."""
        return tuple(torch.from_numpy(_random(one, n_clips, seed)) for one in self.inputs)

    @torch.no_grad()
    def answers(self, arrays: Sequence[Tensor]) -> list[np.ndarray]:
        """What merkit itself says of such arrays, in the order of ``outputs``."""
        batch = dict(zip(self.names, arrays, strict=True))
        classes = self.method.probabilities(self._loaded.model, batch)
        if self.teller is None:
            return [classes]
        said = said_shares(self.teller, batch, self.method)
        return [classes, *(one.cpu().numpy() for one in said)]


def inputs_of(method: Method) -> tuple[Tensors, ...]:
    """What a program of the method reads.

    Raises:
        ConfigError: it cannot be written for any clip.
    """
    if ORACLE_AU in method.marks():
        raise ConfigError(
            f"this {method.name} model reads the action units of a human coder",
            "a model that needs nothing but the video",
            "train it with --set model.au.source=predicted (or none)",
        )
    if not method.inputs():
        raise ConfigError(
            f"the recipe of {method.name} does not say what it makes", "a recipe with inputs()"
        )
    read = method.inputs()[0]
    shape = [size for size in read.shape[1:] if isinstance(size, int)]
    if "T" not in read.shape:
        return (Tensors(read.name, read.dtype, tuple(shape), read.meaning),)
    if method.most_frames is None:
        raise ConfigError(
            f"recipe.frames is 0: this {method.name} model reads clips of any length",
            "a fixed number of frames, which a file of fixed shapes needs",
            "train it with --set recipe.frames=16, or another number",
        )
    frames = method.most_frames
    told = f"{read.meaning}; a shorter clip is padded with zeros at its end, a longer one is cut"
    return (
        Tensors(read.name, read.dtype, (frames, *shape), told),
        Tensors("mask", "bool", (frames,), "true where a frame is real, false where it is padding"),
    )


def _outputs(classes: tuple[str, ...], units: tuple[int, ...]) -> tuple[Tensors, ...]:
    found = [Tensors("probabilities", "float32", (len(classes),), "of each class; they sum to 1")]
    if units:
        sides = "of each action unit, on the left and right of the person"
        found.append(Tensors("units", "float32", (len(units), 2), sides))
        found.append(Tensors("nothing_moved", "float32", (), "that nothing moved"))
    return tuple(found)


def _random(one: Tensors, n_clips: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = (n_clips, *one.shape)
    if one.dtype == "bool":  # the first clip is shorter than the others
        mask = np.ones(shape, bool)
        mask[0, max(1, one.shape[0] // 2) :] = False
        return mask
    # from hardly any contrast on, so that not every answer is as sure as can be
    strength = 4.0 ** np.arange(n_clips).reshape(-1, *[1] * len(one.shape))
    noise = strength * random.normal(size=shape)
    if one.dtype == "uint8":
        return (128 + 2 * noise).clip(0, 255).astype(np.uint8)
    return (noise / 4).astype(one.dtype)
