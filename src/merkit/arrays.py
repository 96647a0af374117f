"""Arrays in files that may be damaged."""

from __future__ import annotations

import errno
from pathlib import Path
from tokenize import TokenError

import numpy as np

#: a file up to this size is read at once: mapped it would stay open for as long as its array lives
_SMALL_BYTES = 2**20


def read_array(path: Path) -> np.ndarray:
    """An array of a ``.npy`` file, read-only, memory-mapped where it is large.

    Raises:
        ValueError: damaged, in whichever of its ways NumPy finds that out.
        OSError: cannot be opened.
    """
    try:
        return _read(path)
    except OSError as error:
        if error.errno != errno.EMFILE or not _more_open_files():
            raise
        return _read(path)
    except (TokenError, SyntaxError, TypeError, EOFError, MemoryError, OverflowError) as error:
        raise ValueError(f"no array can be read: {error}") from error


def _read(path: Path) -> np.ndarray:
    large = path.stat().st_size > _SMALL_BYTES
    array: np.ndarray = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    array.flags.writeable = False
    return array


def _more_open_files() -> bool:
    """Lift this process's limit of open files as far as the system lets it; whether it moved."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return False
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True
