"""``majority``: always the commonest class of the training clips; the floor of every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from merkit.face.align import AlignConfig
from merkit.methods.base import Inputs, NeuralMethod
from merkit.methods.classical import ABSENT, ClassicalModel, classical_training
from merkit.samples.recipe import Recipe
from merkit.types import F32, I64


@dataclass(frozen=True)
class MajorityConfig:
    """Nothing to set; one small frame a clip is prepared so that the clips are the same."""

    size_px: int = 64


class Majority(ClassicalModel):
    """Probabilities are the shares of the classes among the training clips; of several largest
    classes the first is predicted."""

    reads: ClassVar[tuple[str, ...]] = ("rgb",)
    config: MajorityConfig

    def __init__(self, config: MajorityConfig, n_classes: int) -> None:
        super().__init__(config, n_classes, 0)

    def describe(self, inputs: Inputs) -> Tensor:
        """Nothing, (B,0)."""
        return inputs["rgb"].new_zeros((len(inputs["rgb"]), 0), dtype=torch.float32)

    @torch.no_grad()
    def solve(self, features: F32, labels: I64, *, balanced: bool, seed: int) -> None:
        """Count the classes; ``balanced`` would leave nothing to tell, so it is not read."""
        counts = np.bincount(labels, minlength=self.n_classes)
        shares = np.where(counts > 0, np.log(np.maximum(counts, 1) / counts.sum()), ABSENT)
        self.intercept.copy_(torch.from_numpy(shares))


def recipe(config: MajorityConfig) -> Recipe:
    """The first frame, small."""
    return Recipe(kind="rgb", frames=1, align=AlignConfig(size_px=config.size_px))


METHOD = NeuralMethod(
    name="majority",
    title="The commonest class of the training clips",
    citation="no paper: the floor that a method must leave",
    config=MajorityConfig,
    model=Majority,
    recipe=recipe,
    training=classical_training,
)
