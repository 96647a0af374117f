"""Long recordings out of the events in them."""

from __future__ import annotations

from collections.abc import Iterable

from merkit.types import Clip, Recording

#: Key of ``Clip.raw`` that names the recording which an event lies in.
RECORDING_FIELD = "recording"


def to_recordings(events: Iterable[Clip]) -> tuple[Recording, ...]:
    """Recordings sorted by id, their events in order of time. A recording without events does
    not come up, since no sheet names it."""
    groups: dict[str, list[Clip]] = {}
    for event in events:
        groups.setdefault(event.raw[RECORDING_FIELD], []).append(event)
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
