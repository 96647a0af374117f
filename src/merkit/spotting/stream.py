"""Events and stretches of frames that come from anywhere, without an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from merkit.face import TrackConfig
from merkit.face.behaviour import ActionConfig
from merkit.face.stretches import stretches
from merkit.spotting.config import SpotConfig
from merkit.spotting.naming import Behaviour
from merkit.spotting.tracked import TrackedVideo, Watch
from merkit.spotting.video import events_of
from merkit.types import Event, Frame, Stretch, VideoInfo

#: An event is told this long after it: what may explain it, such as a hand before the face, is
#: judged by up to fifteen seconds around, and a macro-expression by those around it.
LATE_S = 20.0
#: What is known is looked at anew this often.
_EVERY_S = 1.0


def stream_events(
    frames: Iterable[Frame],
    fps_hz: float,
    config: SpotConfig | None = None,
    track: TrackConfig | None = None,
    actions: ActionConfig | None = None,
) -> Iterator[Event | Stretch]:
    """What ``spot_video`` says of the same frames, each some ``LATE_S`` after it happened.

    Memory is bounded: nothing is kept but the last minute, or the whole of a stretch while it
    lasts. Frames are looked at in step, about ``SpotConfig.rate_hz`` a second of them; pictures
    are taken to be upright.

    Args:
        frames: in order of time, such as those of a camera; ``time_s`` in seconds.
        fps_hz: how many come in a second.

    Raises:
        ConfigError: a rate that is not above 0.
        FaceError: a frame is no colour picture.
    """
    spot, acting = config or SpotConfig(), actions or ActionConfig()
    step = spot.step(fps_hz)
    watch = Watch(fps_hz / step, track or TrackConfig(), spot)
    info = VideoInfo(Path("stream"), 0, 0, fps_hz, None, None)
    told_s, next_s = -np.inf, -np.inf
    last = None
    for frame in watch.through(islice(frames, 0, None, step)):
        last = frame
        if next_s == -np.inf:
            next_s = frame.time_s + LATE_S + _EVERY_S
        if frame.time_s < next_s:
            continue
        next_s, until_s = frame.time_s + _EVERY_S, frame.time_s - LATE_S
        found, open_s = _told(watch.seen(info), told_s, until_s, spot, acting)
        yield from found
        told_s = until_s
        watch.forget(min(until_s, open_s) - LATE_S)
    if last is not None:
        yield from _told(watch.seen(info), told_s, np.inf, spot, acting)[0]


def _told(
    seen: TrackedVideo, from_s: float, until_s: float, spot: SpotConfig, acting: ActionConfig
) -> tuple[list[Event | Stretch], float]:
    """What ended from one time on and before another, in order; and when the first stretch began
    that goes on after that."""
    if not seen.face.found.any():
        events: tuple[Event, ...] = ()
    else:
        events = events_of(seen, Behaviour.of(seen.actions, acting), spot)
    untold = stretches(seen.actions, acting)
    found: list[tuple[float, float, Event | Stretch]] = [
        (e.offset_s, e.onset_s, e) for e in events if from_s <= e.offset_s < until_s
    ]
    found += [(s.end_s, s.start_s, s) for s in untold if from_s <= s.end_s < until_s]
    found.sort(key=lambda entry: entry[:2])
    open_s = min((s.start_s for s in untold if s.end_s >= until_s), default=np.inf)
    return [entry[2] for entry in found], open_s
