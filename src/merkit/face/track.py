"""Following one face through a clip.

Long videos stream through ``follow.FaceFollower``; ``track`` is the same thing for a clip.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from merkit.errors import FaceError
from merkit.face.follow import FaceFollower
from merkit.face.tracker import NoFaceError, TrackConfig
from merkit.types import F32, FaceTrack, Frame


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
