"""Whole videos: when the face moves briefly, what moves, and what was no micro-expression."""

from merkit.spotting.config import SpotConfig
from merkit.spotting.spotter import Spotter
from merkit.spotting.stream import stream_events
from merkit.spotting.tracked import TrackedVideo, track_video
from merkit.spotting.video import SpottedVideo, spot_video

__all__ = [
    "SpotConfig",
    "SpottedVideo",
    "Spotter",
    "TrackedVideo",
    "spot_video",
    "stream_events",
    "track_video",
]
