"""``majority``: always the commonest class of the training clips; the floor of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.special import logit
from torch import nn

from merkit.methods.classical import ABSENT, ClassicalMethod, ClassicalModel
from merkit.samples.batch import Inputs
from merkit.samples.inputs import NOTHING, Input
from merkit.training.loop import FitContext
from merkit.training.network import Output
from merkit.training.reader import ClipReader
from merkit.training.targets import Units


@dataclass(frozen=True, kw_only=True)
class Majority(ClassicalMethod):
    """Nothing to set, and nothing is read of a clip but its class, or units, in training."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = "The commonest class of the training clips"
    citation: ClassVar[str] = "no paper: the floor that a method must leave"

    def build(self, n_classes: int) -> MajorityModel:
        return MajorityModel(self, n_classes)

    def default_recipe(self) -> None:
        """None: it runs on every database."""

    def inputs(self) -> tuple[Input, ...]:
        """See ``Method.inputs``."""
        return (NOTHING,)

    def names_units(self, units: Sequence[int]) -> bool:
        """Yes, any: a unit is called where half of the training clips or more show it."""
        return True


class MajorityModel(ClassicalModel):
    """Probabilities are the shares of the classes, or of each unit, among the training clips; of
    several largest classes the first is predicted."""

    def __init__(self, config: Majority, n_classes: int) -> None:
        super().__init__(config, n_classes)
        self.log_shares = nn.Parameter(torch.zeros(n_classes))

    def forward(self, inputs: Inputs) -> Output:
        """``nothing`` (B,0) to the same logits (B,C) for every clip."""
        nothing = inputs["nothing"]
        return Output(self.log_shares.expand(nothing.shape[0], -1), nothing)

    @torch.no_grad()
    def solve(self, clips: ClipReader, context: FitContext) -> None:
        """Count the clips of each class, or with each unit."""
        labels = clips.labels(clips.fold.train, "fit")
        if isinstance(clips.targets, Units):
            odds = logit(labels.mean(axis=0))  # which a sigmoid, in place of a softmax, turns back
            shares = odds.clip(ABSENT, -ABSENT)
        else:
            counts = np.bincount(labels, minlength=self.n_classes)
            shares = np.where(counts > 0, np.log(np.maximum(counts, 1) / counts.sum()), ABSENT)
        self.log_shares.copy_(torch.from_numpy(shares))
