"""Following one person frame by frame, at a fraction of the cost of detecting in every frame.

The landmark predictor always returns something, so a followed face needs proof. Three checks,
cheapest first: the picture inside the box still resembles that of the frame before (a cut or a
blackout does not); the landmarks have not jumped; and every ``detect_every`` frames, or at once
when one of the first two fails, the detector must see the face again. When it does not, the
whole frame is searched, and failing that the face is lost: ``TrackedFace.withdrawn`` then says
how many preceding frames had no proof of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.errors import FaceError
from merkit.face.tracker import TRACKERS, DetectedFace, FaceTracker, TrackConfig
from merkit.types import F32, U8, Frame

#: Correlation of the boxed picture between two frames under which the detector must look.
SAME_PICTURE = 0.8
#: Longest time between two thorough searches, in units of ``detect_every`` frames.
LONGEST_WAIT = 8
_THUMB_PX = 24


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """The followed face in one frame.

    Where ``found`` is False the values are the last known ones (NaN before the first find).
    ``withdrawn``: so many frames before this one were reported found, on the predictor's word
    alone, and the detector now misses the face: count them as not found too.
    """

    landmarks_px: F32  # (68, 2)
    box_px: F32  # (4,)
    found: bool
    score: float = 0.0
    withdrawn: int = 0


class FaceFollower:
    """Follows one face through frames of any number; constant memory.

    After the first choice (``TrackConfig.face``) it stays with the face of greatest overlap
    with the last known box, the nearest one where none overlaps; it does not recognise people.
    """

    def __init__(self, config: TrackConfig) -> None:
        self._config = config
        self._tracker: FaceTracker = TRACKERS[config.tracker](config)  # type: ignore[call-arg]
        self._face: DetectedFace | None = None
        self._found = False
        self._thumb: F32 | None = None
        self._unproved = 0  # frames since the detector saw the followed face
        self._wait = config.detect_every  # frames between thorough searches
        self._unsearched = self._wait  # frames since the last one

    def update(self, frame: Frame) -> TrackedFace:
        """The face in the next frame.

        Raises:
            FaceError: the frame is no colour picture, or the face asked for is not there.
        """
        if frame.rgb.ndim != 3 or frame.rgb.shape[2] != 3 or frame.rgb.dtype != np.uint8:
            raise FaceError(
                f"frame {frame.number}: {frame.rgb.dtype} {frame.rgb.shape}", "uint8 (H,W,3)"
            )
        face = self._carry(frame) if self._found else None
        withdrawn = 0
        if face is None:
            face = self._search(frame)
            withdrawn = self._withdraw(face)
        self._keep(frame, face)
        if self._face is None:
            blank = np.full((68, 2), np.nan, np.float32)
            return TrackedFace(blank, blank.ravel()[:4], False)
        return TrackedFace(
            self._face.landmarks_px, self._face.box_px, self._found, self._face.score, withdrawn
        )

    def finish(self) -> None:
        """Call after the last frame.

        Raises:
            FaceError: precomputed rows and frames differ in number.
        """
        self._tracker.finish()

    def _carry(self, frame: Frame) -> DetectedFace | None:
        assert self._face is not None
        due = self._unproved + 1 >= self._config.detect_every
        doubt = due or not _same_picture(self._thumb, _thumbnail(frame.rgb, self._face.box_px))
        return self._tracker.carry(frame, self._face, confirm=doubt)

    def _search(self, frame: Frame) -> DetectedFace | None:
        """Look over the whole frame. A thorough look costs ten times an ordinary one, so it
        comes at once, then ever less often; and where faces have to be counted."""
        faces = self._tracker.landmarks(frame, quick=True)
        counting = bool(faces) and self._face is None and self._config.face != "largest"
        self._unsearched += 1
        if counting or (not faces and self._unsearched >= self._wait):
            self._unsearched = 0
            self._wait = min(2 * self._wait, LONGEST_WAIT * self._config.detect_every)
            faces = self._tracker.landmarks(frame) or faces
        if not faces:
            return None
        return _first_choice(faces, self._config.face) if self._face is None else self._best(faces)

    def _best(self, faces: tuple[DetectedFace, ...]) -> DetectedFace:
        assert self._face is not None
        box = self._face.box_px
        return max(faces, key=lambda f: (overlap(f.box_px, box), -_distance(f.box_px, box)))

    def _withdraw(self, face: DetectedFace | None) -> int:
        """Frames to take back: none when the search shows the face was there all along."""
        if not self._found or self._face is None:
            return 0
        if face is not None and overlap(face.box_px, self._face.box_px) > 0:
            return 0
        return self._unproved

    def _keep(self, frame: Frame, face: DetectedFace | None) -> None:
        self._found = face is not None
        if face is None:
            return
        self._face = face
        self._wait = self._unsearched = self._config.detect_every
        self._unproved = 0 if face.confirmed else self._unproved + 1
        self._thumb = _thumbnail(frame.rgb, face.box_px)


def overlap(a: F32, b: F32) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    return both / (_area(a) + _area(b) - both)


def _area(box: F32) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _distance(a: F32, b: F32) -> float:
    return float(np.hypot(*((a[:2] + a[2:]) - (b[:2] + b[2:]))) / 2)


def _first_choice(faces: tuple[DetectedFace, ...], face: str | int) -> DetectedFace:
    if face == "largest":
        return max(faces, key=lambda f: _area(f.box_px))
    ordered = sorted(faces, key=lambda f: float(f.box_px[0]))
    if int(face) >= len(ordered):
        raise FaceError(
            f"face {face} was asked for; {len(ordered)} found in the first frame with a face",
            f"a position from 0 to {len(ordered) - 1}, from left to right, or 'largest'",
        )
    return ordered[int(face)]


def _thumbnail(rgb: U8, box: F32) -> F32 | None:
    """The boxed picture in small, centred and of length one; None when the box is outside."""
    import cv2

    left, top = np.maximum(box[:2], 0).astype(int)
    right, bottom = np.minimum(box[2:], (rgb.shape[1], rgb.shape[0])).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    step = max(1, min(right - left, bottom - top) // (3 * _THUMB_PX))  # rows to skip, for speed
    patch = rgb[top:bottom:step, left:right:step]
    small = cv2.resize(patch, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    grey = small.astype(np.float32).mean(axis=2)
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return grey / length if length > 1.0 else None  # a flat picture resembles nothing


def _same_picture(before: F32 | None, now: F32 | None) -> bool:
    return before is not None and now is not None and float((before * now).sum()) >= SAME_PICTURE
