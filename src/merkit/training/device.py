"""Where a training runs."""

from __future__ import annotations

import torch

from merkit.errors import ConfigError


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
        raise ConfigError(
            f"device '{name}': {error}".splitlines()[0], "auto, cpu or cuda"
        ) from None
    return name
