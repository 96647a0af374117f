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
    tracker = tracker or MeshTracker(TrackConfig())
    evidence, asked = np.zeros(4), 0
    for frame in _apart(frames):
        found = _evidence(tracker, frame)
        if found.max() < DOUBTFUL:
            continue
        evidence += found
        asked += 1
        if asked == FRAMES:
            break
    best = int(evidence.argmax())
    return best if evidence[best] > CLEARLY * evidence[0] else 0


def turned(rgb: U8, quarters: int) -> U8:
    """A picture turned left by so many quarters."""
    return np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters else rgb


def turned_frames(frames: Iterable[Frame], quarters: int) -> Iterator[Frame]:
    """Every frame turned left by so many quarters."""
    return (replace(frame, rgb=turned(frame.rgb, quarters)) for frame in frames)


def _apart(frames: Iterable[Frame]) -> Iterator[Frame]:
    begun = last = None
    for frame in frames:
        begun = frame.time_s if begun is None else begun
        if frame.time_s - begun > WITHIN_S:
            return
        if last is None or frame.time_s - last >= APART_S:
            last = frame.time_s
            yield frame


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
