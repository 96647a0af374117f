"""Where a training runs, and in what precision it can."""

from __future__ import annotations

import ctypes
import sys
import warnings
from functools import cache

import torch
from torch import Tensor, nn

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


def token_memory_bytes(device: str, wanted_gb: float | None) -> int:
    """Bytes of cached tokens that a training may hold in memory, on its device: as wanted, or half
    of a GPU. On a CPU 0.1 GB: files that were read lie in memory that all processes share, and only
    small tokens, such as vectors, are read faster when they are held."""
    if wanted_gb is not None:
        return round(wanted_gb * 1e9)
    if torch.device(device).type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // 2
    return 10**8


#: options of glibc's ``mallopt``: how much free memory at the top goes back to the system, and how
#: many blocks may be got from it one by one
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Let this process keep the memory of tensors that are gone for the next ones.

    glibc gives large blocks back to the system at once, which zeroes them anew page by page for the
    next step; with batches of hundreds of megabytes that is a third of a step. Other C libraries
    are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def trains_in_half(model: nn.Module, device: str, dtype: torch.dtype) -> bool:
    """Whether a network can be trained in a 16-bit type here; see :func:`half_works`."""
    lstm = any(isinstance(layer, nn.LSTM) for layer in model.modules())
    return half_works(device, dtype, backward=True, lstm=lstm)


@cache
def half_works(device: str, dtype: torch.dtype, *, backward: bool, lstm: bool) -> bool:
    """Whether mixed precision in a 16-bit type computes here; says so once where it does not.

    Layers are tried, since which types a processor has differs by kind of layer: without AVX-512 or
    AMX there is no bfloat16 LSTM, and that is told only when one is asked for.

    Args:
        backward: gradients too.
        lstm: an LSTM too, beside the layers that all networks here have.
    """
    try:
        with torch.autocast(torch.device(device).type, dtype):
            if backward:
                with torch.enable_grad():
                    _try_layers(device, lstm=lstm).backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                _try_layers(device, lstm=lstm)
    except RuntimeError as error:
        name, reason = str(dtype).removeprefix("torch."), str(error).splitlines()[0]
        warnings.warn(f"no {name} on '{device}', float32 it is: {reason}", MerkitWarning, 2)
        return False
    return True


def _try_layers(device: str, *, lstm: bool) -> Tensor:
    """One number out of layers whose kernels depend on the type; no random number is used up."""
    with torch.random.fork_rng(devices=[]):
        layers = (
            nn.Linear(8, 8),
            nn.Conv1d(4, 4, 3, padding=1),
            nn.Conv2d(1, 1, 3, padding=1),
            nn.LSTM(8, 8),
        )
    linear, along, across, recurrent = (layer.to(device) for layer in layers)
    x = across(along(linear(torch.zeros(2, 4, 8, device=device)))[:, None])[:, 0]
    if lstm:  # of 32 bits, as after a layer norm, and of 16
        x = recurrent(recurrent(x.float())[0])[0]
    return nn.functional.scaled_dot_product_attention(x, x, x).float().sum()
