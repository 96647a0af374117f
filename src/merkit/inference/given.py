"""What a program hands over as a video: a path, pictures in memory, or pictures one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from merkit.errors import ConfigError, MerkitWarning
from merkit.face.upright import turned
from merkit.spotting import TrackedVideo
from merkit.types import F32, U8
from merkit.video.given import looks_bgr
from merkit.video.source import ArraySource, FrameSource, VideoSource

if TYPE_CHECKING:
    from merkit.inference.analysis import Video


def source_of(video: Video, fps_hz: float | None) -> FrameSource | None:
    """Where the frames of a video can be read as often as wanted; None where they come but once.

    Raises:
        ConfigError: it is no video, or pictures without a rate.
        VideoError: an array that holds no pictures.
    """
    if isinstance(video, (str, Path)):
        return VideoSource(Path(video), fps_hz)
    given: Any = video
    if hasattr(given, "frames") and hasattr(given, "numbers"):
        source: FrameSource = given
        return source
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], (str, Path)):
        raise ConfigError(f"{len(given)} paths", "one video", "merkit.analyse_many(paths)")
    if isinstance(given, (list, tuple)):
        return ArraySource(given, fps_hz)
    if hasattr(given, "__array__"):
        return ArraySource(np.asarray(given), fps_hz)
    if isinstance(given, Iterable):
        return None
    raise ConfigError(
        f"a video of the type {type(given).__name__}",
        "a path, an array (T,H,W,3), or frames one after another",
    )


def warn_of_colours(seen: TrackedVideo, source: FrameSource) -> None:
    """Warn where the first face of pictures that a program made looks blue."""
    found = np.flatnonzero(seen.face.found)
    if len(found):
        number = int(seen.numbers[found[0]])
        frame = next(iter(source.frames(number, number)))
        warn_if_bgr(turned(frame.rgb, seen.turns), seen.face.box_px[found[0]])


def warn_if_bgr(rgb: U8, box_px: F32) -> None:
    """Warn where the face in a box looks as if red and blue had changed places."""
    if looks_bgr(rgb, box_px):
        warnings.warn(
            "the face is bluer than it is red: frames of OpenCV are BGR, and merkit takes RGB. "
            "Give cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), or ignore this where the light is blue.",
            MerkitWarning,
            stacklevel=3,
        )
