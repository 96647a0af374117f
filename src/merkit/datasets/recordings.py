"""Long recordings out of the events in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from merkit.datasets.layout import refuse_links_out
from merkit.types import Clip, Recording

#: Key of ``Clip.raw`` that names the recording which an event lies in.
RECORDING_FIELD = "recording"


def to_recordings(events: Iterable[Clip], root: Path) -> tuple[Recording, ...]:
    """Recordings sorted by id, their events in order of time. A recording without events does
    not come up, since no sheet names it.

    Raises:
        DatasetError: a recording's folder holds a link that leads out of ``root``.
    """
    groups: dict[str, list[Clip]] = {}
    for event in events:
        groups.setdefault(event.raw[RECORDING_FIELD], []).append(event)
    refuse_links_out((found[0].media for found in groups.values()), root)
    return tuple(_recording(name, found) for name, found in sorted(groups.items()))


def _recording(name: str, events: list[Clip]) -> Recording:
    in_time = sorted(events, key=lambda clip: (clip.onset_frame or 0, clip.clip_id))
    first = in_time[0]
    return Recording(
        recording_id=name,
        dataset=first.dataset,
        subject=first.subject,
        media=first.media,
        fps_hz=first.fps_hz,
        events=tuple(in_time),
    )
