from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from merkit.face import TrackConfig
from merkit.face.landmarker import MODEL
from merkit.face.mesh478 import MESH_TO_68, MeshTracker
from merkit.face.pose import EYE_DISTANCE_CM, angles_of, fit_head, generic_head, rotation_of
from merkit.types import F64, U8, Frame

TURN = np.radians([12.0, -25.0, 8.0])


def fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field of a protocol buffer; those of integers are left out."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(content):
        number, kind = divmod(varint(), 8)
        length = {0: 0, 5: 4}.get(kind)
        length = varint() if length is None else length
        if kind == 0:
            varint()
            continue
        at += length
        yield number, content[at - length : at]


@pytest.fixture(scope="module")
def canonical() -> F64:
    """(468,3) of the landmarker's own file, cm."""
    with zipfile.ZipFile(MODEL) as archive:
        content = archive.read("geometry_pipeline_metadata_landmarks.binarypb")
    mesh = next(value for number, value in fields(content) if number == 1)
    numbers = [np.frombuffer(v, "<f4")[0] for n, v in fields(mesh) if n == 3]
    return np.array(numbers, np.float64).reshape(468, 5)[:, :3]


def test_the_table_is_the_landmarkers_own_head(canonical: F64) -> None:
    points, rigid = generic_head()
    wanted = canonical * [1, -1, -1] / EYE_DISTANCE_CM
    np.testing.assert_allclose(points, wanted - wanted[rigid].mean(axis=0), atol=1e-4)
    eyes = [canonical[list(MESH_TO_68[a:b])].mean(axis=0) for a, b in ((36, 42), (42, 48))]
    assert np.linalg.norm(eyes[0] - eyes[1]) == pytest.approx(EYE_DISTANCE_CM, abs=1e-3)


def test_a_turned_head_is_found_as_it_was_turned(canonical: F64) -> None:
    mesh = np.zeros((478, 3))
    rotation = rotation_of(TURN)
    mesh[:468] = 20 * (canonical * [1, -1, -1]) @ rotation.T + [300, 200, 0]
    head = fit_head(mesh.astype(np.float32))
    np.testing.assert_allclose(angles_of(head.rotation), TURN, atol=1e-5)
    assert head.eye_distance_px == pytest.approx(20 * EYE_DISTANCE_CM, rel=1e-5)
    back = head.in_head(mesh[:468]) * EYE_DISTANCE_CM
    there = canonical * [1, -1, -1]
    np.testing.assert_allclose(back - back[4], there - there[4], atol=1e-4)


@pytest.mark.parametrize(
    ("angle", "nose"), [(0, [0, 1]), (1, [-1, 0])], ids=["pitch down", "yaw to the left"]
)
def test_signs_are_those_of_the_picture(angle: int, nose: list[int]) -> None:
    """Where the tip of the nose, which points at the camera, goes."""
    turned = rotation_of(np.radians(30) * np.eye(3)[angle]) @ [0, 0, -1]
    np.testing.assert_allclose(turned[:2], np.multiply(nose, 0.5), atol=1e-9)


def test_roll_is_clockwise_in_the_picture() -> None:
    right = rotation_of(np.radians([0, 0, 90.0])) @ [1, 0, 0]
    np.testing.assert_allclose(right, [0, 1, 0], atol=1e-9)  # y goes down


def test_a_face_at_the_side_that_looks_into_the_lens_is_turned_to_it(canonical: F64) -> None:
    mesh = np.zeros((478, 3), np.float32)
    mesh[:468] = canonical * [1, -1, -1] * 20 + [570, 180, 0]
    head = fit_head(mesh)
    pitch, yaw, _ = angles_of(head.in_camera((640, 360)))
    x, y = head.centre_px[:2] - [320, 180]  # the focal length of 500 px
    assert yaw == pytest.approx(np.arctan2(x, np.hypot(500, y)), abs=1e-6)
    assert abs(pitch - np.arctan2(-y, 500)) < 0.02


def turned(picture: U8, degrees: float) -> U8:
    import cv2

    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=1))


def head_of(picture: U8) -> F64:
    (face, *_) = MeshTracker(TrackConfig()).landmarks(Frame(0, 0.0, picture))
    assert face.mesh_px is not None
    return np.degrees(angles_of(fit_head(face.mesh_px).rotation))


def test_a_turned_picture_turns_the_head(astronaut: U8) -> None:
    """OpenCV turns against the clock."""
    pitch, yaw, roll = head_of(turned(astronaut, 15)) - head_of(astronaut)
    assert roll == pytest.approx(-15, abs=1.0)
    assert abs(pitch) < 3.5
    assert abs(yaw) < 3.5


def test_a_mirrored_picture_mirrors_the_head(read_image: Callable[[str], U8]) -> None:
    picture = read_image("single_face.jpg")
    plain, mirrored = head_of(picture), head_of(picture[:, ::-1].copy())
    np.testing.assert_allclose(mirrored, plain * [1, -1, -1], atol=1.5)
