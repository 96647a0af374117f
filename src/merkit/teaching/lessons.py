"""Simulated clips as a training reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from merkit.samples.batch import Inputs
from merkit.simulate.flow_maps import FlowMaps
from merkit.simulate.sequences import Sequences
from merkit.simulate.tables import NOTHING


@dataclass(frozen=True, eq=False)
class Lessons:
    """N clips with what is known of them.

    ``inputs``: arrays by name (``samples.batch``). ``classes``: int64 (N,), the last of which is
    that nothing moved. ``units``: f32 (N,U,2), 1 where an action unit is done on the person's left
    or right.
    """

    inputs: Inputs
    classes: Tensor
    units: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def moved(self) -> Tensor:
        """bool (N,): somebody did something."""
        return self.classes != NOTHING

    def __getitem__(self, chosen: Tensor) -> Lessons:
        inputs = {name: tensor[chosen] for name, tensor in self.inputs.items()}
        return Lessons(inputs, self.classes[chosen], self.units[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """One after the other."""
        names = parts[0].inputs
        return cls(
            {name: torch.cat([part.inputs[name] for part in parts]) for name in names},
            torch.cat([part.classes for part in parts]),
            torch.cat([part.units for part in parts]),
        )

    @classmethod
    def of(cls, made: FlowMaps | Sequences) -> Lessons:
        """Of simulated flow maps, or of simulated region motion."""
        if isinstance(made, FlowMaps):
            inputs = {"flow_map": torch.from_numpy(made.maps)}
        else:
            inputs = {"flow": torch.from_numpy(made.flow)}
        return cls(
            inputs,
            torch.from_numpy(made.classes),
            torch.from_numpy(made.units).float(),
        )
