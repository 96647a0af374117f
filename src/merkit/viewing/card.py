"""The card of an event: what a page shows of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from merkit.inference.words import region_words
from merkit.types import EXPRESSIONS, Event
from merkit.viewing import words
from merkit.viewing.face import Arrow, arrows, drawn_centres
from merkit.viewing.pictures import EventPictures, PictureConfig

#: Events of a page that have pictures: expressions first, then the others in order of time.
MOST_PICTURED = 300
#: An arrow is so many times as long as the motion.
ARROW_TIMES = 10.0


@dataclass(frozen=True, eq=False)
class Card:
    """An event on the page; ``number`` counts the events of its kind. ``pictures``: None where it
    has none."""

    number: int
    event: Event
    config: PictureConfig
    pictures: EventPictures | None

    @property
    def title(self) -> str:
        return words.title_of(self.event, self.number)

    @property
    def anchor(self) -> str:
        return words.anchor_of(self.event.kind, self.number)

    @property
    def shots(self) -> list[tuple[str, float, str, bool]]:
        """Name, time, address and whether the face was found, of each picture."""
        if self.pictures is None:
            return []
        event, made = self.event, self.pictures
        names = ("onset", "apex", "offset")
        times = (event.onset_s, event.apex_s, event.offset_s)
        files = (made.onset, made.apex, made.offset)
        parts = zip(names, times, files, made.found, strict=True)
        return [(name, time_s, data_uri(jpeg), found) for name, time_s, jpeg, found in parts]

    @property
    def magnified(self) -> str:
        return data_uri(self.pictures.magnified) if self.pictures else ""

    @property
    def ground(self) -> str:
        """What arrows are drawn on; "" is the drawn face."""
        return data_uri(self.pictures.ground) if self.pictures else ""

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        size = self.config.size_px
        centres = self.pictures.centres if self.pictures else None
        at = drawn_centres(size) if centres is None else centres
        return arrows(self.event.regions, at, size, ARROW_TIMES)

    @property
    def regions(self) -> list[str]:
        return [region_words(region) for region in self.event.regions]

    @property
    def answer(self) -> str:
        return words.answer(self.event)


def pictured(events: Sequence[Event], most: int = MOST_PICTURED) -> list[int]:
    """Places of the events that have pictures: all, or where these are too many for a page the
    expressions first."""
    first = sorted(range(len(events)), key=lambda i: (events[i].kind not in EXPRESSIONS, i))
    return sorted(first[:most])


def data_uri(jpeg: bytes) -> str:
    """A picture as an address that holds it; "" of none."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}" if jpeg else ""
