"""A video that a browser sends: streamed to the disk, and kept only if it is a video."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from threading import Lock

from anyio.to_thread import run_sync

from merkit.errors import ConfigError, VideoError
from merkit.files import atomic_file
from merkit.media import VIDEO_SUFFIXES, is_video

#: bytes of one video at most; a longer one is better named by its path than copied
MOST_BYTES = 8 * 2**30
#: bytes that stay free on the disk
RESERVE_BYTES = 2**30
#: bytes that are held before they are written
_BLOCK_BYTES = 2**20
#: bytes of a name without its suffix
_LONGEST_NAME = 120


class TooLargeError(ConfigError):
    """More than may be sent, or than the disk has room for."""


@dataclass
class Uploads:
    """A folder that takes videos; two of the same name are two files.

    ``most_bytes``: of one video.
    """

    folder: Path
    most_bytes: int = MOST_BYTES
    _taken: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    async def take(self, name: str, n_bytes: int | None, blocks: AsyncIterator[bytes]) -> Path:
        """Write a video of that name and give its path. What breaks off leaves nothing.

        Args:
            n_bytes: that are said to come; None where nothing is said.

        Raises:
            ConfigError: a name that is none of a video.
            TooLargeError: too much for ``most_bytes``, or for the disk.
            VideoError: it cannot be read as a video.
        """
        wanted = plain_name(name)
        self._check_room(wanted, n_bytes or 0)
        with self._reserved(wanted) as path, atomic_file(path) as temporary:
            await self._write(temporary, wanted, blocks)
            await run_sync(_check_video, temporary, wanted)
        return path

    async def _write(self, path: Path, name: str, blocks: AsyncIterator[bytes]) -> None:
        written, waiting = 0, bytearray()
        with path.open("wb") as file:
            async for block in blocks:
                waiting += block
                if len(waiting) >= _BLOCK_BYTES:
                    written += len(waiting)
                    self._check_room(name, written, on_disk=written)
                    await run_sync(file.write, bytes(waiting))
                    waiting.clear()
            self._check_room(name, written + len(waiting), on_disk=written)
            await run_sync(file.write, bytes(waiting))

    def _check_room(self, name: str, n_bytes: int, on_disk: int = 0) -> None:
        instead = "add it by its path ('Add from this computer'); it is then read where it lies"
        if n_bytes > self.most_bytes:
            raise TooLargeError(
                f"'{name}' has more than {self.most_bytes / 2**30:.3g} GB",
                "a smaller file",
                instead,
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free - RESERVE_BYTES
        if n_bytes - on_disk > free:
            raise TooLargeError(
                f"'{name}' does not fit on the disk: {max(free, 0) / 2**30:.3g} GB are free beside "
                f"the {RESERVE_BYTES / 2**30:.0f} GB that merkit leaves",
                "more room",
                instead,
            )

    @contextmanager
    def _reserved(self, name: str) -> Iterator[Path]:
        """A path that neither a file nor another upload has."""
        stem, suffix = Path(name).stem, Path(name).suffix
        with self._lock:
            tries = (name if n == 1 else f"{stem} ({n}){suffix}" for n in range(1, 100_000))
            free = next(t for t in tries if t not in self._taken and not (self.folder / t).exists())
            self._taken.add(free)
        try:
            yield self.folder / free
        finally:
            with self._lock:
                self._taken.discard(free)


def plain_name(name: str) -> str:
    """The last part of a file's name without anything that a file system may take amiss.

    Raises:
        ConfigError: not the name of a video.
    """
    last = PureWindowsPath(PurePosixPath(name).name).name
    last = unicodedata.normalize("NFC", last).strip().lstrip(".")
    kept = "".join("_" if unicodedata.category(c)[0] == "C" or c in '<>:"|?*' else c for c in last)
    if not is_video(kept) or not Path(kept).stem:
        raise ConfigError(
            f"'{kept or name}' is not named like a video",
            f"a name that ends in {', '.join(sorted(VIDEO_SUFFIXES))}",
        )
    stem, suffix = Path(kept).stem, Path(kept).suffix
    return stem.encode()[:_LONGEST_NAME].decode(errors="ignore") + suffix


def _check_video(path: Path, name: str) -> None:
    from merkit.video import probe

    try:
        probe(path)
    except VideoError as error:
        found = error.found.replace(str(path), name)
        raise VideoError(found, error.wanted, "check that it plays elsewhere") from None
