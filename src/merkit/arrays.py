"""Arrays in files that may be damaged."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np


def read_array(path: Path) -> np.ndarray:
    """An array of a ``.npy`` file, memory-mapped read-only.

    Raises:
        ValueError: damaged, in whichever of its ways NumPy finds that out.
        OSError: cannot be opened.
    """
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (TokenError, SyntaxError, TypeError, EOFError, MemoryError, OverflowError) as error:
        raise ValueError(f"no array can be read: {error}") from error
    return array
