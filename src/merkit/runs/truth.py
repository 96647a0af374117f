"""Annotated events of a long recording as the spans that spotting is scored against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from merkit.datasets.recordings import event_kind
from merkit.scoring.spotting import Span
from merkit.types import Clip, Finding

#: What an event without an annotated offset is: one that ends at its apex, or none to be scored.
#: CAS(ME)^2 has 44 of them, all macro. Public code takes the apex (SoftNet-SpotME), and published
#: counts hold all 300 macro-expressions, so the first is the default; leaving them out turns what
#: is spotted there into false events.
MissingOffset: TypeAlias = Literal["apex", "leave_out"]


@dataclass(frozen=True, slots=True)
class Annotated:
    """An event with its span."""

    event: Clip
    span: Span

    @property
    def amplitude_px(self) -> float:
        """How far it moves the face, where the database knows it (the synthetic one), else NaN."""
        return float(self.event.raw.get("amplitude_px") or "nan")


def no_label(event: Clip) -> str:
    """For spotting alone."""
    return ""


def annotated(
    events: Iterable[Clip],
    missing_offset: MissingOffset = "apex",
    label_of: Callable[[Clip], str] = no_label,
) -> tuple[tuple[Annotated, ...], tuple[Finding, ...]]:
    """The events that can be scored, and what was decided of those whose frames are not in order.

    An apex outside its event is taken for not known. An event without a usable beginning or end is
    left out.

    Args:
        missing_offset: what an event without an offset is (``MissingOffset``).
        label_of: name of an event's class, "" where it has none.

    Raises:
        DatasetError: an event that is neither micro nor macro.
    """
    kept: list[Annotated] = []
    told: list[Finding] = []
    for event in events:
        whole, found = _in_order(event, missing_offset)
        told += found
        if whole.onset_frame is not None and whole.offset_frame is not None:
            frames = whole.onset_frame, whole.offset_frame, event_kind(event), whole.apex_frame
            kept.append(Annotated(event, Span(*frames, label=label_of(event))))
    return tuple(kept), tuple(told)


def _in_order(event: Clip, missing_offset: MissingOffset) -> tuple[Clip, list[Finding]]:
    """The event with frames in order, those that do not fit taken out, and what was wrong."""
    onset, apex, offset = event.onset_frame, event.apex_frame, event.offset_frame
    told = []
    if offset is None and missing_offset == "apex" and None not in (onset, apex):
        told.append(_finding(event, "no offset", f"its apex {apex} is taken for its end"))
        offset = apex
    if onset is None or offset is None or offset < onset:
        detail = f"onset {onset}, apex {apex}, offset {event.offset_frame}: it is not scored"
        told.append(_finding(event, "event left out", detail))
        return replace(event, onset_frame=None), told
    if apex is not None and not onset <= apex <= offset:
        detail = f"apex {apex} outside {onset} to {offset}: taken for not known"
        told.append(_finding(event, "apex outside", detail))
        apex = None
    return replace(event, apex_frame=apex, offset_frame=offset), told


def _finding(event: Clip, what: str, detail: str) -> Finding:
    return Finding("note", what, detail, event.clip_id)


def outside(events: Iterable[Annotated], first: int, last: int) -> Iterator[Finding]:
    """Events that the frames of their recording, ``first`` to ``last``, do not hold: the numbers of
    sheet and images would not be the same."""
    for one in events:
        span = one.span
        if span.first_frame < first or span.last_frame > last:
            detail = (
                f"frames {span.first_frame} to {span.last_frame}, while its recording has frames "
                f"{first} to {last}"
            )
            yield Finding("differs", "event outside its recording", detail, one.event.clip_id)
