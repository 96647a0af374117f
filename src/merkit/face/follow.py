"""Following one person frame by frame, at a fraction of the cost of detecting in every frame.

The landmark predictor always returns something, so a followed face needs proof. Three checks,
cheapest first: the picture inside the box still resembles that of the frame before (a cut or a
blackout does not); the landmarks have not jumped; and every ``detect_every`` frames, or at once
when one of the first two fails, the detector must see the face again. When it does not, the
whole frame is searched, and failing that the face is lost, and with it the frames before that
had no proof of their own.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from merkit.errors import FaceError
from merkit.face.tracker import (
    TRACKERS,
    DetectedFace,
    FaceTracker,
    TrackConfig,
    area,
    overlap,
)
from merkit.types import F32, U8, FaceTrack, Frame

#: Correlation of the boxed picture between two frames under which the detector must look.
SAME_PICTURE = 0.8
#: Longest time between two thorough searches, in units of ``detect_every`` frames.
LONGEST_WAIT = 8
#: While a face is followed, the others are counted every so many frames.
COUNT_EVERY = 60
#: A face so wide or high, as a share of the picture's longer side, is above what an ordinary look
#: just sees (the mesh's detector all of 0.14, half of 0.09, of a photograph on grey in 640x480), so
#: that one which is larger still was seen too.
PLAIN = 0.2
#: An ordinary look found the face of a known box where the two overlap by this.
_AT_ITS_PLACE = 0.5
_THUMB_PX = 24
_LOST = DetectedFace(np.full((68, 2), np.nan, np.float32), np.full(4, np.nan, np.float32))


class FaceFollower:
    """Follows one face through frames of any number; keeps landmarks, no pictures.

    After the first choice (``TrackConfig.face``) it stays with the face of greatest overlap
    with the last known box, the nearest one where none overlaps; it does not recognise people.
    ``place``: of the face that was chosen, from the left; ``n_faces``: the most seen at once.

    Args:
        near: the first choice is the face of this box (left, top, right, bottom) in its place.
        counted: whether ``place`` and ``n_faces`` are wanted. Without, a face that is plainly the
            one to follow is not searched for thoroughly, which costs as much as ten frames.
    """

    def __init__(
        self,
        config: TrackConfig,
        tracker: FaceTracker | None = None,
        near: F32 | None = None,
        counted: bool = True,
    ) -> None:
        self._config, self._near, self._counted = config, near, counted
        self._tracker = TRACKERS[config.tracker](config) if tracker is None else tracker
        # Of each frame, side by side: an array each would lie among the large ones of its frame,
        # which come and go, and the holes that they leave fill a gigabyte in an hour.
        self._points, self._boxes = array("f"), array("f")
        self._found: list[bool] = []
        self._seen = 0  # frames so far
        self._face: DetectedFace | None = None  # the last one, taken back or not
        self._thumb: F32 | None = None
        self._unproved = 0  # frames since the detector saw the followed face
        self._wait = config.detect_every  # frames between thorough searches
        self._unsearched = self._wait  # frames since the last one
        self.place, self.n_faces = 0, 0

    def follow(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, DetectedFace | None]]:
        """Each frame with the face in it, as ``push`` finds it.

        Raises:
            FaceError: as ``push`` and ``finish``.
        """
        for frame in frames:
            yield frame, self.push(frame)
        self.finish()

    def push(self, frame: Frame) -> DetectedFace | None:
        """The face in the next frame, None where it is not found.

        What is found on the predictor's word alone may be taken back by a later frame: ``track``
        has the last word.

        Raises:
            FaceError: the frame is no colour picture; the face asked for is not there.
        """
        if frame.rgb.ndim != 3 or frame.rgb.shape[2] != 3 or frame.rgb.dtype != np.uint8:
            raise FaceError(
                f"frame {frame.number}: {frame.rgb.dtype} {frame.rgb.shape}", "uint8 (H,W,3)"
            )
        face = self._next(frame)
        self._seen += 1
        self._keep(face)
        return face

    def finish(self) -> None:
        """After the last frame.

        Raises:
            FaceError: precomputed rows and frames differ in number.
        """
        self._tracker.finish()

    def track(self) -> FaceTrack:
        """The face in all frames so far; NaN where no frame at all shows one.

        Raises:
            FaceError: no frames.
        """
        if not self._found:
            raise FaceError("no frames to track", "at least one frame")
        found = np.array(self._found)
        known = np.where(found, np.arange(len(found)), found.argmax())
        shown = np.maximum.accumulate(known)
        points, boxes = (np.frombuffer(kept, np.float32) for kept in (self._points, self._boxes))
        points, boxes = points.reshape(-1, 68, 2)[shown], boxes.reshape(-1, 4)[shown]
        if not found.any():
            points[:], boxes[:] = np.nan, np.nan
        return FaceTrack(points, boxes, found)

    def forget(self, n_frames: int) -> None:
        """Keep the last so many frames alone; ``track`` is of these from then on."""
        drop = len(self._found) - max(n_frames, self._unproved + 1)
        if drop > 0:
            del self._points[: drop * _LOST.landmarks_px.size]
            del self._boxes[: drop * _LOST.box_px.size]
            del self._found[:drop]

    def _keep(self, face: DetectedFace | None) -> None:
        shown = face or _LOST
        self._points.frombytes(shown.landmarks_px.astype(np.float32).tobytes())
        self._boxes.frombytes(shown.box_px.astype(np.float32).tobytes())
        self._found.append(face is not None)

    def _next(self, frame: Frame) -> DetectedFace | None:
        face = self._carry(frame) if self._found and self._found[-1] else None
        if face is not None and self._counted and self._seen % COUNT_EVERY == 0:
            self.n_faces = max(self.n_faces, len(self._tracker.landmarks(frame, quick=True)))
        if face is None:
            face = self._search(frame)
            self._withdraw(face)
        if face is not None:
            self._face = face
            self._wait = self._unsearched = self._config.detect_every
            self._unproved = 0 if face.confirmed else self._unproved + 1
            self._thumb = _thumbnail(frame.rgb, face.box_px)
        return face

    def _carry(self, frame: Frame) -> DetectedFace | None:
        assert self._face is not None
        due = self._unproved + 1 >= self._config.detect_every
        doubt = due or not _same_picture(self._thumb, _thumbnail(frame.rgb, self._face.box_px))
        return self._tracker.carry(frame, self._face, confirm=doubt)

    def _search(self, frame: Frame) -> DetectedFace | None:
        """Look over the whole frame. A thorough look costs ten times an ordinary one, so it
        comes at once, then ever less often; and where faces have to be counted."""
        self._unsearched += 1
        due = self._unsearched >= self._wait
        faces = self._tracker.landmarks(frame, quick=True)
        if self._face is None and faces:  # a choice is made, of all there are
            wanted = not self._is_plain(frame, faces)
        else:
            wanted = due and not faces
        if wanted:
            faces = self._thorough(frame) or faces
        self.n_faces = max(self.n_faces, len(faces))
        if not faces:
            return None
        if self._face is None:
            ordered = sorted(faces, key=lambda f: float(f.box_px[0]))
            if self._near is None:
                self.place = _first_choice(ordered, self._config.face)
            else:
                self.place = _nearest(ordered, self._near)
            return ordered[self.place]
        return faces[_nearest(faces, self._face.box_px)]

    def _is_plain(self, frame: Frame, faces: Sequence[DetectedFace]) -> bool:
        """Whether a thorough look would not change the choice among what an ordinary one sees."""
        if self._counted or self._config.face != "largest":
            return False
        if self._near is not None:
            return any(overlap(face.box_px, self._near) >= _AT_ITS_PLACE for face in faces)
        side = PLAIN * max(frame.rgb.shape[:2])
        return any(float(np.max(face.box_px[2:] - face.box_px[:2])) >= side for face in faces)

    def _thorough(self, frame: Frame) -> tuple[DetectedFace, ...]:
        self._unsearched = 0
        self._wait = min(2 * self._wait, LONGEST_WAIT * self._config.detect_every)
        return self._tracker.landmarks(frame)

    def _withdraw(self, face: DetectedFace | None) -> None:
        """Take back the frames without proof, unless the search shows the face was there."""
        if self._face is None or not self._found[-1]:
            return
        if face is not None and overlap(face.box_px, self._face.box_px) > 0:
            return
        first = len(self._found) - self._unproved
        self._found[first:] = [False] * self._unproved


def track(
    frames: Iterable[Frame],
    config: TrackConfig,
    tracker: FaceTracker | None = None,
    near: F32 | None = None,
) -> FaceTrack:
    """Follow one face through a clip.

    Where the detector misses a face that was being followed, the unconfirmed frames since its
    last hit are not found either, so every ``found`` frame is either seen by the detector or lies
    between two frames that are (or among the last ``detect_every - 1`` of the clip).

    Args:
        frames: in order, all of one size.
        tracker: stands for the one that the settings name.
        near: see ``FaceFollower``.

    Raises:
        FaceError: no face in any frame, no frames, or as ``FaceFollower.follow``.
    """
    follower = FaceFollower(config, tracker, near, counted=False)
    for _ in follower.follow(frames):
        pass
    face = follower.track()
    if not face.found.any():
        raise FaceError(
            f"no face in any of {len(face.found)} frames",
            "a frontal, upright face at least 80 pixels wide",
            "check the video's rotation, or raise search_width_px for small faces",
        )
    return face


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


def _nearest(faces: Sequence[DetectedFace], box: F32) -> int:
    """Which face overlaps most with a box; where none overlaps, which is the nearest."""

    def nearness(place: int) -> tuple[float, float]:
        found = faces[place].box_px
        return overlap(found, box), -_distance(found, box)

    return max(range(len(faces)), key=nearness)


def _distance(a: F32, b: F32) -> float:
    return float(np.hypot(*((a[:2] + a[2:]) - (b[:2] + b[2:]))) / 2)


def _first_choice(ordered: list[DetectedFace], face: str | int) -> int:
    """Place of the chosen one among the faces from left to right."""
    if face == "largest":
        return max(range(len(ordered)), key=lambda i: area(ordered[i].box_px))
    if int(face) >= len(ordered):
        raise FaceError(
            f"face {face} was asked for; {len(ordered)} found in the first frame with a face",
            f"a position from 0 to {len(ordered) - 1}, from left to right, or 'largest'",
        )
    return int(face)


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
