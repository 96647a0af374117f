"""Known errors of the distributed sheets, corrected by key from one table.

``data/corrections.csv`` gives dataset, subject, clip, column, old and new value, level,
condition, reason and source. A correction is made only where the old value stands in the
clip, and every one made is written into ``Clip.raw`` as ``corrected:<column>``.

Columns: ``onset_frame``, ``apex_frame``, ``offset_frame`` (empty: no value), ``emotion``,
``action_units`` (old ``uncertain``: a cell that names alternatives), ``raw:<column>``.
Levels: ``certain``, made by default; ``reported``, what public code uses instead of a missing
or doubtful value, made only when asked for. Condition ``files``: only where the clip's first
image (for an onset) or last image (for an offset) has the new number. The apex of an interval
moved so is that of the other sheet version: where it lies outside, it becomes None, noted too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from merkit.datasets.action_units import format_action_units, parse_action_units
from merkit.datasets.base import noted
from merkit.datasets.layout import frame_numbers
from merkit.datasets.sheets import shipped_table
from merkit.errors import ConfigError
from merkit.types import Clip

LEVELS = ("none", "certain", "all")
_PREFIX = "corrected:"
#: Frame numbers, each with the end of the part to read that follows where it was the same.
_FRAMES = {"onset_frame": "first_frame", "apex_frame": "", "offset_frame": "last_frame"}


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the table; ``clip`` is the last part of the clip id."""

    dataset: str
    subject: str
    clip: str
    column: str
    old: str
    new: str
    level: str
    condition: str
    reason: str
    source: str

    @property
    def clip_id(self) -> str:
        """Id of the clip it is for."""
        return f"{self.dataset}/{self.subject}/{self.clip}"


@cache
def known_corrections() -> tuple[Correction, ...]:
    """The shipped table."""
    return tuple(Correction(**row) for row in shipped_table("corrections"))


def apply_corrections(
    clips: Iterable[Clip], level: str = "certain", table: Sequence[Correction] | None = None
) -> tuple[Clip, ...]:
    """The clips with the table's corrections made and noted.

    Raises:
        ConfigError: unknown level.
    """
    if level not in LEVELS:
        raise ConfigError(f"corrections '{level}'", f"one of {list(LEVELS)}")
    if level == "none":
        return tuple(clips)
    by_clip: dict[str, list[Correction]] = {}
    for correction in known_corrections() if table is None else table:
        if level == "all" or correction.level == "certain":
            by_clip.setdefault(correction.clip_id, []).append(correction)
    return tuple(_corrected(clip, by_clip.get(clip.clip_id, [])) for clip in clips)


def corrections_made(clip: Clip) -> dict[str, str]:
    """Column -> what was corrected and why, for the corrections made on this clip."""
    return {k.removeprefix(_PREFIX): v for k, v in clip.raw.items() if k.startswith(_PREFIX)}


def _corrected(clip: Clip, corrections: list[Correction]) -> Clip:
    moved = _made(clip, [c for c in corrections if c.condition])
    others = [c for c in corrections if not c.condition]
    if moved is clip:
        return _made(clip, others)
    return _without_apex_outside(_made(_without_apex_outside(moved), others))


def _made(clip: Clip, corrections: list[Correction]) -> Clip:
    done: set[str] = set()
    for correction in corrections:
        if correction.column in done:
            continue  # alternatives for one column: the first whose condition holds
        if _matches(clip, correction) and _condition_holds(clip, correction):
            clip = _with(clip, correction)
            done.add(correction.column)
    return clip


def _without_apex_outside(clip: Clip) -> Clip:
    """The clip without an apex that its corrected interval does not hold."""
    apex, onset, offset = clip.apex_frame, clip.onset_frame, clip.offset_frame
    if apex is None:
        return clip
    if (onset is None or onset <= apex) and (offset is None or apex <= offset):
        return clip
    note = f"{apex} -> empty: outside the interval {onset} to {offset} that the images give"
    return replace(_noted(clip, "apex_frame", note), apex_frame=None)


def _noted(clip: Clip, column: str, note: str) -> Clip:
    """The clip with one more note on a column."""
    earlier = clip.raw.get(_PREFIX + column)
    return noted(clip, {_PREFIX + column: f"{earlier}; {note}" if earlier else note})


def _matches(clip: Clip, correction: Correction) -> bool:
    column = correction.column
    if column.startswith("raw:"):
        return clip.raw.get(column[4:], "").strip() == correction.old
    if column == "action_units":
        units = clip.action_units or ()
        if correction.old == "uncertain":
            return any(u.uncertain for u in units)
        return format_action_units(units) == correction.old
    value = getattr(clip, column)
    return ("" if value is None else str(value)) == correction.old


def _condition_holds(clip: Clip, correction: Correction) -> bool:
    if not correction.condition:
        return True
    numbers = frame_numbers(clip.media)
    place = 0 if correction.column == "onset_frame" else -1
    return bool(numbers) and str(numbers[place]) == correction.new


def _with(clip: Clip, correction: Correction) -> Clip:
    column, new = correction.column, correction.new
    old = format_action_units(clip.action_units or ()) if column == "action_units" else ""
    note = f"{old or correction.old or 'empty'} -> {new or 'empty'}: {correction.reason}"
    clip = _noted(clip, column, f"{note} ({correction.source})")
    if column.startswith("raw:"):
        return noted(clip, {column[4:]: new})
    if column == "emotion":
        return replace(clip, emotion=new)
    if column == "action_units":
        return replace(clip, action_units=parse_action_units(new))
    if column not in _FRAMES:
        raise ConfigError(f"the corrections name the column '{column}'", f"one of {list(_FRAMES)}")
    frame, end = int(new) if new else None, _FRAMES[column]
    moved: dict[str, Any] = {column: frame}
    if end and getattr(clip, end) == getattr(clip, column):
        moved[end] = frame
    return replace(clip, **moved)
