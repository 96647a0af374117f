"""A whole video: what moved, when, and of which times nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merkit.face import TrackConfig
from merkit.face.behaviour import ActionConfig, runs
from merkit.face.stretches import stretches
from merkit.progress import Progress, silent
from merkit.spotting.config import SpotConfig
from merkit.spotting.course import Movement
from merkit.spotting.look import EYE_DISTANCE_PX
from merkit.spotting.naming import Behaviour, is_hidden, kind_of, moved
from merkit.spotting.quality import quality_of
from merkit.spotting.regions import REGIONS
from merkit.spotting.tracked import TrackedVideo, track_video
from merkit.types import EXPRESSIONS, Bool, Event, EventKind, RegionMotion, Stretch

if TYPE_CHECKING:
    from merkit.video.source import FrameSource


@dataclass(frozen=True)
class SpottedVideo:
    """What one pass over a video found.

    ``seen``: the face that was followed, frame by frame. ``problem``: why there can be no events,
    such as no face in the whole video; "" where there can.
    """

    seen: TrackedVideo
    duration_s: float
    events: tuple[Event, ...]
    stretches: tuple[Stretch, ...]
    problem: str = ""


def spot_video(
    video: Path | str | FrameSource,
    config: SpotConfig | None = None,
    track: TrackConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
    actions: ActionConfig | None = None,
) -> SpottedVideo:
    """Every brief facial movement of a video, and what else it shows.

    Args:
        video: a file, a folder of images, or what else gives frames as often as they are asked for.
        fps_hz: frame rate of an image folder.
        actions: when lids, lips and head count as moving.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    settings, video = config or SpotConfig(), Path(video) if isinstance(video, str) else video
    seen = track_video(video, track or TrackConfig(), settings, fps_hz, progress)
    if not seen.face.found.any():
        problem = no_face(seen.info.path, len(seen.face.found))
        return SpottedVideo(seen, seen.duration_s, (), (), problem)
    acting = actions or ActionConfig()
    did = Behaviour.of(seen.actions, acting)
    untold = stretches(seen.actions, acting)
    return SpottedVideo(seen, seen.duration_s, events_of(seen, did, settings), untold)


def no_face(video: Path, n_frames: int) -> str:
    """Why there can be no events where nobody was seen."""
    return f"{video}: no face found in any of {n_frames} frames"


def events_of(seen: TrackedVideo, did: Behaviour, config: SpotConfig) -> tuple[Event, ...]:
    """The movements of a video with their kinds, and its blinks and gaze shifts, by time."""
    shown = [m for m in seen.movements if not is_hidden(m, did)]
    found = [_event(m, seen, did, config) for m in shown]
    kept = [event for event in found if event.kind not in ("blink", "gaze shift")]
    kept = whole_faces(kept)
    by_eyes: tuple[tuple[EventKind, Bool], ...] = (("blink", did.blink), ("gaze shift", did.gaze))
    for kind, mask in by_eyes:
        same = [event for event in found if event.kind == kind]
        kept += [_of_run(kind, first, last, seen, same) for first, last in runs(mask)]
    return tuple(sorted(kept, key=lambda event: (event.onset_s, event.offset_s, event.kind)))


def whole_faces(events: Sequence[Event]) -> list[Event]:
    """Expressions of one kind of the brows and of the lower face that share an apex are one, with
    the times of the one that stands out more."""
    expressions = [e for e in events if e.kind in EXPRESSIONS]
    kept = [e for e in events if e.kind not in EXPRESSIONS]
    for event in sorted(expressions, key=lambda e: (-e.motion_px / e.threshold_px, e.onset_s)):
        same = [
            i
            for i, other in enumerate(kept)
            if other.kind == event.kind and _share_an_apex(event, other)
        ]
        if same:
            regions = (*kept[same[0]].regions, *event.regions)
            regions = tuple(sorted(regions, key=lambda r: -r.motion_px))
            kept[same[0]] = replace(kept[same[0]], regions=regions)
        else:
            kept.append(event)
    return kept


def _share_an_apex(event: Event, other: Event) -> bool:
    return (
        event.onset_s <= other.apex_s <= event.offset_s
        or other.onset_s <= event.apex_s <= other.offset_s
    )


def _event(m: Movement, seen: TrackedVideo, did: Behaviour, config: SpotConfig) -> Event:
    places = np.arange(int(np.floor(m.onset)), int(np.ceil(m.offset)) + 1).clip(
        0, len(seen.numbers) - 1
    )
    found_share = float(seen.face.found[places].mean())
    eye_px = float(np.nanmedian(seen.actions.eye_distance_px[places]))
    quality, doubts = quality_of(m, eye_px, found_share, did)
    duration_s = seen.time_at(m.offset) - seen.time_at(m.onset)
    kind = kind_of(m, duration_s, seen.rate_hz, did, config)
    height_px = float(m.lengths_px.max())
    return replace(
        seen.event(kind, m.onset, m.apex, m.offset),
        motion_px=height_px,
        motion_share=height_px / EYE_DISTANCE_PX,
        threshold_px=m.threshold_px,
        regions=tuple(_region_motion(m, r) for r in moved(m)),
        quality=quality,
        reasons=(*_why_not(kind, config.micro_max_s), *doubts),
        found_share=found_share,
    )


def _why_not(kind: EventKind, micro_max_s: float = 0.5) -> tuple[str, ...]:
    """Why a movement is no micro-expression."""
    why = {
        "macro": f"longer than {micro_max_s:g} s",
        "blink": "the lids close",
        "gaze shift": "the eyes turn",
        "speech": "the lips move in speech, or stay apart",
        "head movement": "the head moves fast",
    }
    return (why[kind],) if kind in why else ()


def _region_motion(m: Movement, r: int) -> RegionMotion:
    right, down = m.regions[r]
    return RegionMotion(REGIONS[r].name, REGIONS[r].side, float(right), float(down))


def _of_run(kind: EventKind, first: int, last: int, seen: TrackedVideo, same: list[Event]) -> Event:
    """A blink or a gaze shift from look to look, with what moved along, where it was measured."""
    middle = (first + last) // 2
    if kind == "blink":
        lids = np.fmin(seen.actions.lid_left, seen.actions.lid_right)[first : last + 1]
        middle = first + int(np.nanargmin(lids))
    bare = replace(seen.event(kind, first, middle, last), reasons=_why_not(kind))
    with_it = [e for e in same if e.onset_s <= bare.offset_s and bare.onset_s <= e.offset_s]
    if not with_it:
        return bare
    most = max(with_it, key=lambda event: event.motion_px)
    return replace(
        bare,
        motion_px=most.motion_px,
        motion_share=most.motion_share,
        threshold_px=most.threshold_px,
        regions=most.regions,
    )
