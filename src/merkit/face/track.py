"""Following one face through a video: settings, the tracker protocol, and whole clips.

Long videos stream through ``follow.FaceFollower``; ``track`` is the same thing for a clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.registry import Registry
from merkit.types import F32, FaceTrack, Frame


class NoFaceError(FaceError):
    """No face in any frame."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in one frame.

    ``confirmed``: the detector itself saw it in this frame; False where only the landmark
    predictor was carried on from the frame before. ``score``: the detector's own (dlib: distance
    from its decision border, 0 and up; carried frames keep the last one; 1 where a tracker has
    none).
    """

    landmarks_px: F32  # (68, 2) x, y
    box_px: F32  # (4,) left, top, right, bottom
    score: float = 1.0
    confirmed: bool = True


class FaceTracker(Protocol):
    """What every tracker does. Frames are handed over in order, each ``rgb`` u8 (H,W,3)."""

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face in the frame; ``quick`` may miss small ones."""
        ...

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        """The face of the frame before, in this one; None when it is not there.

        With ``confirm`` the answer comes from the detector, without it may come from the
        landmark predictor alone.
        """
        ...

    def finish(self) -> None:
        """Called after the last frame; raises FaceError if the tracker had more to give."""
        ...


#: name -> class taking a ``TrackConfig``.
TRACKERS: Registry[type[FaceTracker]] = Registry(
    "face tracker",
    {
        "dlib68": "merkit.face.dlib68:Dlib68Tracker",
        "mediapipe": "merkit.face.mediapipe478:MediaPipeTracker",
        "precomputed": "merkit.face.precomputed:PrecomputedTracker",
    },
)


@dataclass(frozen=True)
class TrackConfig:
    """How the face is found and followed.

    ``face``: ``largest``, or a position 0, 1, ... counted from the left edge of the picture in
    the first frame that shows a face; afterwards that face is followed, whatever its size.
    ``detect_every``: frames between two looks of the detector at a followed face.
    ``detect_width_px``: the picture is scaled to this width for the ordinary look (dlib finds
    faces of about a quarter of it and larger). ``search_width_px``: width for the thorough look,
    when the ordinary one found nothing. ``min_score``: faces with a lower detector score are
    not taken (dlib only). ``model_path``: MediaPipe's ``.task`` file. ``landmarks_path``: an
    OpenFace ``.csv``, a ``.npy`` (T,68,2), or a folder of them named after the clips (see
    ``landmarks_for``). ``landmarks_first``: the frame number that the first row belongs to;
    -1 means that rows and frames correspond in order and are equally many.
    """

    tracker: Literal["dlib68", "mediapipe", "precomputed"] = "dlib68"
    face: str | int = "largest"
    detect_every: int = 5
    detect_width_px: int = 320
    search_width_px: int = 960
    min_score: float = 0.0
    model_path: str = ""
    landmarks_path: str = ""
    landmarks_first: int = -1

    def __post_init__(self) -> None:
        # YAML gives an int and the command line a string: one spelling, so one recipe hash.
        object.__setattr__(self, "face", str(self.face))
        if self.tracker not in TRACKERS:
            raise ConfigError(f"unknown face tracker '{self.tracker}'", f"one of: {_names()}")
        if self.face != "largest" and not str(self.face).isdecimal():
            raise ConfigError(
                f"face '{self.face}'", "'largest' or a position from the left: 0, 1, ..."
            )
        if self.detect_every < 1:
            raise ConfigError(f"detect_every {self.detect_every}", "1 frame or more")
        if self.detect_width_px < 80 or self.search_width_px < self.detect_width_px:
            raise ConfigError(
                f"detect_width_px {self.detect_width_px}, search_width_px {self.search_width_px}",
                "80 <= detect_width_px <= search_width_px (dlib's window is 80 px wide)",
            )


def _names() -> str:
    return ", ".join(TRACKERS)


def landmarks_for(config: TrackConfig, name: str) -> TrackConfig:
    """The settings for one clip: a ``landmarks_path`` folder becomes its file ``name``.csv/.npy.

    Raises:
        MissingDataError: the folder has neither file.
    """
    folder = Path(config.landmarks_path)
    if config.tracker != "precomputed" or not config.landmarks_path or not folder.is_dir():
        return config
    for candidate in (folder / f"{name}.csv", folder / f"{name}.npy"):
        if candidate.is_file():
            return replace(config, landmarks_path=str(candidate))
    raise MissingDataError(
        f"no landmarks for '{name}' in {folder}",
        f"'{name}.csv' (OpenFace) or '{name}.npy' (T,68,2)",
        "run OpenFace on that clip, or use another tracker",
    )


def track(frames: Iterable[Frame], config: TrackConfig) -> FaceTrack:
    """Follow one face through a clip.

    Frames without the face keep the last known values and ``found`` False; those before the
    first find take the first known ones. Where the detector misses a face that was being
    followed, the unconfirmed frames since its last hit are set to not found as well, so every
    ``found`` frame is either seen by the detector or lies between two frames that are (or
    among the last ``detect_every - 1`` of the clip).

    Args:
        frames: in order, all of one size.

    Raises:
        NoFaceError: no face in any frame.
        FaceError: no frames; ``config.face`` asks for a face that is not there; precomputed
            rows and frames differ in number.
    """
    from merkit.face.follow import FaceFollower

    follower = FaceFollower(config)
    landmarks: list[F32] = []
    boxes: list[F32] = []
    found: list[bool] = []
    for frame in frames:
        face = follower.update(frame)
        for back in range(len(found) - face.withdrawn, len(found)):
            found[back], landmarks[back], boxes[back] = False, landmarks[back - 1], boxes[back - 1]
        landmarks.append(face.landmarks_px)
        boxes.append(face.box_px)
        found.append(face.found)
    follower.finish()
    if not any(found):
        raise _no_face(len(found))
    first = found.index(True)
    landmarks[:first], boxes[:first] = [landmarks[first]] * first, [boxes[first]] * first
    return FaceTrack(np.stack(landmarks), np.stack(boxes), np.array(found))


def _no_face(n_frames: int) -> FaceError:
    if n_frames == 0:
        return FaceError("no frames to track", "at least one frame")
    return NoFaceError(
        f"no face in any of {n_frames} frames",
        "a frontal, upright face at least 80 pixels wide",
        "check the video's rotation, or raise search_width_px for small faces",
    )


def require_found(track: FaceTrack, min_share: float, what: str) -> None:
    """Refuse a clip in which the face is found too rarely.

    Args:
        min_share: least share of frames with a face, 0 to 1.
        what: the clip's name, for the message.

    Raises:
        FaceError: with the count of frames.
    """
    if track.found_share >= min_share:
        return
    raise FaceError(
        f"{what}: face found in {int(track.found.sum())} of {len(track.found)} frames "
        f"({track.found_share:.0%})",
        f"at least {min_share:.0%}",
        "leave the clip out, choose another face or tracker, or lower min_found_share",
    )
