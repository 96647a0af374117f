"""The networks and their geometry against MediaPipe's own package.

``data/mediapipe_1.2.3.npz`` holds what version 1.2.3 of the package printed, once, for frames of
the clips of the assets folder: ``points`` in image mode (478,2) in 32nds of a pixel with the
``blendshapes``, and ``still_points`` of its video mode after sixty times the same frame, when its
smoothing has come to rest and the region is that of the mesh itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merkit.errors import ConfigError, MissingWeightsError
from merkit.face.detection import one_a_face
from merkit.face.landmarker import (
    BLENDSHAPES,
    MODEL,
    MODEL_SHA256,
    FaceLandmarker,
)
from merkit.face.region import FaceRegion, region_of_mesh
from merkit.files import file_hash
from merkit.types import F32, U8, Frame

REFERENCE = Path(__file__).parent / "data" / "mediapipe_1.2.3.npz"
CLIPS = ("single_face.jpg", "WolfgangLanger_Pexels.mp4", "face_noface.mov", "single_face.mp4")


@pytest.fixture(scope="module")
def landmarker() -> FaceLandmarker:
    return FaceLandmarker()


Pairs = Callable[[str, str], list[tuple[U8, F32]]]


@pytest.fixture
def pairs(read_clip: Callable[..., list[Frame]], read_image: Callable[[str], U8]) -> Pairs:
    """(clip, "" or "still_") -> its pictures in the reference, each with the points there."""

    def read(name: str, kind: str) -> list[tuple[U8, F32]]:
        with np.load(REFERENCE) as stored:
            numbers = stored[f"{name}.{kind}frames"]
            points = stored[f"{name}.{kind}points"] / np.float32(32)
        if name.endswith(".jpg"):
            return [(read_image(name), points[0])]
        frames = read_clip(name)
        return [(frames[n].rgb, p) for n, p in zip(numbers, points, strict=True)]

    return read


def errors_px(mesh: F32, wanted: F32) -> F32:
    """Distances in pixels of a face 256 px wide."""
    away: F32 = np.linalg.norm(mesh[:, :2] - wanted, axis=1)
    return away * 256 / np.ptp(wanted[:, 0])


@pytest.mark.parametrize("name", CLIPS)
def test_the_mesh_is_that_of_mediapipe(name: str, landmarker: FaceLandmarker, pairs: Pairs) -> None:
    with np.load(REFERENCE) as stored:
        coefficients = stored[f"{name}.blendshapes"]
    for (rgb, points), shapes in zip(pairs(name, ""), coefficients, strict=True):
        detection = landmarker.detect(rgb)[0]
        mesh, presence = landmarker.mesh(rgb, detection.region)
        error = errors_px(mesh, points)
        assert np.median(error) < 0.15
        assert error.max() < 1.0
        assert presence > 0.5
        assert np.abs(landmarker.blendshapes(points) - shapes).max() < 0.02


@pytest.mark.parametrize("name", CLIPS)
def test_a_followed_mesh_comes_to_rest_where_that_of_mediapipe_does(
    name: str, landmarker: FaceLandmarker, pairs: Pairs
) -> None:
    errors = []
    for rgb, points in pairs(name, "still_"):
        mesh, _ = landmarker.mesh(rgb, landmarker.detect(rgb)[0].region)
        for _ in range(15):
            mesh, _ = landmarker.mesh(rgb, region_of_mesh(mesh))
        errors.append(np.median(errors_px(mesh, points)))
    assert np.median(errors) < 0.15
    assert np.mean(np.array(errors) < 1.0) > 0.9  # a turned face may rest in two places


def test_a_picture_without_a_face_has_none(
    landmarker: FaceLandmarker, read_clip: Callable[..., list[Frame]]
) -> None:
    assert not any(landmarker.detect(f.rgb) for f in read_clip("no_face.mp4", step=20))


def test_a_region_cuts_out_what_lies_in_it() -> None:
    """A quarter turn to the right by hand: the left of the picture comes to the top."""
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[:, :4, 0], rgb[:, 4:, 1] = 200, 200
    upright = FaceRegion(4.0, 4.0, 8.0, 0.0).crop(rgb, 8)
    np.testing.assert_array_equal(upright, rgb)
    turned = FaceRegion(4.0, 4.0, 8.0, np.pi / 2).crop(rgb, 8)
    assert turned[:3, 2:6, 1].min() == 200
    assert turned[5:, 2:6, 0].min() == 200
    corners = FaceRegion(10.0, 20.0, 4.0, np.pi / 2).to_picture(np.array([[0.5, 0.0]], np.float32))
    np.testing.assert_allclose(corners, [[10.0, 22.0]], atol=1e-5)


def test_boxes_without_an_area_are_faces_of_their_own() -> None:
    """Numbers that no picture should give; each is passed once, and the search ends."""
    places = np.zeros((3, 8, 2), np.float32)
    places[0, 1] = 0.5  # the others have no area
    found = list(one_a_face(places, np.array([0.9, 0.8, 0.7], np.float32)))
    assert [round(score, 1) for *_, score in found] == [0.9, 0.8, 0.7]


def test_the_region_of_a_mesh_is_one_and_a_half_times_its_box() -> None:
    mesh = np.zeros((478, 3), np.float32)
    mesh[:, :2] = [50, 60]
    mesh[10, :2], mesh[152, :2] = [50, 20], [50, 100]  # 80 high
    mesh[33, :2], mesh[263, :2] = [40, 50], [60, 50]
    assert region_of_mesh(mesh) == FaceRegion(50.0, 60.0, 120.0, 0.0)


def test_the_file_is_as_it_came() -> None:
    assert file_hash(MODEL) == MODEL_SHA256
    assert len(BLENDSHAPES) == len(set(BLENDSHAPES)) == 52


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match=r"gone\.task"):
        FaceLandmarker(tmp_path / "gone.task")
    (tmp_path / "a.task").write_text("no model")
    with pytest.raises(ConfigError, match=r"a\.task is no face landmarker"):
        FaceLandmarker(tmp_path / "a.task").detect(np.zeros((9, 9, 3), np.uint8))


def test_nothing_is_said_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    FaceLandmarker().detect(np.zeros((64, 64, 3), np.uint8))
    assert capfd.readouterr().err == ""
