"""Faces: tracking, alignment, regions. cv2, dlib and mediapipe are imported on first use."""

from __future__ import annotations

from merkit.face.align import AlignConfig, StreamAligner, align_points, fit_transform, transforms
from merkit.face.follow import FaceFollower, TrackedFace
from merkit.face.track import require_found, track
from merkit.face.tracker import (
    TRACKERS,
    DetectedFace,
    FaceTracker,
    NoFaceError,
    TrackConfig,
    landmarks_for,
)
from merkit.face.warping import align_clip, warp

__all__ = [
    "TRACKERS",
    "AlignConfig",
    "DetectedFace",
    "FaceFollower",
    "FaceTracker",
    "NoFaceError",
    "StreamAligner",
    "TrackConfig",
    "TrackedFace",
    "align_clip",
    "align_points",
    "fit_transform",
    "landmarks_for",
    "require_found",
    "track",
    "transforms",
    "warp",
]
