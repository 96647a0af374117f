from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from face_points import MIRROR_68
from merkit.errors import ConfigError, MissingPackageError, MissingWeightsError
from merkit.face import TrackConfig, mediapipe478, track
from merkit.face.dlib68 import Dlib68Tracker
from merkit.face.mediapipe478 import MESH_TO_68, MediaPipeTracker, _face
from merkit.types import U8, Frame

needs_mediapipe = pytest.mark.skipif(
    find_spec("mediapipe") is None, reason="the optional package mediapipe is not installed"
)
TASK = "face_landmarker_v2_with_blendshapes.task"


def test_table_names_68_different_vertices() -> None:
    assert len(MESH_TO_68) == 68
    assert len(set(MESH_TO_68)) == 68
    assert max(MESH_TO_68) < 468  # works without the iris points


def test_mesh_rows_are_taken_in_order() -> None:
    mesh = np.arange(478 * 2, dtype=np.float32).reshape(478, 2)
    points = _face(mesh + 0.5).landmarks_px
    assert points[[8, 30, 36, 66], 0].tolist() == [2 * 152, 2 * 4, 2 * 33, 2 * 14]


@pytest.mark.skipif(find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_absent_package_is_told() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install merkit\[mediapipe\]"):
        MediaPipeTracker(TrackConfig("mediapipe"))


def test_absent_model_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mediapipe478, "_import", lambda: None)
    with pytest.raises(MissingWeightsError, match="no model_path given"):
        MediaPipeTracker(TrackConfig("mediapipe"))
    with pytest.raises(MissingWeightsError, match=r"no such file: .*gone\.task"):
        MediaPipeTracker(TrackConfig("mediapipe", model_path=str(tmp_path / "gone.task")))


@needs_mediapipe
def test_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.task").write_text("no model")
    with pytest.raises(ConfigError, match=r"a\.task"):
        MediaPipeTracker(TrackConfig("mediapipe", model_path=str(tmp_path / "a.task")))


@needs_mediapipe
def test_points_agree_with_dlib(read_image: Callable[[str], U8], assets: Path) -> None:
    frame = Frame(0, 0.0, read_image("single_face.jpg"))
    config = TrackConfig("mediapipe", model_path=str(assets / "models" / TASK))
    mesh = MediaPipeTracker(config).landmarks(frame)[0].landmarks_px
    points = Dlib68Tracker(TrackConfig()).landmarks(frame)[0].landmarks_px
    eyes = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    error = np.linalg.norm(mesh - points, axis=1) / eyes
    assert error[17:].mean() < 0.05
    assert error[:17].mean() < 0.12  # the jaw line slides along itself


@needs_mediapipe
def test_mirrored_picture_mirrors_the_points(read_image: Callable[[str], U8], assets: Path) -> None:
    picture = read_image("single_face.jpg")
    config = TrackConfig("mediapipe", model_path=str(assets / "models" / TASK))
    plain = track([Frame(0, 0.0, picture)], config).landmarks_px[0]
    flipped = track([Frame(0, 0.0, picture[:, ::-1])], config).landmarks_px[0]
    back = flipped[list(MIRROR_68)] * [-1, 1] + [picture.shape[1] - 1, 0]
    assert np.abs(back - plain).mean() < 0.02 * np.ptp(plain[:, 0])
