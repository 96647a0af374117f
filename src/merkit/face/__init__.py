"""Faces: tracking, alignment, regions. cv2, LiteRT and dlib are imported on first use."""

from __future__ import annotations

from merkit.face.align import AlignConfig, align_clip, align_points, transforms
from merkit.face.follow import FaceFollower, require_found, track
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig

__all__ = [
    "AlignConfig",
    "DetectedFace",
    "FaceFollower",
    "FaceTracker",
    "TrackConfig",
    "align_clip",
    "align_points",
    "require_found",
    "track",
    "transforms",
]
