"""Writing files so that a reader never sees half of one, and a kill never leaves one."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from merkit.errors import ConfigError, StoreError
from merkit.workers import end_if_begun_again

T = TypeVar("T")

TEMPORARY_PREFIX = ".tmp-"


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Say which path it was that could not be written. Writers of other libraries have errors of
    their own for a full disk."""
    try:
        yield
    except Exception as error:
        full = os.strerror(errno.ENOSPC)
        if not isinstance(error, OSError) and full not in str(error):
            raise
        reason = getattr(error, "strerror", None) or (full if full in str(error) else error)
        raise ConfigError(
            f"cannot write {path}: {reason}",
            "a place that may be written, on a disk with room",
            "choose another path",
        ) from None


def _temporary_prefix() -> str:
    """Begins the names of this process's temporary files, so that others know when it is dead."""
    return f"{TEMPORARY_PREFIX}{platform.node()}-{os.getpid()}-"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it into place if the block succeeds.

    Raises:
        ConfigError: nothing can be written there.
    """
    with _writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=_temporary_prefix(), suffix=path.suffix, dir=path.parent
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
    with _writable(path), _temporary_folder(path.parent) as temporary:
        yield temporary
        temporary.chmod(0o755)
        try:
            os.replace(temporary, path)
        except OSError:
            if not path.is_dir():
                raise


@contextmanager
def atomic_files(path: Path, overwrite: bool, option: str = "--out") -> Iterator[Path]:
    """Yield an empty folder beside ``path``; what lies in it at the end is moved beside ``path``,
    which is one of the files and comes last, so that it is never there without the others.

    Raises:
        ConfigError: one of them is there with another content and is not to be replaced, or
            nothing can be written there.
    """
    with _writable(path), _temporary_folder(path.parent) as temporary:
        yield temporary
        made = sorted(temporary.iterdir(), key=lambda file: file.name == path.name)
        for file in made:
            place = path.with_name(file.name)
            same = place.is_file() and file_hash(place) == file_hash(file)
            check_new_file(place, overwrite or same, option)
        for file in made:
            file.chmod(0o644)
            os.replace(file, path.with_name(file.name))


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_temporary_prefix(), dir=parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_new_file(path: Path, overwrite: bool, option: str) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Args:
        option: of the command line, that names it.

    Raises:
        ConfigError: it exists and is not to be replaced, is a folder, or lies in what is none.
    """
    if path.is_dir() or (path.exists() and not overwrite):
        raise ConfigError(
            f"{path} exists", "a new file", f"choose another {option}, or --overwrite"
        )
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir():
        raise ConfigError(f"{there} is no folder", "a folder for the table")


@contextmanager
def sole_writer(
    path: Path, wait_s: float = 0.0, fix: str = "wait for it to end, or choose another --out"
) -> Iterator[None]:
    """Let no other merkit on this machine write ``path`` meanwhile, and take away what a killed one
    left in it and beside it. The lock lies among the machine's temporary files and is the
    system's own, so nothing that is killed leaves it locked.

    Args:
        wait_s: how long to wait for another to end.
        fix: what to do where one does not.

    Raises:
        ConfigError: another process is writing it.
    """
    end_if_begun_again()
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24]
    user = getattr(os, "getuid", int)()  # not every system has one
    folder = Path(tempfile.gettempdir()) / f"merkit-locks-{user}"
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise ConfigError(
            f"another merkit is writing {path}",
            "one writer of it at a time",
            fix,
        ) from None
    try:
        for place in (path.parent, path, path / "folds"):
            remove_leftovers(place)
        yield
    finally:
        lock.release()


def once_a_version(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """What ``read`` gives of a file, read again when the file changes: size and time tell."""

    @lru_cache(maxsize=100_000)
    def of_version(path: Path, size: int, modified_ns: int) -> T:
        return read(path)

    @wraps(read)
    def of_file(path: Path) -> T:
        stat = path.stat()
        return of_version(path, stat.st_size, stat.st_mtime_ns)

    return of_file


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def relative_path(path: Path, folder: Path) -> str:
    """A path as seen from a folder, with "/"; "" where there is none: on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return ""


def write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


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
        if not path.is_file():
            raise OSError("it is no regular file")
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = sorted(set(fields) - set(content))
    except (ValueError, TypeError, OSError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read: {error}", wanted, fix) from None
    if missing or not isinstance(content, dict):
        raise StoreError(f"{path} lacks {missing}", wanted, fix)
    return content


def check_kinds(
    path: Path, content: Mapping[str, Any], kinds: Mapping[str, type], fix: str = ""
) -> None:
    """Refuse a field of another kind than it is to be.

    Raises:
        StoreError: names the first.
    """
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise StoreError(f"{path}: {name} is {content[name]!r}", f"a {kind.__name__}", fix)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def remove_folder(folder: Path) -> None:
    """Take a folder away, if it is there. What a kill leaves of it goes with the next leftovers."""
    leftover = folder.with_name(f"{_temporary_prefix()}{token_hex(4)}")
    with suppress(OSError):
        folder.rename(leftover)
    shutil.rmtree(leftover, ignore_errors=True)


def remove_leftovers(folder: Path, older_than_s: float = 3600.0) -> None:
    """Delete what an interrupted writer left behind: what a process of this machine wrote that is
    dead, and of other machines what is old. Nothing that a live one is writing."""
    for leftover in folder.glob(TEMPORARY_PREFIX + "*"):
        with suppress(OSError):  # its writer, or another cleaner, was faster
            if not _abandoned(leftover, older_than_s):
                continue
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _abandoned(leftover: Path, older_than_s: float) -> bool:
    machine, _, process = (
        leftover.name.removeprefix(TEMPORARY_PREFIX).rpartition("-")[0].rpartition("-")
    )
    if machine == platform.node() and process.isdecimal():
        return not process_lives(int(process))
    return time.time() - leftover.stat().st_mtime >= older_than_s


def process_lives(process: int) -> bool:
    """Whether a process of this machine is there, whoever began it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
