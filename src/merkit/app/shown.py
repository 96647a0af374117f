"""What the page gets to see of a review: plain values, None for a number that is not known."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from merkit.inference.words import region_words
from merkit.review.clock import Clock
from merkit.review.review import Review
from merkit.review.things import Exclusion, ReviewedEvent, Thing
from merkit.types import Stretch

#: frames that a straight clock may be wrong by
_STRAIGHT = 0.2


def shown_review(review: Review, blinded: bool = False) -> dict[str, Any]:
    """All of a review; its ``count`` tells whether there is something new."""
    return {
        "events": [shown(event, blinded) for event in review.events],
        "exclusions": [shown(exclusion) for exclusion in review.exclusions],
        "remark": shown(review.remark),
        **shown_state(review),
    }


def shown_state(review: Review) -> dict[str, Any]:
    """``count`` of edits, and ``redo``: id of the undo that may be taken back, "" for none."""
    redo = review.redoable
    return {"count": len(review.history), "redo": "" if redo is None else redo.edit.id}


def shown(thing: Thing, blinded: bool = False) -> dict[str, Any]:
    """An event, exclusion or remark, with its ``type``.

    Args:
        blinded: leave out what a model said.
    """
    plain = {"id": thing.id, "revision": thing.revision, "removed": thing.removed}
    if isinstance(thing, ReviewedEvent):
        return {**plain, "type": "event", **_event(thing, blinded)}
    if isinstance(thing, Exclusion):
        frames = {"first_frame": thing.first_frame, "last_frame": thing.last_frame}
        return {**plain, "type": "exclusion", "note": thing.note, **frames}
    return {**plain, "type": "remark", "note": thing.note}


def _event(thing: ReviewedEvent, blinded: bool) -> dict[str, Any]:
    event, own = thing.event, thing.by_coder
    found = thing.found
    return {
        "kind": event.kind,
        "label": event.label if "label" in own or not blinded else "",
        "units": thing.action_units if "units" in own or not blinded else "",
        "score": None if blinded else number_or_none(event.score),
        "verdict": thing.verdict,
        "origin": thing.origin,
        "note": thing.note,
        "onset_frame": event.onset_frame,
        "apex_frame": event.apex_frame,
        "offset_frame": event.offset_frame,
        "onset_s": event.onset_s,
        "offset_s": event.offset_s,
        "motion_px": number_or_none(event.motion_px),
        "threshold_px": number_or_none(event.threshold_px),
        "quality": number_or_none(event.quality),
        "reasons": [] if blinded else list(event.reasons),
        "regions": [region_words(region) for region in event.regions[:4]],
        "found": None
        if found is None
        else {edge: getattr(found, f"{edge}_frame") for edge in ("onset", "apex", "offset")},
    }


def shown_stretch(stretch: Stretch) -> dict[str, Any]:
    told = ("kind", "first_frame", "last_frame", "part", "reason")
    return {name: getattr(stretch, name) for name in told}


def shown_clock(clock: Clock) -> dict[str, Any]:
    """Frames and times between which the page may count in proportion: two where the rate does not
    vary, else all that are known."""
    frames = np.append(clock.numbers, clock.last_frame + 1).astype(float)
    length_s = 1 / clock.fps_hz if isfinite(clock.fps_hz) else 0.04
    end_s = clock.time_at(clock.last_frame) + length_s
    times = np.append(clock.time_s, end_s)
    straight = np.interp(frames, frames[[0, -1]], times[[0, -1]])
    if np.abs(straight - times).max() <= _STRAIGHT * length_s:
        frames, times = frames[[0, -1]], times[[0, -1]]
    return {
        "first": clock.first_frame,
        "last": clock.last_frame,
        "frames": frames.tolist(),
        "times": [round(float(t), 6) for t in times],
    }


def number_or_none(value: float) -> float | None:
    """A number as JSON has it: none where it is not known."""
    return float(value) if isfinite(value) else None
