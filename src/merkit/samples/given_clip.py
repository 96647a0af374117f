"""Frames in memory as a clip, for recipes outside of any database."""

from __future__ import annotations

from pathlib import Path

from merkit.errors import ConfigError
from merkit.types import Clip


def given_clip(
    n_frames: int, fps_hz: float, onset: int | None, apex: int | None, offset: int | None
) -> Clip:
    """The part from onset to offset of so many frames, numbered from 0.

    Raises:
        ConfigError: an event that does not lie within the frames in order.
    """
    first, last = onset or 0, n_frames - 1 if offset is None else offset
    named = {"onset": first, "apex": first if apex is None else apex, "offset": last}
    if not 0 <= named["onset"] <= named["apex"] <= named["offset"] < n_frames:
        told = ", ".join(f"{name} {number}" for name, number in named.items())
        raise ConfigError(
            f"{told} of {n_frames} frames",
            f"onset <= apex <= offset, each a position from 0 to {n_frames - 1}",
        )
    return Clip(
        "the frames",
        dataset="",
        subject="",
        media=Path(),
        fps_hz=fps_hz,
        emotion="",
        first_frame=first,
        last_frame=last,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
    )
