"""Reading the state dicts that He's team released for the MEGC 2024 challenge."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from merkit.errors import MissingDataError, StoreError
from merkit.methods.evodyn import Evodyn, EvodynNetwork


def load_released(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict that the authors released for the MEGC 2024 challenge.

    Only tensors are read, never pickled code. The four classes of those files are none,
    surprise, positive, negative. Do not trust the UF1 in their names: that metric counts one
    class twice and drops another.
    Use it so::

        state = load_released("model.pt")
        model = EvodynNetwork(Evodyn(), n_classes=len(state["mlp_head.bias"]))
        model.load_state_dict(state)

    Returns:
        name -> float32 tensor, with the names and shapes of :class:`EvodynNetwork`.

    Raises:
        MissingDataError: no such file.
        StoreError: not a weights file, or one of another network.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingDataError(f"no weights file at {file}", fix="check the path")
    wanted = "a PyTorch state dict of tensors, as published for MEGC 2024"
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise StoreError(f"{file} is not a weights file: {_first_line(error)}", wanted) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise StoreError(f"{file} holds a {type(state).__name__}, not tensors by name", wanted)
    _check_released(file, state)
    return {name: tensor.float() for name, tensor in state.items()}


def _check_released(file: Path, state: Mapping[str, Any]) -> None:
    head = state.get("mlp_head.bias")
    classes = len(head) if head is not None and head.ndim == 1 else 4
    with torch.device("meta"):
        expected = EvodynNetwork(Evodyn(), classes).state_dict()
    missing, surplus = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or surplus:
        raise StoreError(
            f"{file} is of another network: {len(missing)} names missing "
            f"{sorted(missing)[:3]}, {len(surplus)} unknown {sorted(surplus)[:3]}",
            f"the {len(expected)} names of the five-layer network",
        )
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            raise StoreError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}", f"{tuple(tensor.shape)}"
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
