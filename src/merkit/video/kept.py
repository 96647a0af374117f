"""The last frames of a stream, kept in a temporary file so that they can be read again."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merkit.errors import ConfigError
from merkit.types import I64, Frame, VideoInfo


@dataclass(frozen=True)
class _Slot:
    """Where in the file a frame is."""

    number: int
    time_s: float
    place: int


class KeptFrames:
    """Frames in order of time, to the bit as they were given; see ``FrameSource``.

    The file has no name where the system allows that, and is gone with the process however that
    ends. It grows until ``forget`` leaves room, which is then used again. Not for two threads.

    Args:
        info: of the frames.
        expected: about how many are kept at a time.
        folder: on the disk that has the room; by default that of temporary files.

    Raises:
        ConfigError: there is no such folder, or no room.
    """

    def __init__(self, info: VideoInfo, expected: int, folder: Path | str | None = None) -> None:
        self._info = info
        self._shape = (info.height_px, info.width_px, 3)
        self._folder = Path(folder or tempfile.gettempdir())
        self._bytes = info.height_px * info.width_px * 3
        self._slots: deque[_Slot] = deque()
        self._free: list[int] = []
        self._places = 0  # in the file
        self._check_room(expected)
        try:
            # closed by ``close``, or with this object
            self._file = tempfile.TemporaryFile(prefix="merkit-", dir=self._folder)  # noqa: SIM115
        except OSError as error:
            raise ConfigError(
                f"no temporary file can be made in {self._folder} ({error.strerror})",
                "a folder that can be written to",
            ) from error

    def info(self) -> VideoInfo:
        return self._info

    def add(self, frame: Frame) -> None:
        """Keep the next frame.

        Raises:
            ConfigError: the disk is full.
        """
        place = self._free[-1] if self._free else self._places
        try:
            self._file.seek(place * self._bytes)
            self._file.write(np.ascontiguousarray(frame.rgb).data)
            self._file.flush()
        except OSError as error:
            ended = f"it ended after {self._places} frames ({error.strerror})"
            raise self._no_room(ended) from None
        if self._free:
            self._free.pop()
        self._places = max(self._places, place + 1)
        self._slots.append(_Slot(frame.number, frame.time_s, place))

    def forget(self, before_s: float, but: int = 0) -> None:
        """Leave room where the frames before a time lie, but for the last so many of them."""
        while len(self._slots) > but and self._slots[but].time_s < before_s:
            self._free.append(self._slots.popleft().place)

    def numbers(self) -> I64:
        """Of the frames that are kept."""
        return np.array([slot.number for slot in self._slots], np.int64)

    def frames(
        self, first: int | None = None, last: int | None = None, step: int = 1
    ) -> Iterator[Frame]:
        """Those of the kept frames."""
        low = -np.inf if first is None else first
        high = np.inf if last is None else last
        chosen = [slot for slot in self._slots if low <= slot.number <= high]
        for slot in chosen[::step]:
            rgb = np.empty(self._shape, np.uint8)
            self._file.seek(slot.place * self._bytes)
            self._file.readinto(rgb.data)
            yield Frame(slot.number, slot.time_s, rgb)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def _check_room(self, expected: int) -> None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise ConfigError(
                f"there is no folder {self._folder} ({error.strerror})", "one to keep frames in"
            ) from error
        if free < expected * self._bytes:
            raise self._no_room(f"{free / 1e9:.1f} GB are free", expected)

    def _no_room(self, found: str, expected: int = 0) -> ConfigError:
        needed = f", {expected * self._bytes / 1e9:.1f} GB of them" if expected else ""
        return ConfigError(
            f"no room for the last frames in {self._folder}: {found}",
            f"the frames that may have to be named{needed}",
            "name another folder, give smaller frames, or name nothing (recognizer=None)",
        )
