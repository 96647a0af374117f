"""What an edit makes of the thing that it is about, before anybody asks whether it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from merkit.datasets.action_units import parse_action_units
from merkit.errors import ConfigError, DatasetError
from merkit.review.clock import Clock
from merkit.review.edits import Edit
from merkit.review.things import Exclusion, ReviewedEvent, Thing, Verdict
from merkit.types import ActionUnit, Event, EventKind, UnitScore

_VERDICTS: Mapping[str, Verdict] = {"accept": "accepted", "reject": "rejected", "reopen": ""}
_EDGES = ("onset", "apex", "offset")


def changed(thing: Thing, edit: Edit, clock: Clock) -> tuple[Thing, tuple[str, ...]]:
    """A thing after an edit of it, and the fields that the edit sets. The revision stays.

    Raises:
        ConfigError: nothing of this kind can be done to it, or the edit has an impossible value.
    """
    if edit.kind == "note":
        return replace(thing, note=edit.text or ""), ("note",)
    done: tuple[Thing, tuple[str, ...]] | None = None
    if isinstance(thing, ReviewedEvent):
        done = _changed_event(thing, edit, clock)
    elif isinstance(thing, Exclusion):
        done = _changed_exclusion(thing, edit, clock)
    if done is None:
        raise ConfigError(
            f"'{edit.kind}' of {thing.id}",
            "an event to judge, name or move, an added one to remove (one that was found is "
            "rejected), an exclusion to move or include",
        )
    return done


def _changed_event(
    thing: ReviewedEvent, edit: Edit, clock: Clock
) -> tuple[ReviewedEvent, tuple[str, ...]] | None:
    if edit.kind in _VERDICTS:
        return replace(thing, verdict=_VERDICTS[edit.kind]), ("verdict",)
    if edit.kind == "remove" and thing.origin == "added":
        return replace(thing, removed=True), ("removed",)
    if edit.kind == "move":
        return _moved(thing, edit, clock)
    return _named(thing, edit) if edit.kind in ("relabel", "units") else None


def _changed_exclusion(
    thing: Exclusion, edit: Edit, clock: Clock
) -> tuple[Exclusion, tuple[str, ...]] | None:
    if edit.kind == "include":
        return replace(thing, removed=True), ("removed",)
    return (_moved_exclusion(thing, edit, clock), ("stretch",)) if edit.kind == "move" else None


def added(edit: Edit, clock: Clock) -> ReviewedEvent | Exclusion:
    """The event or exclusion that an edit makes. Nothing is measured of such an event: its motion,
    quality and share of found frames are NaN. Its apex, where none is given, is its middle.

    Raises:
        ConfigError: frames that the video does not have, or in another order.
    """
    if edit.kind == "exclude":
        nowhere = Exclusion(edit.target, 0, 0, 0.0, 0.0, edit.text or "")
        return _moved_exclusion(nowhere, edit, clock)
    onset, offset = edit.onset_frame or 0, edit.offset_frame or 0
    apex = (onset + offset) // 2 if edit.apex_frame is None else edit.apex_frame
    bare = ReviewedEvent(
        edit.target,
        _empty_event(edit.event_kind or "micro"),
        verdict="accepted",
        note=edit.text or "",
        by_coder=frozenset({"kind"}),
    )
    placed = replace(edit, kind="move", event_kind=None, label=None, units=None, text=None)
    event, _ = _moved(bare, replace(placed, apex_frame=apex), clock)
    if edit.apex_frame is None:
        event = replace(event, by_coder=event.by_coder - {"apex"})
    return _named(event, edit)[0]


def _empty_event(kind: EventKind) -> Event:
    nan = np.nan
    return Event(kind, nan, nan, nan, 0, 0, 0, nan, nan, nan, quality=nan, found_share=nan)


def _moved(thing: ReviewedEvent, edit: Edit, clock: Clock) -> tuple[ReviewedEvent, tuple[str, ...]]:
    frames = {edge: getattr(edit, f"{edge}_frame") for edge in _EDGES}
    given = {edge: frame for edge, frame in frames.items() if frame is not None}
    if not given or edit.first_frame is not None or edit.last_frame is not None:
        raise ConfigError(
            f"a move of event {thing.id} with first_frame or last_frame",
            "onset_frame, apex_frame or offset_frame",
        )
    changes: dict[str, Any] = {}
    for edge, frame in given.items():
        changes |= {f"{edge}_frame": frame, f"{edge}_s": clock.time_at(frame)}
    moved = replace(thing, event=replace(thing.event, **changes))
    check_order(moved)
    return replace(moved, by_coder=thing.by_coder | set(given)), tuple(given)


def check_order(thing: ReviewedEvent) -> None:
    """See that an event has its times in order.

    Raises:
        ConfigError: it has not.
    """
    event = thing.event
    if not event.onset_frame <= event.apex_frame <= event.offset_frame:
        raise ConfigError(
            f"onset {event.onset_frame}, apex {event.apex_frame}, offset {event.offset_frame}",
            "onset <= apex <= offset, in frames",
            "move the others too",
        )


def _moved_exclusion(thing: Exclusion, edit: Edit, clock: Clock) -> Exclusion:
    first = thing.first_frame if edit.first_frame is None else edit.first_frame
    last = thing.last_frame if edit.last_frame is None else edit.last_frame
    if first > last or (edit.first_frame is None and edit.last_frame is None):
        raise ConfigError(f"an exclusion from frame {first} to {last}", "first_frame <= last_frame")
    return replace(
        thing,
        first_frame=first,
        last_frame=last,
        start_s=clock.time_at(first),
        end_s=clock.time_at(last),
    )


def _named(thing: ReviewedEvent, edit: Edit) -> tuple[ReviewedEvent, tuple[str, ...]]:
    """With what the edit says of kind, label and units. A label of a coder has no score."""
    event, units, fields = thing.event, thing.action_units, []
    if edit.event_kind is not None:
        event, fields = replace(event, kind=edit.event_kind), ["kind"]
    if edit.label is not None:
        event = replace(event, label=_plain(edit.label), score=np.nan)
        fields.append("label")
    if edit.units is not None:
        units = _plain(edit.units)
        event = replace(event, units=called(event.units, coded_units(units)))
        fields.append("units")
    by_coder = thing.by_coder | set(fields)
    return replace(thing, event=event, action_units=units, by_coder=by_coder), tuple(fields)


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ConfigError(f"a name {text!r}", "characters that can be printed")
    return text.strip()


def coded_units(text: str) -> tuple[ActionUnit, ...]:
    """Action units as a coder writes them.

    Raises:
        ConfigError: it names none, or something else beside them.
    """
    try:
        units = parse_action_units(text)
    except DatasetError as error:
        raise ConfigError(error.found, error.wanted) from None
    if text and not units:
        raise ConfigError(f"'{text}' names no action unit", "units as FACS writes them: 1+2+L12")
    return units


def called(scores: tuple[UnitScore, ...], coded: tuple[ActionUnit, ...]) -> tuple[UnitScore, ...]:
    """The units that a coder calls present; probabilities stay what the model said, NaN of a unit
    that it does not know."""
    sides: dict[int, set[str]] = {}
    for unit in coded:
        one = {unit.side} if unit.side in ("L", "R") else {"L", "R"}
        sides[unit.number] = sides.get(unit.number, set()) | one
    known = {score.number: score for score in scores}
    for number in sides:
        known.setdefault(number, UnitScore(number, np.nan, np.nan))
    return tuple(
        replace(
            score,
            on_left="L" in sides.get(number, ()),
            on_right="R" in sides.get(number, ()),
        )
        for number, score in known.items()
    )
