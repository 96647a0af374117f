"""Weights of a model from its safetensors file, whole and of the right form."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from merkit.errors import MissingDataError, StoreError
from merkit.training.network import Model


def fill(model: Model, path: Path, fix: str) -> None:
    """Give a model the weights of a file: all that training may change, and nothing else.

    Args:
        fix: what to do where they do not fit.

    Raises:
        MissingDataError: no such file.
        StoreError: it is damaged, or its weights are not those of this model.
    """
    if not path.is_file():
        raise MissingDataError(f"{path.parent} has no {path.name}", "a whole folder", fix)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "safetensors weights", fix) from None
    wanted = model.trainable_state()
    wrong = sorted(
        name
        for name in wanted.keys() | state.keys()
        if name not in wanted or name not in state or wanted[name].shape != state[name].shape
    )
    if wrong:
        raise StoreError(
            f"{path} does not fit its config.json: {len(wrong)} tensors, first '{wrong[0]}'",
            "weights and configuration of one training",
            fix,
        )
    model.load_state_dict(state, strict=False)
