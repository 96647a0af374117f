from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from made_actions import face
from merkit.errors import ConfigError
from merkit.face import FaceFollower, TrackConfig
from merkit.face.actions import ActionReader, FaceActions
from merkit.face.behaviour import ActionConfig, is_blinking
from merkit.face.frames_table import COLUMNS, write_frames
from merkit.face.precomputed import PrecomputedTracker
from merkit.types import FaceTrack, Frame

#: OpenFace 2.2's columns of these kinds, in its order (RecorderCSV, wiki "Output Format")
OPENFACE = [
    *("frame", "face_id", "timestamp", "confidence", "success", "gaze_angle_x", "gaze_angle_y"),
    *("pose_Rx", "pose_Ry", "pose_Rz"),
    *(f"{axis}_{i}" for axis in "xy" for i in range(68)),
]


@pytest.fixture(scope="module")
def seen(read_clip: Callable[..., list[Frame]]) -> tuple[FaceTrack, FaceActions]:
    """A face that goes after frame 72."""
    follower, reader = FaceFollower(TrackConfig()), ActionReader()
    for frame, found in follower.follow(read_clip("face_noface.mov", 20, 80)):
        reader.push(frame, found)
    track = follower.track()
    return track, reader.actions(track.found)


@pytest.fixture(scope="module")
def table(seen: tuple[FaceTrack, FaceActions], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "frames.csv"
    write_frames(path, *seen)
    return path


def test_landmarks_are_read_back(seen: tuple[FaceTrack, FaceActions], table: Path) -> None:
    track, actions = seen
    assert 0 < track.found.sum() < len(track.found)
    tracker = PrecomputedTracker(TrackConfig("precomputed", landmarks_path=str(table)))
    black = np.zeros((8, 8, 3), np.uint8)
    for number, found, points in zip(actions.numbers, track.found, track.landmarks_px, strict=True):
        faces = tracker.landmarks(Frame(int(number), 0.0, black))
        assert len(faces) == int(found)
        for read in faces:
            np.testing.assert_allclose(read.landmarks_px, points, atol=1e-3)
    tracker.finish()


def test_scripts_for_openface_find_their_columns(
    seen: tuple[FaceTrack, FaceActions], table: Path
) -> None:
    track, actions = seen
    rows = pd.read_csv(table)
    assert rows.columns.tolist()[: len(OPENFACE)] == OPENFACE
    assert rows["frame"].tolist() == actions.numbers.tolist()
    np.testing.assert_array_equal(rows["success"], track.found)
    np.testing.assert_allclose(rows["pose_Ry"], actions.yaw, atol=1e-4)
    np.testing.assert_allclose(rows["timestamp"], actions.time_s, atol=1e-6)
    lost = rows[rows["success"] == 0]
    assert (lost["confidence"] == 0).all()
    assert lost[["x_0", "pose_Rx", "lip_gap"]].isna().all(axis=None)
    assert (lost[["blink", "speech", "occluded"]] == 0).all(axis=None)
    np.testing.assert_array_equal(rows["blink"], is_blinking(actions, ActionConfig()))
    assert rows["blink"].sum() > 2


def test_a_face_without_a_mesh_has_a_row_too(tmp_path: Path) -> None:
    actions = face(3, **{name: {(0, 2): np.nan} for name in ("pitch", "yaw", "eye_x", "jaw_open")})
    points = np.arange(3 * 136, dtype=np.float32).reshape(3, 68, 2)
    track = FaceTrack(points, np.zeros((3, 4), np.float32), np.ones(3, bool))
    write_frames(tmp_path / "f.csv", track, actions, face_id=2)
    rows = pd.read_csv(tmp_path / "f.csv")
    assert rows.columns.tolist() == list(COLUMNS)
    assert rows["face_id"].tolist() == [2, 2, 2]
    assert rows["y_67"].tolist() == points[:, 67, 1].tolist()
    assert rows["pose_Rx"].isna().all()


def test_a_place_that_cannot_be_written_is_named(
    seen: tuple[FaceTrack, FaceActions], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_frames(tmp_path / "file" / "f.csv", *seen)


def test_rows_of_other_frames_are_refused(seen: tuple[FaceTrack, FaceActions]) -> None:
    with pytest.raises(ValueError, match="frames of landmarks"):
        write_frames(Path("never.csv"), seen[0], face(3))
