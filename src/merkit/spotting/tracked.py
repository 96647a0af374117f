"""One streaming pass over a video: the face in every look, what it does, and what moved."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merkit.face import FaceFollower, TrackConfig
from merkit.face.actions import ActionReader, FaceActions
from merkit.face.landmarker import FaceLandmarker
from merkit.face.region import FaceRegion, region_of_mesh
from merkit.face.tracker import DetectedFace
from merkit.face.upright import quarter_turns, turned_frames
from merkit.progress import Progress, silent
from merkit.spotting.config import SpotConfig
from merkit.spotting.course import Movement
from merkit.spotting.look import look_at
from merkit.spotting.spotter import Spotter
from merkit.types import F32, F64, I64, U8, Event, EventKind, FaceTrack, Frame, VideoInfo

if TYPE_CHECKING:
    from merkit.video.source import FrameSource


@dataclass(frozen=True)
class TrackedVideo:
    """What one pass saw in N looks, at about ``rate_hz``.

    ``numbers`` and ``time_s``: frame and time of each look. ``movements``: places are looks.
    ``motion_px``: how far each of ``spotting.regions.REGIONS`` moved up to a look within
    ``SpotConfig.lag_s``, pixels of the normalised face, the head's motion removed.
    ``unit_strength``: of each of ``face.unit_shapes.SHAPED_UNITS``, by blendshapes, 0 to 1. Both
    are NaN where nothing is known. ``turns``: the pictures were turned left by so many quarters.
    ``place``: of the face that was followed, from the left, among ``n_faces``, the most seen at
    once.
    """

    info: VideoInfo
    rate_hz: float
    numbers: I64  # (N,)
    time_s: F64  # (N,)
    face: FaceTrack
    actions: FaceActions
    motion_px: F32  # (N, R)
    unit_strength: F32  # (N, U)
    movements: tuple[Movement, ...] = ()
    turns: int = 0
    place: int = 0
    n_faces: int = 0

    def face_at(self, numbers: I64) -> FaceTrack:
        """The face in these frames of the source, as it was in the nearest one seen."""
        nearest = np.abs(self.numbers[None, :] - numbers[:, None]).argmin(axis=1)
        face = self.face
        return FaceTrack(face.landmarks_px[nearest], face.box_px[nearest], face.found[nearest])

    def frame_at(self, place: float) -> int:
        """The frame of the source at a place between looks."""
        return round(float(np.interp(place, np.arange(len(self.numbers)), self.numbers)))

    def time_at(self, place: float) -> float:
        """Seconds by the video's own clock of ``frame_at``."""
        return float(np.interp(self.frame_at(place), self.numbers, self.time_s))

    def event(self, kind: EventKind, onset: float, apex: float, offset: float) -> Event:
        """An event at these places, of which nothing else is known: its motion is NaN."""
        return Event(
            kind,
            onset_s=self.time_at(onset),
            apex_s=self.time_at(apex),
            offset_s=self.time_at(offset),
            onset_frame=self.frame_at(onset),
            apex_frame=self.frame_at(apex),
            offset_frame=self.frame_at(offset),
            motion_px=np.nan,
            motion_share=np.nan,
            threshold_px=np.nan,
        )

    @property
    def duration_s(self) -> float:
        """From the first look to the end of the last one."""
        return float(self.time_s[-1] - self.time_s[0]) + 1 / self.rate_hz


def track_video(
    video: Path | FrameSource,
    track: TrackConfig,
    config: SpotConfig,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> TrackedVideo:
    """Follow the face through a whole video, or what else gives frames as often as they are asked
    for, in one streaming pass, and find what moves.

    No pictures but those of the last seconds are kept, so a video of any length and size fits in
    memory: about a kilobyte a look stays. Motion is measured in the background while the next frame
    is tracked.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    from merkit.video.source import VideoSource

    source = VideoSource(video, fps_hz) if isinstance(video, Path) else video
    turns = quarter_turns(source.frames())
    info = source.info()
    step = config.step(info.fps_hz)
    watch = Watch(info.fps_hz / step, track, config)
    expected = -(-(info.n_frames or 0) // step)
    frames = turned_frames(source.frames(step=step), turns)
    for done, _ in enumerate(watch.through(frames), 1):
        progress(f"reading {info.path.name}", done, max(expected, done))
    return replace(watch.seen(info), turns=turns)


class Watch:
    """What is seen of a face while its frames go by.

    Args:
        rate_hz: frames a second.
    """

    def __init__(self, rate_hz: float, track: TrackConfig, config: SpotConfig) -> None:
        self.rate_hz = rate_hz
        self._follower, self._spotter = FaceFollower(track), Spotter(config, rate_hz)
        self._landmarker = FaceLandmarker()
        self._reader = ActionReader(self._landmarker)
        self._numbers, self._times = array("q"), array("d")
        self._movements: list[Movement] = []
        self._forgotten = 0  # frames before the first that is kept

    @property
    def late(self) -> int:
        """A movement is known so many frames after its apex, at the most."""
        return self._spotter.late

    def time_before(self, n_frames: int) -> float:
        """When the frame was that came so many before the last one; -inf where none is kept."""
        place = len(self._times) - 1 - n_frames
        return self._times[place] if place >= 0 else -np.inf

    def last_before(self, time_s: float) -> float:
        """When the last frame was that is kept and not later; -inf where there is none."""
        place = int(np.searchsorted(self._times, time_s, side="right")) - 1
        return self._times[place] if place >= 0 else -np.inf

    def through(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Each frame when it was looked at; after the last one everything is known of it."""
        for frame in frames:
            self.push(frame)
            yield frame
        self.finish()

    def push(self, frame: Frame) -> DetectedFace | None:
        """Look at the next frame; the face in it, None where it is not found.

        Raises:
            FaceError: as ``FaceFollower.push``.
        """
        face = with_mesh(frame, self._follower.push(frame), self._landmarker)
        look = None if face is None or face.mesh_px is None else look_at(frame, face.mesh_px)
        self._movements += self._spotter.push(look)
        self._reader.push(frame, face)
        self._numbers.append(frame.number)
        self._times.append(frame.time_s)
        return face

    def finish(self) -> None:
        """After the last frame: decide what is left.

        Raises:
            FaceError: as ``FaceFollower.finish``.
        """
        self._follower.finish()
        self._movements += self._spotter.finish()

    def seen(self, info: VideoInfo) -> TrackedVideo:
        """What is known of the frames that are kept.

        Raises:
            FaceError: there are none.
        """
        followed = self._follower.track()
        motion_px = self._spotter.motion_px()
        motion_px[~followed.found] = np.nan
        movements = [m.moved(-self._forgotten) for m in self._movements]
        return TrackedVideo(
            info=info,
            rate_hz=self.rate_hz,
            numbers=np.array(self._numbers),
            time_s=np.array(self._times),
            face=followed,
            actions=self._reader.actions(followed.found),
            motion_px=motion_px,
            unit_strength=self._reader.strengths(followed.found),
            movements=tuple(m for m in movements if m.onset >= 0),
            place=self._follower.place,
            n_faces=self._follower.n_faces,
        )

    def forget(self, before_s: float) -> None:
        """Keep what is known of frames from a time on alone."""
        keep = len(self._times) - int(np.searchsorted(self._times, before_s))
        self._forgotten += len(self._times) - keep
        self._spotter.forget(len(self._times) - keep)
        del self._numbers[: len(self._numbers) - keep], self._times[: len(self._times) - keep]
        self._follower.forget(keep)
        self._reader.forget(keep)
        self._movements = [m for m in self._movements if m.offset >= self._forgotten]


def with_mesh(
    frame: Frame, face: DetectedFace | None, landmarker: FaceLandmarker
) -> DetectedFace | None:
    """A face with its mesh, where its tracker has none: in a region of its 68 points."""
    if face is None or face.mesh_px is not None:
        return face
    return replace(face, mesh_px=mesh_of(frame.rgb, face.landmarks_px, landmarker))


def mesh_of(rgb: U8, points_px: F32, landmarker: FaceLandmarker) -> F32:
    """The mesh (478,3) of the face whose 68 points (68,2) lie about there."""
    box = np.concatenate([points_px.min(axis=0), points_px.max(axis=0)])
    eyes = points_px[36:42].mean(axis=0), points_px[42:48].mean(axis=0)
    mesh, _ = landmarker.mesh(rgb, FaceRegion.around(box, *eyes))
    mesh, _ = landmarker.mesh(rgb, region_of_mesh(mesh))
    return mesh
