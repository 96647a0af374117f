from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from face_points import MIRROR_68
from merkit.face import FaceFollower, TrackConfig, track
from merkit.face.dlib68 import Dlib68Tracker
from merkit.face.mesh478 import MESH_TO_68, MeshTracker
from merkit.types import F32, U8, Frame


@pytest.fixture(scope="module")
def tracker() -> MeshTracker:
    return MeshTracker(TrackConfig())


def test_table_names_68_different_vertices() -> None:
    assert len(MESH_TO_68) == 68
    assert len(set(MESH_TO_68)) == 68
    assert max(MESH_TO_68) < 468  # works without the iris points


def test_rows_of_the_mesh_are_taken_in_order(tracker: MeshTracker, astronaut: U8) -> None:
    (face,) = tracker.landmarks(Frame(0, 0.0, astronaut))
    assert face.mesh_px is not None
    np.testing.assert_array_equal(
        face.landmarks_px[[8, 30, 36, 66]], face.mesh_px[[152, 4, 33, 14], :2]
    )
    assert face.confirmed
    assert face.score > 0.9


def test_points_agree_with_dlib(tracker: MeshTracker, read_image: Callable[[str], U8]) -> None:
    frame = Frame(0, 0.0, read_image("single_face.jpg"))
    mesh = tracker.landmarks(frame)[0].landmarks_px
    points = Dlib68Tracker(TrackConfig("dlib68")).landmarks(frame)[0].landmarks_px
    error = np.linalg.norm(mesh - points, axis=1) / eye_distance(points)
    assert error[17:].mean() < 0.05
    assert error[:17].mean() < 0.12  # the jaw line slides along itself


def eye_distance(points: F32) -> float:
    return float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))


def test_mirrored_picture_mirrors_the_points(read_image: Callable[[str], U8]) -> None:
    picture = read_image("single_face.jpg")
    plain = track([Frame(0, 0.0, picture)], TrackConfig()).landmarks_px[0]
    flipped = track([Frame(0, 0.0, picture[:, ::-1].copy())], TrackConfig()).landmarks_px[0]
    back = flipped[list(MIRROR_68)] * [-1, 1] + [picture.shape[1], 0]
    assert np.abs(back - plain).mean() < 0.02 * np.ptp(plain[:, 0])


def test_a_face_at_rest_jitters_less_than_with_dlib(astronaut: U8) -> None:
    """Noise of a camera on a still picture."""
    noise = np.random.default_rng(0)
    frames = [
        Frame(
            i, i / 30, np.clip(astronaut + noise.normal(0, 3, astronaut.shape), 0, 255).astype("u1")
        )
        for i in range(20)
    ]
    spread = {}
    for name in ("mesh478", "dlib68"):
        points = track(frames, TrackConfig(name)).landmarks_px[5:]
        spread[name] = np.linalg.norm(points.std(axis=0), axis=1).mean() / eye_distance(points[0])
    assert spread["mesh478"] < 0.6 * spread["dlib68"]


def test_a_new_face_is_where_a_followed_one_would_be(tracker: MeshTracker, astronaut: U8) -> None:
    frame = Frame(0, 0.0, astronaut)
    first = face = tracker.landmarks(frame)[0]
    for _ in range(10):
        carried = tracker.carry(frame, face, confirm=False)
        assert carried is not None
        face = carried
    moved = np.linalg.norm(face.landmarks_px - first.landmarks_px, axis=1)
    assert moved.mean() < 0.01 * eye_distance(face.landmarks_px)


def test_all_faces_of_a_group_are_found(
    tracker: MeshTracker, read_image: Callable[[str], U8]
) -> None:
    frame = Frame(0, 0.0, read_image("multi_face.jpg"))
    assert len(tracker.landmarks(frame)) == 5
    assert len(tracker.landmarks(frame, quick=True)) < 5


def test_a_face_that_goes_is_lost_and_found_again(
    read_clip: Callable[..., list[Frame]],
) -> None:
    frames = read_clip("face_noface.mov", 60, 80)
    follower = FaceFollower(TrackConfig())
    found = [face is not None for _, face in follower.follow([*frames, *frames[:4]])]
    assert found[:12] == [True] * 12
    assert not any(found[13:20])
    assert found[20:] == [True] * 4


def test_another_picture_is_no_face(tracker: MeshTracker, astronaut: U8) -> None:
    (face,) = tracker.landmarks(Frame(0, 0.0, astronaut))
    random = np.random.default_rng(0).integers(0, 256, astronaut.shape).astype(np.uint8)
    assert tracker.carry(Frame(1, 0.1, random), face, confirm=True) is None
    assert tracker.landmarks(Frame(2, 0.2, random)) == ()
