"""One streaming pass over a video: where the face is, and how its regions move.

Only landmarks and region motion are kept, a few kilobytes a frame, so a video of any length
and size fits in memory.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merkit.errors import FaceError
from merkit.face import FaceFollower, TrackConfig
from merkit.flow import FlowConfig, RoiFlowStream
from merkit.progress import Progress, silent
from merkit.spotting.spot import SpotConfig
from merkit.types import F32, F64, I64, Bool, FaceTrack, VideoInfo
from merkit.video import iter_frames, probe

#: Frames a second that spotting looks at; faster video is thinned to about this.
TRACK_HZ = 50.0


@dataclass(frozen=True)
class TrackedVideo:
    """What one pass saw in N frames, at about ``rate_hz``.

    ``motion`` is NaN where nothing is known: no face, none before it, or one that the border
    cuts off.
    """

    info: VideoInfo
    rate_hz: float
    numbers: I64  # (N,)
    time_s: F64  # (N,)
    face: FaceTrack
    motion: F32  # (N,R,2)

    @property
    def found(self) -> Bool:
        """Whether the face was found in each frame (N,)."""
        return self.face.found

    def face_at(self, numbers: I64) -> FaceTrack:
        """The face in these frames of the source, as it was in the nearest one seen."""
        nearest = np.abs(self.numbers[None, :] - numbers[:, None]).argmin(axis=1)
        face = self.face
        return FaceTrack(face.landmarks_px[nearest], face.box_px[nearest], face.found[nearest])


def track_video(
    video: Path,
    track: TrackConfig,
    spot: SpotConfig,
    flow: FlowConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> TrackedVideo:
    """Track the face and measure region motion through a whole video.

    Motion is measured in the background while the next frame is tracked.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    info = probe(video, fps_hz)
    step = max(1, round(info.fps_hz / TRACK_HZ))
    rate_hz = info.fps_hz / step
    follower = FaceFollower(track)
    stream = RoiFlowStream(flow or FlowConfig(), spot.lag_frames(rate_hz))
    expected = -(-(info.n_frames or 0) // step)
    numbers: list[int] = []
    times: list[float] = []
    moving: list[Future[F32]] = []
    for frame, face in follower.follow(iter_frames(video, step=step, fps_hz=fps_hz)):
        moving.append(stream.submit(frame.rgb, None if face is None else face.landmarks_px))
        numbers.append(frame.number)
        times.append(frame.time_s)
        progress(f"tracking {video.name}", len(numbers), max(expected, len(numbers)))
    followed = follower.track()
    motion = np.full((len(moving), stream.config.regions, 2), np.nan, np.float32)
    for i in np.flatnonzero(followed.found):
        motion[i] = _result(moving[i], motion[i])
    return TrackedVideo(info, rate_hz, np.array(numbers), np.array(times), followed, motion)


def _result(motion: Future[F32], unknown: F32) -> F32:
    try:
        return motion.result()
    except FaceError:
        return unknown
