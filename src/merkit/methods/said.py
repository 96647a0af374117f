"""What a recogniser says of clips beside their classes. Shapes: B clips, U action units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from merkit.methods.base import Method
from merkit.samples.batch import Inputs
from merkit.training.network import Model


@dataclass(frozen=True, eq=False)
class Said:
    """Probabilities: of the action units on the left and right of the person (B,U,2), and that
    nothing moved (B,)."""

    units: np.ndarray
    nothing: np.ndarray


@torch.no_grad()
def said_of(network: Model, inputs: Inputs, method: Method) -> Said:
    """What ``said_shares`` tells, as arrays."""
    units, nothing = said_shares(network, inputs, method)
    return Said(units.cpu().numpy(), nothing.cpu().numpy())


def said_shares(network: Model, inputs: Inputs, method: Method) -> tuple[Tensor, Tensor]:
    """Probabilities of the action units (B,U,2) and of no movement (B,). One pass of the network;
    with ``training.mirror_at_test`` of the method the mean with what it says of the mirrored clips,
    whose sides are exchanged.

    Args:
        network: of a recogniser that learned action units.
    """
    units, nothing = _shares(network, inputs)
    twin = method.mirrored(inputs) if method.training.mirror_at_test else None
    if twin is not None:
        others, still = _shares(network, twin)
        units, nothing = (units + others.flip(-1)) / 2, (nothing + still) / 2
    return units, nothing


def _shares(network: Model, inputs: Inputs) -> tuple[Tensor, Tensor]:
    aux = network(inputs).aux
    return aux["units"].float().sigmoid(), aux["nothing"].float().sigmoid()
