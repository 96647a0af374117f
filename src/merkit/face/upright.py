"""Which way up a video is: faces are looked for in the four quarter turns of a few frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from merkit.face.mesh478 import MeshTracker
from merkit.face.region import OUTER_EYES
from merkit.face.tracker import DetectedFace, TrackConfig
from merkit.types import F64, U8, Frame

#: Frames with a face that are asked, at least so far apart, within so much of the beginning.
FRAMES, APART_S, WITHIN_S = 5, 0.4, 12.0
#: Presence from which a level face needs no comparison, and below which it is none: over a real
#: clip of a moving, partly covered face it was 0.95 and more upright, 0.90 at most upside down.
SURE, DOUBTFUL = 0.95, 0.92
#: Another way up must speak this much louder: an upside-down face looks a little like a face.
CLEARLY = 1.08


def quarter_turns(frames: Iterable[Frame], tracker: MeshTracker | None = None) -> int:
    """How often the pictures must be turned left by a quarter for faces to be upright, 0 to 3; 0
    where no face is found.

    Reads frames until enough of them showed a face, or ``WITHIN_S`` have passed.
    """
    way = WayUp(tracker)
    for frame in frames:
        if way.ask(frame):
            break
    return way.quarters


class WayUp:
    """What the first frames of a video say of which way is up, one frame after another."""

    def __init__(self, tracker: MeshTracker | None = None) -> None:
        self._tracker = tracker or MeshTracker(TrackConfig())
        self._evidence, self._asked = np.zeros(4), 0
        self._begun_s = self._last_s = np.nan  # of the first frame, and of the one asked last

    def ask(self, frame: Frame) -> bool:
        """Take the next frame; whether no more are needed."""
        if np.isnan(self._begun_s):
            self._begun_s = frame.time_s
        if frame.time_s - self._begun_s > WITHIN_S:
            return True
        if frame.time_s - self._last_s < APART_S:
            return False
        self._last_s = frame.time_s
        found = _evidence(self._tracker, frame)
        if found.max() >= DOUBTFUL:
            self._evidence += found
            self._asked += 1
        return self._asked == FRAMES

    @property
    def quarters(self) -> int:
        """Turns to the left, by what was asked so far."""
        best = int(self._evidence.argmax())
        return best if self._evidence[best] > CLEARLY * self._evidence[0] else 0


def turned(rgb: U8, quarters: int) -> U8:
    """A picture turned left by so many quarters."""
    return np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters else rgb


def turned_frames(frames: Iterable[Frame], quarters: int) -> Iterator[Frame]:
    """Every frame turned left by so many quarters."""
    return (replace(frame, rgb=turned(frame.rgb, quarters)) for frame in frames)


def _evidence(tracker: MeshTracker, frame: Frame) -> F64:
    """Presence of the surest level face in each of the four turns; the others are looked at only
    where the picture as it is leaves a doubt."""
    as_it_is = _level(tracker.landmarks(frame, quick=True))
    if as_it_is >= SURE:
        return np.array([as_it_is, 0.0, 0.0, 0.0])
    turns = (replace(frame, rgb=turned(frame.rgb, n)) for n in range(4))
    return np.array([_level(tracker.landmarks(picture)) for picture in turns])


def _level(faces: Iterable[DetectedFace]) -> float:
    """Greatest score of the faces whose eyes are level to 45 degrees."""
    return max((face.score for face in faces if _is_level(face)), default=0.0)


def _is_level(face: DetectedFace) -> bool:
    if face.mesh_px is None:
        return False
    right, left = (face.mesh_px[i, :2] for i in OUTER_EYES)
    across = left - right
    return bool(across[0] > abs(across[1]))
