"""Which frames of a clip there are."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from merkit.errors import VideoError
from merkit.types import I64, Clip
from merkit.video import frame_numbers


def with_lead(clip: Clip, frames: int) -> Clip:
    """The clip with so many frames of its recording before it."""
    if not frames or clip.first_frame is None:
        return clip
    return replace(clip, first_frame=clip.first_frame - frames)


def clip_frame_numbers(clip: Clip, there: I64 | None = None) -> I64:
    """Frames of the clip that exist. Fewer than annotated is for ``merkit data check`` to tell.

    Args:
        there: the frames of its media, increasing; by default they are counted.

    Raises:
        MissingDataError, VideoError: the media cannot be read, or none of them exists.
    """
    numbers = _numbers_of(clip.media) if there is None else there
    low = numbers[0] if clip.first_frame is None else clip.first_frame
    high = numbers[-1] if clip.last_frame is None else clip.last_frame
    kept = numbers[(numbers >= low) & (numbers <= high)]
    if not len(kept):
        raise VideoError(
            f"clip '{clip.clip_id}': no frame between {low} and {high} in '{clip.media}'",
            f"frames within {numbers[0]} to {numbers[-1]}, which are there",
            "merkit data check shows what else is missing",
        )
    return kept


def _numbers_of(media: Path) -> I64:
    return _numbers_there(media, media.stat().st_mtime_ns if media.exists() else 0)


@lru_cache(maxsize=256)
def _numbers_there(media: Path, modified_ns: int) -> I64:
    """A long video is counted once, not once an event; the time makes the cache notice changes."""
    return frame_numbers(media)
