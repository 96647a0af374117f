"""What a measurement was made on, and what its processor could do at best.

torch is imported where it is asked, so that it is no part of what other processes hold.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from merkit.config import to_mapping

#: what makes kernels differ between processors
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def document(config: Any, found: Any) -> dict[str, Any]:
    """A result with its settings and what it was measured on, for a file.

    Args:
        config, found: dataclasses; where the result is written is left out.
    """
    settings = {name: value for name, value in to_mapping(config).items() if name != "out"}
    return {"settings": settings, "machine": machine(), "found": asdict(found)}


def machine() -> dict[str, Any]:
    """Processor, cores, what it knows of wide arithmetic, and versions."""
    import torch

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
    import torch

    a, b = torch.randn(2, side, side, device=device)
    a @ b
    n, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        n += 1
    return 2 * side**3 * n / (time.perf_counter() - started)


def peak_bytes(pid: int | None = None) -> int | None:
    """The most memory that this process, or another, has held; None where the system does not say.

    Linux tells it of any process under ``/proc``. Its ``getrusage`` would not do: what it says of a
    process begins with what the one that started it held.
    """
    held = re.search(r"VmHWM:\s+(\d+) kB", _text(f"/proc/{pid or 'self'}/status"))
    if held or pid is not None:
        return 1024 * int(held[1]) if held else None
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


def started_by(pid: int) -> list[int]:
    """Processes that live and were started by this one; none where the system has no ``/proc``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        _, _, facts = _text(f"{folder}/stat").rpartition(")")  # after the name: state, parent, ...
        if facts.split()[1:2] == [str(pid)]:
            found.append(int(folder.name))
    return found


def _cpuinfo() -> str:
    return _text("/proc/cpuinfo")


def _text(path: str) -> str:
    """Content of a file of the system; "" where there is none, or its process has ended."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
