"""Where a training runs."""

from __future__ import annotations

import warnings
from functools import cache

import torch
from torch import nn

from merkit.errors import ConfigError, MerkitWarning


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


@cache
def bfloat16_works(device: str) -> bool:
    """Whether bfloat16 trains here; says so once where it does not. A CPU without AVX-512 or AMX
    has no such LSTM, so one is tried."""
    try:
        with (
            torch.random.fork_rng(),
            torch.autocast(torch.device(device).type, torch.bfloat16),
        ):
            nn.LSTM(8, 8).to(device)(torch.zeros(2, 1, 8, device=device))[0].sum().backward()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        warnings.warn(f"no bfloat16 on '{device}', float32 it is: {reason}", MerkitWarning, 2)
        return False
    return True
