from __future__ import annotations

import numpy as np
import pytest

from merkit.errors import FaceError
from merkit.face.align import MEAN_FACE, AlignConfig, align_clip, fit_transform, warp
from merkit.types import F32, U8, FaceTrack


def similarity(scale: float, x: float, y: float) -> F32:
    return np.array([[scale, 0, x], [0, scale, y]], np.float32)


def dot(x: float, y: float, size: int = 64) -> U8:
    """A soft bright dot, drawn at its exact place."""
    rows, columns = np.mgrid[:size, :size]
    grey = 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def centre(picture: U8) -> F32:
    grey = picture[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return np.array([(grey * columns).sum(), (grey * rows).sum()], np.float32) / grey.sum()


def test_identity_changes_nothing(astronaut: U8) -> None:
    np.testing.assert_array_equal(warp(astronaut, similarity(1, 0, 0), 300), astronaut)


@pytest.mark.parametrize("scale", [0.4, 0.9, 2.5])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.3, -2.6)])
def test_a_point_goes_where_the_transform_says(scale: float, shift: tuple[float, float]) -> None:
    made = warp(dot(30.4, 33.7), similarity(scale, *shift), 160)
    expected = np.array([30.4, 33.7]) * scale + shift
    np.testing.assert_allclose(centre(made), expected, atol=0.06)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # at a third of the size these would beat into broad bands
    made = warp(stripes, similarity(1 / 3.1, 0, 0), 80)[10:70, 10:70]
    assert float(made.std()) < 4
    assert made.mean() == pytest.approx(127.5, abs=2)


def test_cropping_first_equals_warping_the_whole_picture(astronaut: U8) -> None:
    import cv2

    transform = np.array([[0.9, 0.2, -60.5], [-0.2, 0.9, 20.25]], np.float32)
    whole = cv2.warpAffine(
        astronaut, transform, (64, 64), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    difference = warp(astronaut, transform, 64).astype(int) - whole
    assert np.abs(difference).max() <= 2  # the two round sub-pixel places differently


def test_outside_the_picture_the_border_repeats() -> None:
    picture = np.full((20, 30, 3), 90, np.uint8)
    assert (warp(picture, similarity(1, 500, 500), 16) == 90).all()
    assert (warp(picture, similarity(0.2, 2, 2), 16) == 90).all()


def test_align_clip_puts_the_eyes_in_place(astronaut: U8) -> None:
    clip = np.stack([astronaut, np.roll(astronaut, 4, axis=1)])
    face = (MEAN_FACE * 50 + [150, 120]).astype(np.float32)
    landmarks = np.stack([face, face + np.float32([4, 0])])
    track = FaceTrack(landmarks, np.zeros((2, 4), np.float32), np.ones(2, bool))
    steady = align_clip(clip, track, AlignConfig("per_frame", size_px=96))
    assert steady.shape == (2, 96, 96, 3)
    assert np.abs(steady[0].astype(int) - steady[1])[10:90, 10:90].mean() < 1
    moving = align_clip(clip, track, AlignConfig("onset", onset_frames=1, size_px=96))
    expected = warp(clip[1], fit_transform(face, AlignConfig(size_px=96)), 96)
    np.testing.assert_array_equal(moving[1], expected)


def test_frames_and_track_must_match(astronaut: U8) -> None:
    track = FaceTrack(np.zeros((3, 68, 2), np.float32), np.zeros((3, 4), np.float32), np.ones(3))
    with pytest.raises(FaceError, match="2 frames with a track of 3"):
        align_clip(np.stack([astronaut] * 2), track, AlignConfig())
