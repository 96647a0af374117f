"""Long recordings of a database, and the kind of the events in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from merkit.datasets.base import sort_clips
from merkit.datasets.layout import refuse_links_out
from merkit.errors import DatasetError
from merkit.types import Clip, Recording

#: Key of ``Clip.raw`` that names the recording which an event lies in.
RECORDING = "recording"
#: Keys of ``Clip.raw`` under which databases say what kind an event is.
_KINDS = ("kind", "type", "Type")


def event_kind(event: Clip) -> Literal["micro", "macro"]:
    """The kind of an annotated event, by the column of kinds of its database ("Micro - 1/2",
    "macro-expression"). A database without such a column has micro-expressions alone.

    Raises:
        DatasetError: another kind.
    """
    said = next((event.raw[name] for name in _KINDS if name in event.raw), "micro")
    if said.strip().lower().startswith("micro"):
        return "micro"
    if said.strip().lower().startswith("macro"):
        return "macro"
    raise DatasetError(f"event '{event.clip_id}' is of kind '{said}'", "micro or macro")


def to_recordings(events: Iterable[Clip], root: Path) -> tuple[Recording, ...]:
    """The long recordings that the events lie in, sorted by id, each with its events in order of
    time. A recording without events does not come up, since no sheet names it; an adapter that
    knows some by their folders adds them.

    Raises:
        DatasetError: two events of one id, or a link in a recording's folder that leads out.
    """
    groups: dict[str, list[Clip]] = {}
    for event in sorted(sort_clips(events), key=lambda clip: clip.onset_frame or 0):
        groups.setdefault(event.raw[RECORDING], []).append(event)
    refuse_links_out((found[0].media for found in groups.values()), root)
    recordings = []
    for name, found in sorted(groups.items()):
        one = found[0]
        recordings.append(
            Recording(name, one.dataset, one.subject, one.media, one.fps_hz, tuple(found))
        )
    return tuple(recordings)
