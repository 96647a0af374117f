"""Writing files so that a reader never sees half of one, and a kill never leaves one."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError, StoreError

TEMPORARY_PREFIX = ".tmp-"


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}",
            "a place that may be written, on a disk with room",
            "choose another path",
        ) from None


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it into place if the block succeeds.

    Raises:
        ConfigError: nothing can be written there.
    """
    with _writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent
        )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a folder that does not exist yet. If another process made it meanwhile,
    theirs stays and ours is dropped.

    Raises:
        ConfigError: nothing can be written there.
    """
    with _writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        try:
            os.replace(temporary, path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all; a number that is not finite, for which JSON has no word, is
    null."""
    text = json.dumps(_finite(value), indent=2, default=str, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path, fields: Iterable[str], wanted: str, fix: str = "") -> dict[str, Any]:
    """The content of a JSON file that holds an object with at least these fields.

    Raises:
        StoreError: it cannot be read, is no JSON, or lacks a field.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = sorted(set(fields) - set(content))
    except (ValueError, TypeError, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}", wanted, fix) from None
    if missing or not isinstance(content, dict):
        raise StoreError(f"{path} lacks {missing}", wanted, fix)
    return content


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def remove_leftovers(folder: Path, older_than_s: float = 3600.0) -> None:
    """Delete what an interrupted writer left behind, and nothing a live one is writing."""
    for leftover in folder.glob(TEMPORARY_PREFIX + "*"):
        if time.time() - leftover.stat().st_mtime < older_than_s:
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
