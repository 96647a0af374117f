"""A whole video: what moved, when, and of which times nothing can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merkit.face import TrackConfig
from merkit.progress import Progress, silent
from merkit.spotting.mdmd import (
    SpotConfig,
    TrackedVideo,
    Window,
    motion_signal,
    spot,
    threshold_px,
    track_video,
)
from merkit.types import Event, Stretch

#: Distance between the eye centres on the normalised face, in its pixels.
EYE_DISTANCE_PX = 92.0


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
    video: Path,
    config: SpotConfig | None = None,
    track: TrackConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> SpottedVideo:
    """Every brief facial movement of a video, and what else it shows.

    Args:
        fps_hz: frame rate of an image folder.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    settings = config or SpotConfig()
    seen = track_video(video, track or TrackConfig(), settings, fps_hz, progress)
    duration_s = float(seen.time_s[-1] - seen.time_s[0]) + 1 / seen.rate_hz
    if not seen.face.found.any():
        problem = f"{video}: no face found in any of {len(seen.face.found)} frames"
        return SpottedVideo(seen, duration_s, (), (), problem)
    signal = motion_signal(seen.motion, seen.rate_hz, settings)
    threshold = threshold_px(signal, settings)
    windows = spot(signal, seen.rate_hz, settings)
    events = tuple(event_of(window, seen, threshold) for window in windows)
    return SpottedVideo(seen, duration_s, events, ())


def event_of(window: Window, seen: TrackedVideo, threshold: float) -> Event:
    """A window of the signal as an event of its video."""
    places = window.onset, window.apex, window.offset
    onset_s, apex_s, offset_s = (float(seen.time_s[i]) for i in places)
    onset, apex, offset = (int(seen.numbers[i]) for i in places)
    return Event(
        kind="micro" if offset_s - onset_s <= 0.5 else "macro",
        onset_s=onset_s,
        apex_s=apex_s,
        offset_s=offset_s,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        motion_px=window.peak_px,
        motion_share=window.peak_px / EYE_DISTANCE_PX,
        threshold_px=threshold,
        found_share=float(seen.face.found[window.onset : window.offset + 1].mean()),
    )
