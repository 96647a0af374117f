"""The frames and frame numbers of a video file or a folder of images, through the same functions
for both.

Frame numbers are those of the source: the digits of an image's name, or the 0-based decoding
position in a video file. Ranges are inclusive. Times come from a file's own timestamps
(variable frame rates included); a folder has none, so its caller gives the rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from merkit.errors import VideoError
from merkit.types import I64, Frame, Frames, VideoInfo
from merkit.video.container import PathInput, existing, outside
from merkit.video.decode import count_video, iter_video, probe_video
from merkit.video.images import iter_images, list_images, read_image

#: Frame rate of a folder of images when the caller gives none.
DEFAULT_FOLDER_FPS_HZ = 25.0


def probe(path: PathInput, fps_hz: float | None = None) -> VideoInfo:
    """Size, rate and length of a video file or folder of images.

    ``width_px`` and ``height_px`` are those of the upright picture; ``rotation_deg`` is the
    clockwise turn (0, 90, 180, 270) that reading applies. For a file, ``n_frames`` and
    ``duration_s`` are the header's word; ``frame_numbers`` counts.

    Args:
        fps_hz: rate of a folder of images (default 25); a file has its own.

    Raises:
        MissingDataError: nothing there.
        VideoError: it cannot be read.
    """
    source = existing(path)
    if not source.is_dir():
        return probe_video(source)
    rate = _folder_rate(fps_hz)
    images = list_images(source)
    first, last = min(images), max(images)
    height, width = read_image(images[first]).shape[:2]
    duration_s = (last - first + 1) / rate
    return VideoInfo(source, width, height, rate, len(images), duration_s)


def iter_frames(
    path: PathInput,
    first: int | None = None,
    last: int | None = None,
    step: int = 1,
    *,
    fps_hz: float | None = None,
) -> Iterator[Frame]:
    """Stream frames ``first`` to ``last`` (inclusive; None: to the end), one in memory at a time.

    Args:
        step: keep every ``step``-th frame of the range, beginning with its first.
        fps_hz: rate of a folder of images (default 25); a file has its own timestamps.

    Raises:
        MissingDataError: nothing there.
        VideoError: it cannot be read, is truncated, or does not reach the range. What is known
            before decoding is raised by the call, the rest when the frame is reached.
    """
    source = existing(path)
    _check_range(source, first, last, step)
    if not source.is_dir():
        return iter_video(source, first, last, lambda n: (n - (first or 0)) % step == 0)
    images = list_images(source)
    chosen = _within(source, list(images), first, last)[::step]
    return iter_images(images, chosen, _folder_rate(fps_hz))


def read_frames(
    path: PathInput,
    numbers: Sequence[int] | I64 | None = None,
    *,
    fps_hz: float | None = None,
) -> Frames:
    """Read all frames, or those in ``numbers`` (any order, repeats allowed), into memory.

    Only the frames asked for are kept.

    Raises:
        MissingDataError: nothing there.
        VideoError: as ``iter_frames``, or a number that the source does not have, named.
    """
    if numbers is None:
        found = list(iter_frames(path, fps_hz=fps_hz))
        order = np.arange(len(found))
    else:
        unique, order = np.unique(np.asarray(numbers, dtype=np.int64), return_inverse=True)
        found = _read_numbers(existing(path), unique.tolist(), fps_hz)
    return Frames(
        np.stack([found[i].rgb for i in order]),
        np.array([found[i].number for i in order], dtype=np.int64),
        np.array([found[i].time_s for i in order], dtype=np.float64),
    )


def frame_numbers(path: PathInput) -> I64:
    """Numbers of the frames there are, increasing.

    A folder is only listed. A file's packets are read without decoding where its codec allows,
    which is right for variable frame rates too; otherwise it is decoded.

    Raises:
        MissingDataError: nothing there.
        VideoError: it cannot be read, or is truncated.
    """
    source = existing(path)
    if source.is_dir():
        return np.array(list(list_images(source)), dtype=np.int64)
    return np.arange(count_video(source), dtype=np.int64)


def _read_numbers(source: Path, wanted: list[int], fps_hz: float | None) -> list[Frame]:
    """Frames of increasing, unique numbers."""
    if not wanted:
        raise VideoError(f"0 frame numbers asked of '{source}'", "at least 1")
    if source.is_dir():
        images = list_images(source)
        missing = [number for number in wanted if number not in images]
        if missing:
            more = len(missing) - 1
            nor = f" (nor {more} more that were asked for)" if more else ""
            raise VideoError(
                f"'{source}' has no frame {missing[0]}{nor}",
                f"frames between {min(images)} and {max(images)} ({len(images)} of them)",
            )
        return list(iter_images(images, wanted, _folder_rate(fps_hz)))
    _check_range(source, wanted[0], wanted[-1], 1)
    return list(iter_video(source, wanted[0], wanted[-1], set(wanted).__contains__))


def _check_range(source: Path, first: int | None, last: int | None, step: int) -> None:
    """What can be said of a range without opening the source."""
    if step < 1:
        raise VideoError(f"step {step} for '{source}'", "a step of 1 or more")
    if min(first or 0, last or 0) < 0:
        raise VideoError(f"frames {first} to {last} of '{source}'", "frame numbers from 0")
    if first is not None and last is not None and first > last:
        raise VideoError(f"frames {first} to {last} of '{source}'", "first not after last")


def _within(source: Path, there: list[int], first: int | None, last: int | None) -> list[int]:
    low = there[0] if first is None else first
    high = there[-1] if last is None else last
    chosen = [number for number in there if low <= number <= high]
    if low < there[0] or high > there[-1] or not chosen:
        raise outside(source, first, last, there[0], there[-1])
    return chosen


def _folder_rate(fps_hz: float | None) -> float:
    if fps_hz is None:
        return DEFAULT_FOLDER_FPS_HZ
    if not (np.isfinite(fps_hz) and fps_hz > 0):
        raise VideoError(f"frame rate {fps_hz} Hz", "a rate above 0")
    return float(fps_hz)
