"""One streaming pass over a video: where the face is, and how its regions move.

Only landmarks and region motion are kept, a few kilobytes a frame, so a video of any length
and size fits in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merkit.errors import FaceError
from merkit.face import FaceFollower
from merkit.face.tracker import TrackConfig
from merkit.flow import RoiFlowStream
from merkit.flow.config import FlowConfig
from merkit.flow.spot import SpotConfig
from merkit.progress import Progress, silent
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
    rows: list[tuple[int, float, F32, F32, bool, F32]] = []
    for frame in iter_frames(video, step=step, fps_hz=fps_hz):
        face = follower.update(frame)
        _withdraw(rows, face.withdrawn)
        motion = _motion(stream, frame.rgb, face.landmarks_px if face.found else None)
        row = (frame.number, frame.time_s, face.landmarks_px, face.box_px, face.found, motion)
        rows.append(row)
        progress(f"watching {video.name}", len(rows), max(expected, len(rows)))
    follower.finish()
    return _collect(info, rate_hz, rows)


def _motion(stream: RoiFlowStream, rgb: np.ndarray, landmarks: F32 | None) -> F32:
    """Motion of one frame; a face cut off by the border counts as not there."""
    try:
        return stream.update(rgb, landmarks)
    except FaceError:
        return stream.update(rgb, None)


def _withdraw(rows: list[tuple[int, float, F32, F32, bool, F32]], count: int) -> None:
    for i in range(len(rows) - count, len(rows)):
        number, time_s, landmarks, box, _, motion = rows[i]
        rows[i] = (number, time_s, landmarks, box, False, np.full_like(motion, np.nan))


def _collect(
    info: VideoInfo, rate_hz: float, rows: list[tuple[int, float, F32, F32, bool, F32]]
) -> Watched:
    numbers, times, landmarks, boxes, found, motion = zip(*rows, strict=True)
    face = FaceTrack(np.stack(landmarks), np.stack(boxes), np.array(found))
    return Watched(
        info, rate_hz, np.array(numbers), np.array(times), _carried_back(face), np.stack(motion)
    )


def _carried_back(face: FaceTrack) -> FaceTrack:
    """Before the first find, the first known face stands in."""
    if not face.found.any():
        return face
    first = int(np.argmax(face.found))
    landmarks, boxes = face.landmarks_px.copy(), face.box_px.copy()
    landmarks[:first], boxes[:first] = landmarks[first], boxes[first]
    return replace(face, landmarks_px=landmarks, box_px=boxes)
