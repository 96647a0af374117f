"""Ranges of frame numbers, and the errors about them."""

from __future__ import annotations

from pathlib import Path

from merkit.errors import VideoError


def check_range(source: Path, first: int | None, last: int | None, step: int) -> None:
    """What can be said of a range without opening the source.

    Raises:
        VideoError: a negative number, ``first`` after ``last``, or a step below 1.
    """
    if step < 1:
        raise VideoError(f"step {step} for '{source}'", "a step of 1 or more")
    if min(first or 0, last or 0) < 0:
        raise VideoError(f"frames {first} to {last} of '{source}'", "frame numbers from 0")
    if first is not None and last is not None and first > last:
        raise VideoError(f"frames {first} to {last} of '{source}'", "first not after last")


def outside(
    source: Path, first: int | None, last: int | None, lowest: int, highest: int
) -> VideoError:
    """The error for a range that the source does not have."""
    asked = f"{'start' if first is None else first} to {'end' if last is None else last}"
    return VideoError(
        f"frames {asked} asked of '{source}', which has frames {lowest} to {highest}",
        "a range inside the source that holds at least one frame",
    )
