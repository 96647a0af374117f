"""What a measurement was made on, and what its processor could do at best."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

#: what makes kernels differ between processors
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def machine() -> dict[str, Any]:
    """Processor, cores, what it knows of wide arithmetic, and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "flags": [flag for flag in _FLAGS if flag in _cpuinfo().split()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def matrix_product_flops(device: str, side: int = 1024, seconds: float = 0.5) -> float:
    """Floating-point operations a second of float32 matrix products of this size."""
    a, b = torch.randn(2, side, side, device=device)
    a @ b
    n, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        n += 1
    return 2 * side**3 * n / (time.perf_counter() - started)


def peak_bytes() -> int | None:
    """The most memory that this process has held; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def processor() -> str:
    """Name of the processor."""
    named = [line for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return named[0].partition(":")[2].strip() if named else platform.processor()


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
