from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from merkit.face import FaceFollower, TrackConfig
from merkit.face.actions import ActionReader, FaceActions
from merkit.face.behaviour import ActionConfig, covered, is_occluded
from merkit.face.mesh478 import MeshTracker
from merkit.face.occlusion import EVERY_S, REACH_S, Unwrapped, at_frames, covered_quarters
from merkit.face.pose import fit_head, generic_head
from merkit.face.texture import SIDE_PX, layout, unwrap
from merkit.types import U8, Frame

SURE, LESS_SURE = 0.995, 0.98
UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT = range(4)


def unwrapped(picture: U8) -> U8:
    face = MeshTracker(TrackConfig()).landmarks(Frame(0, 0.0, picture))[0]
    assert face.mesh_px is not None
    return unwrap(picture, face.mesh_px, fit_head(face.mesh_px).eye_distance_px)


def likeness(a: U8, b: U8) -> float:
    skin = layout().skin
    return float(np.corrcoef(a[skin], b[skin])[0, 1])


def test_each_pixel_lies_where_its_weights_say() -> None:
    where = layout()
    np.testing.assert_allclose(where.weights.sum(axis=1), 1, atol=1e-5)
    flat = generic_head()[0][:, :2]
    places = np.einsum("mk,mkd->md", where.weights, flat[where.vertices])
    row, column = np.nonzero(where.on_face)
    step = np.polyfit(column, places[:, 0], 1)[0], np.polyfit(row, places[:, 1], 1)[0]
    np.testing.assert_allclose(step, (2.0 / (SIDE_PX - 1), 2.2 / (SIDE_PX - 1)), rtol=1e-4)
    assert (where.quarters.sum(axis=0) == 1).all()


def test_a_turned_and_smaller_face_unwraps_alike(astronaut: U8) -> None:
    import cv2

    turn = cv2.getRotationMatrix2D((150, 150), 20, 0.7)
    other = np.asarray(cv2.warpAffine(astronaut, turn, (300, 300), borderMode=1))
    assert likeness(unwrapped(astronaut), unwrapped(other)) > 0.97
    assert likeness(unwrapped(astronaut), unwrapped(astronaut[:, ::-1].copy())) < 0.9


def test_a_grin_unwraps_alike(read_clip: Callable[..., list[Frame]]) -> None:
    rest, grin = (unwrapped(frame.rgb) for frame in read_clip("single_face.mp4", 0, 41)[::40])
    assert likeness(rest, grin) > 0.85


@pytest.fixture(scope="module")
def open_face(astronaut: U8) -> U8:
    return unwrapped(astronaut)


def looks(face: U8, n: int = 100) -> Unwrapped:
    noise = np.random.default_rng(0)
    faces = [np.clip(face + noise.normal(0, 2, face.shape), 0, 255).astype("u1") for _ in range(n)]
    return Unwrapped(np.arange(n) * EVERY_S, np.stack(faces), np.full(n, SURE))


def with_patch(face: U8, quarter: int) -> U8:
    """A quarter of another texture."""
    stripes = 60 + 120 * (np.indices(face.shape).sum(axis=0) // 3 % 2)
    return np.where(layout().quarters[quarter], stripes, face).astype(np.uint8)


@pytest.mark.parametrize("quarter", range(4))
def test_a_quarter_that_looks_like_something_else_is_covered(open_face: U8, quarter: int) -> None:
    seen = looks(open_face)
    for i in range(40, 60):
        seen.grey[i], seen.presence[i] = with_patch(seen.grey[i], quarter), LESS_SURE
    found = covered_quarters(seen)
    assert found[40:60, quarter].min() > 0.7
    found[40:60, quarter] = 0
    assert found.max() < 0.3  # the squares that are compared reach over the edge


def test_other_looks_alone_cover_nothing(open_face: U8) -> None:
    """The network is as sure as before: a shadow, or paint."""
    seen = looks(open_face)
    seen.grey[50] = with_patch(open_face, LOWER_LEFT)
    assert covered_quarters(seen).max() == 0


def test_less_light_covers_nothing(open_face: U8) -> None:
    seen = looks(open_face)
    seen.grey[50], seen.presence[50] = open_face * 0.5, LESS_SURE
    assert covered_quarters(seen).max() < 0.1


def test_what_lies_beyond_the_reach_changes_nothing(open_face: U8) -> None:
    seen = looks(open_face, 400)
    for i in (150, 200):
        seen.grey[i], seen.presence[i] = with_patch(open_face, UPPER_RIGHT), LESS_SURE
    reach = round(REACH_S / EVERY_S)
    part = seen.at(np.abs(np.arange(400) - 200) <= reach)
    np.testing.assert_array_equal(covered_quarters(part)[reach], covered_quarters(seen)[200])


def test_frames_take_the_nearest_look(open_face: U8) -> None:
    seen = looks(open_face, 5)
    time_s = np.array([0.0, 0.09, 0.31, 0.8, 0.95, 1.2])
    np.testing.assert_array_equal(
        np.isfinite(at_frames(seen, time_s)).all(axis=1), [True] * 5 + [False]
    )
    none = seen.at(np.zeros(5, bool))
    assert np.isnan(at_frames(none, time_s)).all()
    assert covered_quarters(none).shape == (0, 4)


def read(frames: list[Frame]) -> FaceActions:
    reader, follower = ActionReader(), FaceFollower(TrackConfig())
    for frame, face in follower.follow(frames):
        reader.push(frame, face)
    return reader.actions(follower.track().found)


def test_a_hand_before_the_mouth_is_told_and_laughter_is_not(
    read_clip: Callable[..., list[Frame]],
) -> None:
    """As one sees: the hand comes in frame 60 and goes by frame 230; then she laughs."""
    actions = read(read_clip("WolfgangLanger_Pexels.mp4")[::3])
    found = is_occluded(actions, ActionConfig())
    hand = (actions.numbers > 69) & (actions.numbers < 222)
    free = (actions.numbers < 54) | (actions.numbers > 235)
    assert found[hand].mean() > 0.95
    assert not found[free].any()
    lower = np.fmax(actions.covered_lower_left, actions.covered_lower_right)[hand]
    upper = np.fmax(actions.covered_upper_left, actions.covered_upper_right)[hand]
    assert lower.mean() > 2 * upper.mean()


@pytest.mark.parametrize("name", ["single_face.mp4", "face_noface.mov"])
def test_a_grin_with_a_blink_covers_nothing(
    read_clip: Callable[..., list[Frame]], name: str
) -> None:
    assert np.nanmax(covered(read(read_clip(name)[::2]))) < 0.25
