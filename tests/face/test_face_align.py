from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_points import MIRROR_68
from merkit.errors import ConfigError, FaceError
from merkit.face.align import (
    MEAN_FACE,
    AlignConfig,
    align_points,
    fit_transform,
    transforms,
)
from merkit.types import F32, FaceTrack

FACE = (MEAN_FACE * 60 + [320, 200]).astype(np.float32)


def a_track(landmarks: F32, found: list[bool] | None = None) -> FaceTrack:
    n = len(landmarks)
    flags = np.ones(n, bool) if found is None else np.array(found)
    return FaceTrack(landmarks.astype(np.float32), np.zeros((n, 4), np.float32), flags)


def turned(points: F32, angle: float, scale: float, shift: tuple[float, float]) -> F32:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return (points @ np.array([[c, s], [-s, c]]) + shift).astype(np.float32)


def test_eyes_land_on_their_places() -> None:
    config = AlignConfig("per_frame", "eyes", 200, eye_distance=0.4, eye_y=0.3)
    track = a_track(np.stack([FACE, turned(FACE, 0.4, 1.7, (50, -20))]))
    aligned = align_points(track.landmarks_px, transforms(track, config))
    # Middle of 200 px is 99.5; half of 0.4 * 200 to each side; 0.3 * 200 - 0.5 from the top.
    for face in aligned:
        np.testing.assert_allclose(face[36:42].mean(axis=0), [59.5, 59.5], atol=1e-3)
        np.testing.assert_allclose(face[42:48].mean(axis=0), [139.5, 59.5], atol=1e-3)


def test_hand_computed_transform() -> None:
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42], landmarks[42:48] = (10, 20), (10, 60)  # a head lying on its side
    found = fit_transform(landmarks, AlignConfig(size_px=100, eye_distance=0.2, eye_y=0.5))
    # 40 px become 20, a quarter turn: x' = 0.5 y + c, y' = -0.5 x + d; (10,20) -> (39.5,49.5).
    np.testing.assert_allclose(found, [[0, 0.5, 29.5], [-0.5, 0, 54.5]], atol=1e-5)


def test_inner_corners_give_the_crop_of_the_flow_papers() -> None:
    config = AlignConfig("onset", "inner_corners", 256, eye_distance=0.25, eye_y=0.375)
    aligned = align_points(FACE[None], fit_transform(FACE, config)[None])[0]
    assert np.linalg.norm(aligned[42] - aligned[39]) == pytest.approx(64, abs=1e-3)
    np.testing.assert_allclose((aligned[39] + aligned[42]) / 2, [127.5, 95.5], atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.1, 20),
    x=st.floats(-500, 4000),
    y=st.floats(-500, 2000),
)
@pytest.mark.parametrize("method", ["eyes", "inner_corners", "similarity"])
def test_alignment_undoes_any_similarity(
    method: Any, angle: float, scale: float, x: float, y: float
) -> None:
    config = AlignConfig("per_frame", method)
    straight = align_points(FACE[None], fit_transform(FACE, config)[None])
    moved = turned(FACE - FACE.mean(axis=0), angle, scale, (x, y))
    again = align_points(moved[None], fit_transform(moved, config)[None])
    np.testing.assert_allclose(again, straight, atol=0.05)


def test_similarity_is_the_least_squares_fit_of_skimage() -> None:
    from skimage.transform import SimilarityTransform

    rng = np.random.default_rng(0)
    bent = turned(FACE, 0.2, 1.3, (5, 9)) + rng.normal(0, 4, FACE.shape).astype(np.float32)
    config = AlignConfig(method="similarity")
    target = align_points(FACE[None], fit_transform(FACE, config)[None])[0]
    reference = SimilarityTransform.from_estimate(bent.astype(float), target.astype(float))
    np.testing.assert_allclose(fit_transform(bent, config), reference.params[:2], atol=1e-2)


@pytest.mark.parametrize("method", ["eyes", "similarity"])
def test_mirrored_face_gives_mirrored_points(method: Any) -> None:
    width = 640
    config = AlignConfig(method=method)
    face = turned(FACE, 0.15, 1.1, (3, 4)) + np.linspace(0, 3, 136).reshape(68, 2)
    mirrored = face[list(MIRROR_68)] * [-1, 1] + [width - 1, 0]
    plain = align_points(face[None], fit_transform(face, config)[None])[0]
    flipped = align_points(mirrored[None], fit_transform(mirrored, config)[None])[0]
    expected = plain[list(MIRROR_68)] * [-1, 1] + [config.size_px - 1, 0]
    np.testing.assert_allclose(flipped, expected, atol=1e-2)


def test_mean_face_is_symmetric_with_eyes_one_apart() -> None:
    np.testing.assert_allclose(MEAN_FACE[list(MIRROR_68)] * [-1, 1], MEAN_FACE, atol=2e-3)
    np.testing.assert_allclose(MEAN_FACE[36:42].mean(axis=0), [-0.5, 0], atol=2e-3)
    assert sorted(MIRROR_68) == list(range(68))


def test_default_crop_shows_brows_and_chin() -> None:
    config = AlignConfig()
    aligned = align_points(FACE[None], fit_transform(FACE, config)[None])[0]
    assert aligned.min() > 0.05 * config.size_px
    assert aligned.max() < config.size_px


def test_onset_uses_the_first_found_frames_only() -> None:
    steps = np.array([100, 0, 3, 6, 50], np.float32)  # frame 0 has no face
    track = a_track(FACE + steps[:, None, None], [False, True, True, True, True])
    made = transforms(track, AlignConfig("onset", onset_frames=3))
    assert (made == made[0]).all()
    np.testing.assert_allclose(made[0], fit_transform(FACE + 3, AlignConfig()), atol=1e-4)


def test_onset_leaves_motion_and_per_frame_removes_it() -> None:
    track = a_track(FACE + np.arange(4, dtype=np.float32)[:, None, None])
    eyes = {
        policy: align_points(track.landmarks_px, transforms(track, AlignConfig(policy)))[:, 36:48]
        for policy in ("per_frame", "onset")
    }
    np.testing.assert_allclose(np.ptp(eyes["per_frame"], axis=0), 0, atol=1e-3)
    scale = transforms(track, AlignConfig())[0, 0, 0]
    np.testing.assert_allclose(np.ptp(eyes["onset"], axis=0), 3 * scale, rtol=1e-3)


def test_smoothing_averages_neighbours() -> None:
    track = a_track(FACE + np.array([0, 3, 0, 9, 0], np.float32)[:, None, None])
    made = transforms(track, AlignConfig("per_frame", smooth_frames=3))
    means = [1.5, 1, 4, 3, 4.5]
    expected = np.stack([fit_transform(FACE + np.float32(m), AlignConfig()) for m in means])
    np.testing.assert_allclose(made, expected, atol=1e-3)


@pytest.mark.parametrize(
    "bad",
    [
        {"policy": "never"},
        {"method": "affine"},
        {"size_px": 0},
        {"eye_distance": 0.0},
        {"eye_y": 1.5},
        {"onset_frames": 0},
        {"smooth_frames": 0},
    ],
)
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(bad.values())))):
        AlignConfig(**bad)


def test_bad_landmarks() -> None:
    with pytest.raises(FaceError, match=r"\(5, 2\)"):
        fit_transform(FACE[:5], AlignConfig())
    with pytest.raises(FaceError, match="one place"):
        fit_transform(np.ones((68, 2), np.float32), AlignConfig())
    with pytest.raises(FaceError, match="finite"):
        fit_transform(FACE * np.nan, AlignConfig())
    with pytest.raises(FaceError, match="no frame with a face"):
        transforms(a_track(FACE[None], [False]), AlignConfig("onset"))
