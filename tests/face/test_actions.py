from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from merkit.face import FaceFollower, TrackConfig
from merkit.face.actions import MEASURES, ActionReader, FaceActions
from merkit.face.behaviour import ActionConfig, is_blinking, is_talking, runs
from merkit.face.mesh478 import MeshTracker
from merkit.face.tracker import DetectedFace
from merkit.types import U8, Frame

#: what the 68 points alone tell
OF_POINTS = {
    *("presence", "eye_distance_px", "outside", "head_x", "head_y"),
    *("lid_left", "lid_right", "lip_gap"),
}


def read(frames: list[Frame]) -> FaceActions:
    reader, follower = ActionReader(), FaceFollower(TrackConfig())
    for frame, face in follower.follow(frames):
        reader.push(frame, face)
    return reader.actions(follower.track().found)


def one(picture: U8, face: DetectedFace | None) -> dict[str, float]:
    reader = ActionReader()
    reader.push(Frame(0, 0.0, picture), face)
    actions = reader.actions()
    return {name: float(getattr(actions, name)[0]) for name in MEASURES}


@pytest.fixture(scope="module")
def face(astronaut: U8) -> DetectedFace:
    return MeshTracker(TrackConfig()).landmarks(Frame(0, 0.0, astronaut))[0]


def test_a_face_with_a_mesh_has_every_measure(astronaut: U8, face: DetectedFace) -> None:
    found = one(astronaut, face)
    assert np.isfinite(list(found.values())).all()
    assert found["outside"] == 0
    assert found["lid_left"] == pytest.approx(0.3, abs=0.12)


def test_a_face_without_a_mesh_has_what_68_points_tell(astronaut: U8, face: DetectedFace) -> None:
    found = one(astronaut, DetectedFace(face.landmarks_px, face.box_px))
    assert {name for name, value in found.items() if np.isfinite(value)} == OF_POINTS
    lips = face.landmarks_px[[62, 66]]
    eyes = [face.landmarks_px[a:b].mean(axis=0) for a, b in ((36, 42), (42, 48))]
    distance = np.linalg.norm(eyes[1] - eyes[0])
    assert found["eye_distance_px"] == pytest.approx(distance)
    assert found["lip_gap"] == pytest.approx(np.linalg.norm(lips[1] - lips[0]) / distance)


def test_no_face_has_no_measure(astronaut: U8) -> None:
    assert np.isnan(list(one(astronaut, None).values())).all()


def test_points_beyond_the_picture_are_counted(astronaut: U8, face: DetectedFace) -> None:
    assert face.mesh_px is not None
    shifted = face.mesh_px - [float(np.median(face.mesh_px[:, 0])), 0, 0]
    half = DetectedFace(face.landmarks_px, face.box_px, mesh_px=shifted.astype(np.float32))
    assert one(astronaut, half)["outside"] == pytest.approx(0.5, abs=0.01)


def test_a_mirrored_face_looks_to_the_other_side(read_image: Callable[[str], U8]) -> None:
    picture = read_image("single_face.jpg")
    plain, other = (read([Frame(0, 0.0, p)]) for p in (picture, picture[:, ::-1].copy()))
    for name in ("yaw", "roll", "eye_x", "gaze_x"):
        assert getattr(plain, name) == pytest.approx(-getattr(other, name), abs=0.05), name
    for name in ("pitch", "eye_y", "lip_gap", "lip_width"):
        assert getattr(plain, name) == pytest.approx(getattr(other, name), abs=0.05), name
    assert plain.lid_left == pytest.approx(other.lid_right, abs=0.05)


def test_a_grin_with_a_blink_is_one_blink_and_no_speech(
    read_clip: Callable[..., list[Frame]],
) -> None:
    """The lids touch in frame 27, as one sees in the pictures; the grin goes on after it."""
    actions = read(read_clip("single_face.mp4"))
    ((first, last),) = runs(is_blinking(actions, ActionConfig()))
    assert 24 <= first <= 27 <= last <= 31
    assert not is_talking(actions, ActionConfig()).any()
    assert np.ptp(actions.lip_gap) > 0.15
