"""Which way up a video is: faces are looked for in the four quarter turns of a few frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from merkit.face.landmarker import OUTER_EYES, FaceLandmarker, region_of_mesh
from merkit.types import F64, U8, Frame

#: Frames with a face that are asked, at least so far apart, within so much of the beginning.
FRAMES, APART_S, WITHIN_S = 5, 0.4, 12.0
#: Another way up must speak this much louder: an upside-down face looks a little like a face.
CLEARLY = 1.15
#: Score and presence from which a face counts.
SURE = 0.5


def quarter_turns(frames: Iterable[Frame], landmarker: FaceLandmarker | None = None) -> int:
    """How often the pictures must be turned left by a quarter for faces to be upright, 0 to 3; 0
    where no face is found.

    Reads frames until enough of them showed a face, or ``WITHIN_S`` have passed.
    """
    landmarker = landmarker or FaceLandmarker()
    evidence, asked = np.zeros(4), 0
    for frame in _apart(frames):
        found = np.array([_uprightness(landmarker, turned(frame.rgb, n)) for n in range(4)])
        evidence += found
        asked += bool(found.any())
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


def _uprightness(landmarker: FaceLandmarker, rgb: U8) -> float:
    """How surely the largest face of a picture is upright, 0 to 1: the detector's score times the
    presence of the mesh, where its eyes are level to 45 degrees."""
    seen = landmarker.detect(rgb)
    if not seen:
        return 0.0
    largest = max(seen, key=lambda d: float(np.prod(d.box_px[2:] - d.box_px[:2])))
    mesh, _ = landmarker.mesh(rgb, largest.region)
    mesh, presence = landmarker.mesh(rgb, region_of_mesh(mesh))
    right, left = (np.asarray(mesh[i, :2], np.float64) for i in OUTER_EYES)
    across: F64 = left - right
    level = across[0] > abs(across[1])
    sure = min(largest.score, presence) >= SURE
    return largest.score * presence if level and sure else 0.0
