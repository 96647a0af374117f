"""One streaming pass over a video: where the face is, and how its regions move.

Only landmarks and region motion are kept, a few kilobytes a frame, so a video of any length
and size fits in memory.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merkit.errors import FaceError
from merkit.face import FaceFollower, TrackedFace
from merkit.face.tracker import TrackConfig
from merkit.flow import RoiFlowStream
from merkit.flow.config import FlowConfig
from merkit.progress import Progress, silent
from merkit.spotting.spot import SpotConfig
from merkit.types import F32, F64, I64, Bool, FaceTrack, VideoInfo
from merkit.video import iter_frames, probe

#: Frames a second that spotting looks at; faster video is thinned to about this.
WATCH_HZ = 50.0


@dataclass(frozen=True)
class Watched:
    """What one pass saw: N watched frames, at about ``rate_hz``."""

    info: VideoInfo
    rate_hz: float
    numbers: I64  # (N,)
    time_s: F64  # (N,)
    face: FaceTrack
    motion: F32  # (N,R,2)

    @property
    def found(self) -> Bool:
        return self.face.found


def watch(
    video: Path,
    track: TrackConfig,
    spot: SpotConfig,
    flow: FlowConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Watched:
    """Track the face and measure region motion through a whole video.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    info = probe(video, fps_hz)
    step = max(1, round(info.fps_hz / WATCH_HZ))
    rate_hz = info.fps_hz / step
    follower = FaceFollower(track)
    stream = RoiFlowStream(flow or FlowConfig(), spot.lag_frames(rate_hz))
    expected = -(-(info.n_frames or 0) // step)
    rows: list[_Row] = []
    for frame in iter_frames(video, step=step, fps_hz=fps_hz):
        face = follower.update(frame)
        for row in rows[len(rows) - face.withdrawn :]:
            row.found = False
        motion = stream.submit(frame.rgb, face.landmarks_px if face.found else None)
        rows.append(_Row(frame.number, frame.time_s, face, face.found, motion))
        progress(f"watching {video.name}", len(rows), max(expected, len(rows)))
    follower.finish()
    return _collect(info, rate_hz, rows)


@dataclass
class _Row:
    """One watched frame. ``found`` may be taken back by a later one; ``motion`` is measured in
    the background while the next frame is tracked."""

    number: int
    time_s: float
    face: TrackedFace
    found: bool
    motion: Future[F32]

    def motion_px(self) -> F32:
        """NaN where nothing is known: no face, or one that the border cuts off."""
        try:
            motion = self.motion.result()
        except FaceError:
            return np.full((1, 2), np.nan, np.float32)
        return motion if self.found else np.full_like(motion, np.nan)


def _collect(info: VideoInfo, rate_hz: float, rows: list[_Row]) -> Watched:
    face = FaceTrack(
        np.stack([row.face.landmarks_px for row in rows]),
        np.stack([row.face.box_px for row in rows]),
        np.array([row.found for row in rows]),
    )
    motion = [row.motion_px() for row in rows]
    regions = max(len(one) for one in motion)
    return Watched(
        info,
        rate_hz,
        np.array([row.number for row in rows]),
        np.array([row.time_s for row in rows]),
        _carried_back(face),
        np.stack([np.broadcast_to(one, (regions, 2)) for one in motion]),
    )


def _carried_back(face: FaceTrack) -> FaceTrack:
    """Before the first find, the first known face stands in."""
    if not face.found.any():
        return face
    first = int(np.argmax(face.found))
    landmarks, boxes = face.landmarks_px.copy(), face.box_px.copy()
    landmarks[:first], boxes[:first] = landmarks[first], boxes[first]
    return replace(face, landmarks_px=landmarks, box_px=boxes)
