"""Where frames come from as often as they are asked for: a file or folder, or arrays in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from merkit.errors import VideoError
from merkit.types import I64, Frame, VideoInfo
from merkit.video.given import Given, Intake
from merkit.video.read import frame_numbers, iter_frames, probe


class FrameSource(Protocol):
    """Frames that can be read more than once."""

    def info(self) -> VideoInfo: ...

    def numbers(self) -> I64:
        """Of the frames there are, increasing."""
        ...

    def frames(
        self, first: int | None = None, last: int | None = None, step: int = 1
    ) -> Iterator[Frame]:
        """Frames ``first`` to ``last``, inclusive, every ``step``-th of them."""
        ...


@dataclass(frozen=True)
class VideoSource:
    """A video file or folder of images; see ``merkit.video.read``. ``fps_hz``: of a folder."""

    path: Path
    fps_hz: float | None = None

    def info(self) -> VideoInfo:
        return probe(self.path, self.fps_hz)

    def numbers(self) -> I64:
        return frame_numbers(self.path)

    def frames(
        self, first: int | None = None, last: int | None = None, step: int = 1
    ) -> Iterator[Frame]:
        return iter_frames(self.path, first, last, step, fps_hz=self.fps_hz)


class ArraySource:
    """Pictures in memory, as an array (T,H,W,3) or grey (T,H,W), or in a list.

    Args:
        fps_hz: frames a second.

    Raises:
        ConfigError: no rate.
        VideoError: no picture, or one that ``Intake.frame`` refuses.
    """

    def __init__(self, pictures: Sequence[Given] | np.ndarray, fps_hz: float | None) -> None:
        self._pictures, self.fps_hz = pictures, Intake(fps_hz).rate_hz
        if isinstance(pictures, np.ndarray) and (pictures.ndim < 3 or _is_one(pictures.shape)):
            raise VideoError(
                f"an array of shape {pictures.shape}",
                "(T,H,W,3), or grey (T,H,W): T pictures one after another",
            )
        if not len(pictures):
            raise VideoError("0 frames", "at least 1")

    def info(self) -> VideoInfo:
        height, width = next(self.frames()).rgb.shape[:2]
        count = len(self._pictures)
        duration_s = count / self.fps_hz
        return VideoInfo(Path("frames"), width, height, self.fps_hz, count, duration_s)

    def numbers(self) -> I64:
        return np.array([frame.number for frame in self.frames()], np.int64)

    def frames(
        self, first: int | None = None, last: int | None = None, step: int = 1
    ) -> Iterator[Frame]:
        intake, wanted = Intake(self.fps_hz), 0
        for given in self._pictures:
            frame = intake.frame(given)
            if last is not None and frame.number > last:
                return
            if first is None or frame.number >= first:
                if wanted % step == 0:
                    yield frame
                wanted += 1


def _is_one(shape: tuple[int, ...]) -> bool:
    """Whether an array has the shape of one colour picture."""
    return len(shape) == 3 and shape[2] in (3, 4)
