"""Whole videos: when the face moves briefly, what moves, and what was no micro-expression."""

from merkit.spotting.mdmd import (
    SpotConfig,
    TrackedVideo,
    Window,
    motion_signal,
    spot,
    threshold_px,
    track_video,
)
from merkit.spotting.video import SpottedVideo, spot_video

__all__ = [
    "SpotConfig",
    "SpottedVideo",
    "TrackedVideo",
    "Window",
    "motion_signal",
    "spot",
    "spot_video",
    "threshold_px",
    "track_video",
]
