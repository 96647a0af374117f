"""Whole videos: when the face moves briefly, what moves, and what was no micro-expression."""

from merkit.spotting.config import SpotConfig
from merkit.spotting.spotter import Spotter
from merkit.spotting.stream import StreamSpotter
from merkit.spotting.tracked import TrackedVideo, track_video
from merkit.spotting.video import SpottedVideo, spot_video

__all__ = [
    "SpotConfig",
    "SpottedVideo",
    "Spotter",
    "StreamSpotter",
    "TrackedVideo",
    "spot_video",
    "track_video",
]
