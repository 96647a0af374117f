"""The basis of a view is what displacing the mesh and projecting it gives, with the right signs."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.simulate.dials import OFF, Dials
from merkit.simulate.face_model import LEFT_EYE, MOUTH, RIGHT_EYE, FaceModel
from merkit.simulate.pose import Crop, PosedFace, draw_face, jittered, tight_crop
from merkit.simulate.view import RIGID, View, draw_view, make_view, visible
from merkit.types import F32

STILL = Dials().without(*OFF)
TURNED = {"yaw": 0.15, "pitch": -0.1, "roll": 0.05}


def spin(yaw: float = 0, pitch: float = 0, roll: float = 0) -> F32:
    """Rotation in model axes, written out: about y, then x, then z."""
    c, s = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return (about_z @ about_x @ about_y).astype(np.float32)


def projected(vertices: F32, crop: Crop, **turn: float) -> F32:
    """(V,2) shares of a crop of a mesh in model axes, computed without the package's own pose."""
    x, y, _ = (vertices @ spin(**turn).T).T
    return np.stack([(x - crop.left) / crop.width, (-y - crop.top) / crop.height], axis=-1)


def front(face: FaceModel, **turn: float) -> View:
    posed = PosedFace.turned(face, face.neutral, **turn)
    return make_view(posed, tight_crop(posed.landmarks))


def weights_of(face: FaceModel, **heights: float) -> F32:
    weights = np.zeros((1, len(face.names)), np.float32)
    for name, height in heights.items():
        for side in ("", "_L", "_R"):
            if name + side in face.index:
                weights[0, face.index[name + side]] = height
    return weights


def cell(view: View, landmark: int) -> tuple[int, int]:
    """Row and column of a landmark on the grid."""
    u, v = view.crop.shares(view.face.landmarks[landmark]) * view.side
    return min(int(v), view.side - 1), min(int(u), view.side - 1)


def basis_against_mesh(face: FaceModel, tolerance: float) -> None:
    """Flow of a mixture of shapes at landmarks, against the mesh displaced and projected."""
    view = front(face, **TURNED)
    weights = np.random.default_rng(0).uniform(0, 0.5, (1, len(face.names))).astype(np.float32)
    moved = face.neutral + np.tensordot(weights[0], face.shapes, 1)
    exact = projected(moved, view.crop, **TURNED) - projected(face.neutral, view.crop, **TURNED)
    flow = view.flow(weights)[0]
    inner = [*range(27, 36), 48, 54]  # where skin has no edge
    found = np.array([flow[cell(view, number)] for number in inner])
    wanted = exact[face.landmarks[inner]]
    assert np.abs(found - wanted).max() < tolerance * np.abs(exact).max()


def test_the_basis_is_the_displaced_mesh(tiny_face: FaceModel) -> None:
    basis_against_mesh(tiny_face, 0.1)


def test_the_basis_is_the_displaced_mesh_of_the_real_model(real_face: FaceModel) -> None:
    basis_against_mesh(real_face, 0.1)


def test_flow_is_linear(tiny_face: FaceModel) -> None:
    view = front(tiny_face)
    a, b = np.random.default_rng(0).uniform(0, 1, (2, 1, len(tiny_face.names))).astype(np.float32)
    np.testing.assert_allclose(view.flow(2 * a + b), 2 * view.flow(a) + view.flow(b), atol=1e-5)


def signs(face: FaceModel) -> None:
    view = front(face)
    right_corner, left_corner = cell(view, 48), cell(view, 54)
    smile = view.flow(weights_of(face, mouthSmile=1))[0]
    assert smile[left_corner][0] > 0  # the person's left is at the right: out is to the right
    assert smile[right_corner][0] < 0
    assert smile[left_corner][1] < 0  # up
    assert smile[right_corner][1] < 0
    frown = view.flow(weights_of(face, browDown=1))[0]
    assert frown[cell(view, 20)][1] > 0  # brows are annotated; down
    assert frown[cell(view, 23)][1] > 0
    left_only = view.flow(weights_of(face, mouthDimple_L=1))[0]
    half = view.side // 2
    right_energy, left_energy = (
        np.abs(h).sum() for h in (left_only[:, :half], left_only[:, half:])
    )
    assert left_energy > 5 * right_energy


def test_signs(tiny_face: FaceModel) -> None:
    signs(tiny_face)


def test_signs_of_the_real_model(real_face: FaceModel) -> None:
    signs(real_face)


def test_the_tight_crop_puts_eyes_and_mouth_in_their_places(tiny_face: FaceModel) -> None:
    """Within a pixel of 28, for many people; exact where the head is level."""
    rng, dials = np.random.default_rng(1), Dials()
    for _ in range(20):
        posed = draw_face(tiny_face, dials, rng)
        crop = tight_crop(posed.landmarks)
        places = [crop.shares(posed.landmarks[s].mean(0)) for s in (RIGHT_EYE, LEFT_EYE, MOUTH)]
        np.testing.assert_allclose(places[0], [0.2, 0.22], atol=1 / 28)
        np.testing.assert_allclose(places[1], [0.8, 0.22], atol=1 / 28)
        assert places[2][1] == pytest.approx(0.68, abs=1 / 28)
    level = PosedFace.turned(tiny_face, tiny_face.neutral)
    crop = tight_crop(level.landmarks)
    np.testing.assert_allclose(
        crop.shares(level.landmarks[LEFT_EYE].mean(0)), [0.8, 0.22], atol=1e-5
    )


def test_scaling_and_shifting_a_crop() -> None:
    crop, eyes = Crop(10, 20, 40, 80), np.float32([30, 40])
    scaled = crop.scaled(0.5, 2, eyes)
    assert (scaled.width, scaled.height) == (20, 160)
    np.testing.assert_allclose(scaled.shares(eyes), crop.shares(eyes), atol=1e-6)
    moved = crop.shifted(0.1, 0.25)
    wanted = crop.shares(eyes) - np.float32([0.1, 0.25])
    np.testing.assert_allclose(moved.shares(eyes), wanted, atol=1e-6)


@pytest.mark.parametrize("name", RIGID)
def test_rigid_motion_against_a_small_finite_one(name: str, tiny_face: FaceModel) -> None:
    view, small = front(tiny_face), 0.01
    centre = tiny_face.neutral.mean(0)
    at_centre = tiny_face.neutral - centre
    scale = small * view.face.eye_distance
    moved = {
        "right_eyes": at_centre + np.float32([scale, 0, 0]),
        "down_eyes": at_centre - np.float32([0, scale, 0]),
        "pitch_rad": at_centre @ spin(pitch=small).T,
        "yaw_rad": at_centre @ spin(yaw=small).T,
        "roll_rad": at_centre @ spin(roll=small).T,
        "zoom": at_centre * (1 + small),
    }[name] + centre
    exact = projected(moved, view.crop) - projected(tiny_face.neutral, view.crop)
    motion = np.float32([[small * (name == other) for other in RIGID]])
    flow = view.rigid_flow(motion)[0]
    numbers = [*range(27, 68)]
    found = np.array([flow[cell(view, number)] for number in numbers])
    wanted = exact[tiny_face.landmarks[numbers]]
    assert np.abs(found - wanted).max() < 0.1 * np.abs(exact).max()


def test_flow_is_nothing_beside_the_face(tiny_face: FaceModel) -> None:
    posed = PosedFace.turned(tiny_face, tiny_face.neutral)
    wide = tight_crop(posed.landmarks).scaled(3, 3, posed.eye_centre)
    view = make_view(posed, wide)
    assert 0.05 < view.mask.mean() < 0.6
    assert not np.abs(view.flow(np.ones((1, len(tiny_face.names)))))[0][~view.mask].any()
    assert not np.abs(view.rigid_flow(np.ones((1, 6))))[0][~view.mask].any()


def test_a_turned_head_hides_skin(real_face: FaceModel) -> None:
    """What is seen of a turned head is in front: the far cheek behind the nose is not mixed in."""
    view = front(real_face, yaw=0.5)
    points, side = view.face.points, view.side
    u, v = (view.crop.shares(points) * side).astype(int).T
    seen, cells = visible(view.face, view.crop, side)
    for one in np.unique(cells)[::97]:
        depths = points[seen[cells == one], 2]
        behind = points[(v == one // side) & (u == one % side), 2]
        assert depths.min() >= behind.max() - 0.1 * view.face.eye_distance
        assert (view.face.normals[seen, 2] > 0).all()


def test_draws_differ_and_are_still_without_their_dials(tiny_face: FaceModel) -> None:
    rng = np.random.default_rng(0)
    first, second = draw_view(tiny_face, Dials(), rng), draw_view(tiny_face, Dials(), rng)
    assert not np.allclose(first.face.vertices, second.face.vertices)
    assert first.crop != second.crop
    still = draw_view(tiny_face, STILL, rng)
    np.testing.assert_allclose(still.basis, front(tiny_face).basis, atol=1e-6)


@pytest.mark.parametrize("off", ["identity", "pose", "crop"])
def test_one_dial_off_leaves_the_others(off: str, tiny_face: FaceModel) -> None:
    rng = np.random.default_rng(5)
    dials = Dials().without(off)
    face = draw_face(tiny_face, dials, rng)
    crop = jittered(tight_crop(face.landmarks), face, dials.crop, rng)
    upright = face.vertices @ face.rotation  # back in the model's axes
    assert np.allclose(upright, tiny_face.neutral, atol=1e-4) == (off == "identity")
    assert np.allclose(face.rotation, np.diag([1, -1, 1]), atol=1e-6) == (off == "pose")
    assert (crop == tight_crop(face.landmarks).scaled(1, 1, face.eye_centre)) == (off == "crop")
