"""The edits of one coder of one video, as a file that only grows: one line an edit.

An edit that was told to be kept is on the disk: kill -9 and a power cut leave every line that was
finished. The first line says what the file is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from merkit.errors import ConfigError, StoreError
from merkit.review.edits import Edit

VERSION = 1
_FORMAT = "merkit review"


class Journal:
    """A journal as it was when it was opened, and what was appended since.

    ``edits``: in order. ``torn``: what was dropped at opening, an edit whose writing was cut off;
    "" where none was. ``analysis``: identity of the analysis that the edits are of.

    Args:
        analysis: of a journal that is not there yet.

    Raises:
        StoreError: damaged, or of a newer merkit; names the line.
    """

    def __init__(self, path: Path, analysis: str = "") -> None:
        self.path = path
        self.analysis = analysis
        self.torn = ""
        self._end = 0  # bytes that are read and whole
        self._size = 0  # of the file, with what was torn
        self.edits: list[Edit] = []
        if path.exists():
            self._read()

    def append(self, edit: Edit) -> None:
        """Add an edit; when this returns it is on the disk.

        Raises:
            ConfigError: it cannot be written; the file is as it was.
            StoreError: another program wrote the file meanwhile.
        """
        head = "" if self._end else _line({**_HEAD, "analysis": self.analysis})
        try:
            self._write((head + _line(edit.plain())).encode())
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror or error}",
                "a disk with room that may be written",
                "make room; the edit is not lost if it is sent again",
            ) from None
        self.edits.append(edit)

    def _write(self, text: bytes) -> None:
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            if file.tell() != self._size:
                raise StoreError(
                    f"{self.path} has {file.tell()} bytes, where {self._size} were read",
                    "one program that writes it",
                    "open the project again",
                )
            try:
                file.truncate(self._end)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._end)
                self._size = self._end
                raise
        if new:
            _keep_name(self.path.parent)
        self._end += len(text)
        self._size = self._end
        self.torn = ""

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}", "a journal") from None
        self._size = len(content)
        *lines, tail = content.split(b"\n")
        self._end = len(content) - len(tail)
        self.torn = tail.decode("utf-8", errors="replace")
        if lines:
            self._read_head(lines[0])
        self.edits = [self._edit(n, line) for n, line in enumerate(lines[1:], 2)]

    def _read_head(self, line: bytes) -> None:
        try:
            head = json.loads(line)
            if head["format"] != _FORMAT:
                raise ValueError(f"it holds a '{head['format']}'")
            version, self.analysis = head["version"], str(head["analysis"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                f"{self.path}, line 1 cannot be read: {error}", "the journal of a review", _FIX
            ) from None
        if version != VERSION:
            raise StoreError(
                f"{self.path} has version {version!r}", f"version {VERSION}", "update merkit"
            )

    def _edit(self, n: int, line: bytes) -> Edit:
        try:
            return Edit.of(json.loads(line))
        except (ConfigError, ValueError, TypeError, RecursionError) as error:
            why = error.found if isinstance(error, ConfigError) else error
            raise StoreError(
                f"{self.path}, line {n} cannot be read: {why}", "one edit a line", _FIX
            ) from None


_HEAD = {"format": _FORMAT, "version": VERSION}
_FIX = "take the file from a backup, or delete that line alone; the others are whole"


def _line(values: object) -> str:
    return json.dumps(values, allow_nan=False) + "\n"


def _keep_name(folder: Path) -> None:
    """See that the name of a new file is on the disk too, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
