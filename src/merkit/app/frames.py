"""Single frames of long videos, quickly: the picture of a number, as merkit decodes it.

Frame by frame, to and fro, around one place is what a person who looks for an onset does, so a
decoder stays open behind the last frame that was asked for, and its neighbours stay as JPEG.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar, cast

import cv2
import numpy as np

from merkit.errors import VideoError
from merkit.face.upright import turned
from merkit.types import U8, Frame
from merkit.video import iter_frames, list_images
from merkit.video.decode import iter_video
from merkit.video.packets import Keys

T = TypeVar("T")

#: a frame at most so far ahead is reached by decoding on, not by a jump
_NEAR = 60
#: a jump begins so many frames early, for the steps back that follow
_BEFORE = 12
#: JPEGs that are kept of one video; about 60 kB each
_KEPT = 160
_QUALITY = 88
#: a longer side is shown smaller
MOST_PX = 1280


class Recent(Generic[T]):
    """The few things that were asked for last; what falls out is closed."""

    def __init__(self, most: int, make: Callable[[str], T], close: Callable[[T], None]) -> None:
        self._most, self._make, self._close = most, make, close
        self._things: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def __getitem__(self, name: str) -> T:
        with self._lock:
            if name not in self._things:
                self._things[name] = self._make(name)
                if len(self._things) > self._most:
                    self._close(self._things.popitem(last=False)[1])
            self._things.move_to_end(name)
            return self._things[name]

    def close(self) -> None:
        with self._lock:
            while self._things:
                self._close(self._things.popitem()[1])


class FrameReader:
    """The frames of one video, turned left by so many quarters. Safe to share between threads.

    Args:
        fps_hz: of a folder of images.
        keys: of the file, where they are known; else its packets are read for the first frame.
    """

    def __init__(
        self,
        video: Path,
        quarters: int = 0,
        fps_hz: float | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._video, self._quarters, self._fps_hz = video, quarters, fps_hz
        self._lock = Lock()
        self._frames: Generator[Frame] | None = None
        self._next = 0
        self._keys, self._keys_read = keys, keys is not None
        self._jpegs: OrderedDict[int, bytes] = OrderedDict()

    def jpeg(self, number: int) -> bytes:
        """A frame as JPEG, its longer side at most ``MOST_PX``.

        Raises:
            VideoError: there is no such frame, or it cannot be decoded.
        """
        with self._lock:
            if number not in self._jpegs:
                self._read(number)
            self._jpegs.move_to_end(number)
            return self._jpegs[number]

    def pictures(self, *numbers: int) -> list[U8]:
        """Frames (H,W,3) in full size, in the order that was asked for.

        Raises:
            VideoError: as ``jpeg``.
        """
        found = {}
        for number in sorted(set(numbers)):
            with closing(self._open(number)) as frames:
                found[number] = turned(next(frames).rgb, self._quarters)
        return [found[number] for number in numbers]

    def close(self) -> None:
        with self._lock:
            if self._frames is not None:
                self._frames.close()
            self._frames = None

    def _read(self, number: int) -> None:
        """Decode on to a frame, keeping what comes on the way."""
        if self._frames is None or not self._next <= number <= self._next + _NEAR:
            if self._frames is not None:
                self._frames.close()
            self._frames = self._open(max(number - _BEFORE, 0))
        for frame in self._frames:
            self._next = frame.number + 1
            if frame.number >= number - _BEFORE:
                self._keep(frame.number, as_jpeg(turned(frame.rgb, self._quarters)))
            if frame.number >= number:
                break
        if number not in self._jpegs:
            raise VideoError(f"'{self._video}' has no frame {number}", f"up to {self._next - 1}")

    def _keep(self, number: int, jpeg: bytes) -> None:
        self._jpegs[number] = jpeg
        self._jpegs.move_to_end(number)
        while len(self._jpegs) > _KEPT:
            self._jpegs.popitem(last=False)

    def _open(self, first: int) -> Generator[Frame]:
        """Frames from a number on. Where decoding may begin is read once a video."""
        if self._video.is_dir():
            begin = max(first, min(list_images(self._video)))
            return _generator(iter_frames(self._video, begin, fps_hz=self._fps_hz), first)
        if not self._keys_read:
            self._keys, self._keys_read = Keys.of(self._video), True
        if self._keys is not None and first >= len(self._keys.times):
            raise VideoError(
                f"'{self._video}' has no frame {first}", f"up to {len(self._keys.times) - 1}"
            )
        return _generator(iter_video(self._video, first, None, lambda _: True, self._keys), first)


def as_jpeg(rgb: U8) -> bytes:
    """A picture as JPEG, its longer side at most ``MOST_PX``."""
    scale = min(1.0, MOST_PX / max(rgb.shape[:2]))
    if scale < 1:
        size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = cast(U8, cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _generator(frames: Iterator[Frame], first: int) -> Generator[Frame]:
    """Frames from a number on, in a form that can be closed at any place."""
    for frame in frames:
        if frame.number >= first:
            yield frame
