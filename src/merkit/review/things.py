"""What a review holds: events, exclusions, and a remark on the whole video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias

from merkit.types import Event

Verdict = Literal["", "accepted", "rejected"]
Origin = Literal["found", "added"]
#: id of the remark on the whole video
VIDEO = "video"


@dataclass(frozen=True, slots=True)
class ReviewedEvent:
    """An event as a coder left it.

    ``event``: with its present times and names. ``found``: as it was found; None where a coder
    added it. ``verdict``: "" while nobody has judged it. ``action_units``: as the coder wrote them,
    with intensities, else as the model called them. ``by_coder``: which of kind, label, units,
    onset, apex and offset the coder has said, also where that is what was found. ``revision``
    counts the edits; ``changed`` holds the revision in which each field changed last.
    """

    #: field -> attributes of the event; the first tells whether two are alike
    IN_EVENT: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "kind": ("kind",),
        "label": ("label", "score"),
        "units": ("action_units", "units"),
        "onset": ("onset_frame", "onset_s"),
        "apex": ("apex_frame", "apex_s"),
        "offset": ("offset_frame", "offset_s"),
    }

    id: str
    event: Event
    found: Event | None = None
    verdict: Verdict = ""
    note: str = ""
    action_units: str = ""
    by_coder: frozenset[str] = frozenset()
    removed: bool = False
    revision: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        return "added" if self.found is None else "found"

    @property
    def judged(self) -> bool:
        """Whether a coder accepted, rejected or added it."""
        return self.verdict != ""

    @property
    def endorsed(self) -> bool:
        """Whether a coder says that it is there: accepted it, corrected it or added it."""
        return self.verdict == "accepted" or (self.verdict == "" and bool(self.by_coder))

    def value(self, name: str) -> object:
        """What a field says; alike in two events where they agree in it."""
        if name == "units":
            return self.action_units, name in self.by_coder
        if name in self.IN_EVENT:
            return getattr(self.event, self.IN_EVENT[name][0]), name in self.by_coder
        return getattr(self, name)

    def with_field(self, name: str, other: ReviewedEvent) -> ReviewedEvent:
        """This event with one field of another version of it."""
        if name not in self.IN_EVENT:
            return replace(self, **{name: getattr(other, name)})
        changes: dict[str, Any] = {n: getattr(other.event, n) for n in self._stored(name)}
        by_coder = (self.by_coder - {name}) | (other.by_coder & {name})
        units = other.action_units if name == "units" else self.action_units
        return replace(
            self, event=replace(self.event, **changes), by_coder=by_coder, action_units=units
        )

    def _stored(self, name: str) -> tuple[str, ...]:
        return tuple(n for n in self.IN_EVENT[name] if n != "action_units")


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A part of the video that a coder leaves out, both ends inclusive, and why."""

    id: str
    first_frame: int
    last_frame: int
    start_s: float
    end_s: float
    note: str = ""
    removed: bool = False
    revision: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)

    def value(self, name: str) -> object:
        """What a field says."""
        return (self.first_frame, self.last_frame) if name == "stretch" else getattr(self, name)

    def with_field(self, name: str, other: Exclusion) -> Exclusion:
        """This exclusion with one field of another version of it."""
        names = ("first_frame", "last_frame", "start_s", "end_s") if name == "stretch" else (name,)
        changes: dict[str, Any] = {n: getattr(other, n) for n in names}
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Remark:
    """A coder's note on the whole video."""

    id: str = VIDEO
    note: str = ""
    removed: bool = False
    revision: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)

    def value(self, name: str) -> object:
        """What a field says."""
        return getattr(self, name)

    def with_field(self, name: str, other: Remark) -> Remark:
        """This remark with one field of another version of it."""
        changes: dict[str, Any] = {name: getattr(other, name)}
        return replace(self, **changes)


Thing: TypeAlias = ReviewedEvent | Exclusion | Remark
