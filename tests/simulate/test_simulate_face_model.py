"""A face model's file is read or refused with one clear error; its points and normals are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_models import COLUMNS, ROWS, face_arrays, write_face
from merkit.errors import ConfigError, MissingDataError
from merkit.simulate.face_model import FaceModel

V = COLUMNS * ROWS
GOOD = face_arrays()
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no quads": ({"quads": None}, "array 'quads'"),
    "flat neutral": ({"neutral": GOOD["neutral"].ravel()}, "neutral has shape"),
    "other vertices": ({"identity": GOOD["identity"][:, 1:]}, f"V={V}"),
    "fewer names": ({"expression_names": GOOD["expression_names"][1:]}, "E="),
    "names are numbers": ({"expression_names": np.arange(len(GOOD["expression"]))}, "text"),
    "real quads": ({"quads": GOOD["quads"] + 0.5}, "whole numbers"),
    "quad outside": ({"quads": GOOD["quads"] + V}, "quads name vertices"),
    "not finite": ({"neutral": np.full((V, 3), np.nan, np.float32)}, "not finite"),
    "67 landmarks": ({"landmarks": GOOD["landmarks"][1:]}, "landmarks has shape"),
    "landmark outside": ({"landmarks": GOOD["landmarks"] + V}, "landmarks name vertices"),
    "upside down": ({"neutral": GOOD["neutral"] * np.float32([1, -1, 1])}, "y up"),
    "mirrored": ({"neutral": GOOD["neutral"] * np.float32([-1, 1, 1])}, "person's left"),
    "seen from behind": ({"neutral": GOOD["neutral"] * np.float32([1, 1, -1])}, "z forward"),
    "a name twice": ({"expression_names": np.full(len(GOOD["expression"]), "a")}, "twice"),
    "little skin": ({"skin_vertices": np.array(9)}, "skin vertices"),
    "skin is a list": ({"skin_vertices": np.arange(9)}, "skin_vertices has shape"),
    "skin is no number": ({"skin_vertices": np.array("all")}, "whole numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused(case: str, tmp_path: Path) -> None:
    changes, said = BAD[case]
    with pytest.raises(ConfigError, match=said):
        FaceModel.load(write_face(tmp_path / "face.npz", **changes))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no face model"):
        FaceModel.load(tmp_path / "none.npz")
    for content in (b"", b"PK\x03\x04 cut off", b"text"):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            FaceModel.load(tmp_path / "bad.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ConfigError, match="cannot be read"):
        FaceModel.load(tmp_path / "one.npy")


def test_landmarks_may_lie_beside(tmp_path: Path) -> None:
    file = write_face(tmp_path / "face.npz", landmarks=None)
    with pytest.raises(ConfigError, match=r"vertex_indices\.json"):
        FaceModel.load(file)
    listed = {"idx_to_landmark_verts": GOOD["landmarks"].tolist()}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(listed))
    assert FaceModel.load(file).landmarks.tolist() == GOOD["landmarks"].tolist()


def test_dense_points_are_vertices_midpoints_and_centres(tiny_face: FaceModel) -> None:
    edges = (COLUMNS - 1) * ROWS + COLUMNS * (ROWS - 1)
    quads = (COLUMNS - 1) * (ROWS - 1)
    points = tiny_face.densify @ tiny_face.neutral
    assert len(points) == V + edges + quads == len(tiny_face.point_weights)
    np.testing.assert_array_equal(points[:V], tiny_face.neutral)
    first = tiny_face.neutral[[0, 1, COLUMNS + 1, COLUMNS]]
    np.testing.assert_allclose(points[V + edges], first.mean(0), atol=1e-5)
    assert (np.abs(points[V : V + edges] - first[:2].mean(0)).sum(1) < 1e-5).any()
    # each shape's dense displacement is that of a mesh that was displaced and then made dense
    moved = tiny_face.densify @ (tiny_face.neutral + tiny_face.shapes[3])
    shapes = tiny_face.point_shapes.reshape(len(points), -1, 3)
    np.testing.assert_allclose(shapes[:, 3], moved - points, atol=1e-5)


def test_normals_of_a_sphere_are_its_radii() -> None:
    height, turn = np.meshgrid(np.linspace(-1.2, 1.2, 41), np.linspace(0, 2, 40), indexing="ij")
    ball = np.stack([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)])
    vertices = ball.reshape(3, -1).T.astype(np.float32)
    corner = (np.arange(40)[:, None] * 40 + np.arange(39)).ravel()
    quads = corner[:, None] + np.array([0, 1, 41, 40])
    empty = np.zeros((1, len(vertices), 3), np.float32)
    face = FaceModel(vertices, quads, empty, empty, ("a",), np.arange(68))
    np.testing.assert_allclose(face.normals(vertices), vertices, atol=0.05)


def test_a_person_is_the_mean_and_what_differs(tiny_face: FaceModel) -> None:
    person = tiny_face.person(np.float32([2, 0]))
    np.testing.assert_allclose(person[:, 0], tiny_face.neutral[:, 0] * 1.06, atol=0.01)
    np.testing.assert_array_equal(person[:, 1:], tiny_face.neutral[:, 1:])


def test_the_real_model_has_what_the_documentation_says(real_face: FaceModel) -> None:
    assert real_face.neutral.shape == (11248, 3)
    assert real_face.identity.shape == (100, 11248, 3)
    assert len(real_face.names) == 57
    assert len(real_face.densify.indptr) - 1 > 40_000
    pupils = [number for name, number in real_face.index.items() if "Pupil" in name]
    assert np.abs(real_face.shapes[pupils]).max() < 0.01  # cm; they move no skin
