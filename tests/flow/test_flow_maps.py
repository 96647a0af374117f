from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from merkit.errors import FaceError
from merkit.flow.config import FlowConfig
from merkit.flow.estimate import flow_map
from merkit.flow.roi import clip_flow_map, mean_flow_map

BUMP = (100.0, 128.0, 22.0, 3.0, 0.0)


def _peak(channel: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(channel.argmax(), channel.shape))


def test_channels_are_strain_v_u(face: np.ndarray, move: Any) -> None:
    image = flow_map(face, move(face, (0, 0), BUMP), FlowConfig())
    assert (image.shape, image.dtype) == ((3, 28, 28), np.uint8)
    assert _peak(image[2]) == pytest.approx((13.5, 10.5), abs=1)  # R is u, to the right
    down = flow_map(face, move(face, (0, 0), (100, 128, 22, 0, 3)), FlowConfig())
    assert _peak(down[1]) == pytest.approx((13.5, 10.5), abs=1)  # G is v, downwards
    ring = image[0].astype(float)  # strain: high on the slopes of the bump, low on its top
    assert ring[14, 11] < 0.5 * ring[13:16, 8:15].max()


def test_every_channel_fills_its_range(face: np.ndarray, move: Any) -> None:
    image = flow_map(face, move(face, (0.5, 0.2), BUMP), FlowConfig(map_size_px=20))
    assert image.shape == (3, 20, 20)
    assert image.min(axis=(1, 2)).tolist() == [0, 0, 0]
    assert image.max(axis=(1, 2)).tolist() == [255, 255, 255]


def test_no_motion_is_all_zero(face: np.ndarray) -> None:
    assert not flow_map(face, face, FlowConfig()).any()


def test_order_is_that_in_which_opencv_loads_it(tmp_path: Any, face: np.ndarray, move: Any) -> None:
    """Written as a PNG and read by another library, red is u and blue is strain."""
    from skimage.io import imread

    image = flow_map(face, move(face, (0, 0), BUMP), FlowConfig())
    cv2.imwrite(str(tmp_path / "map.png"), image.transpose(1, 2, 0))
    rgb = imread(tmp_path / "map.png")
    np.testing.assert_array_equal(rgb[..., 0], image[2])
    np.testing.assert_array_equal(rgb[..., 2], image[0])


def test_mirrored_faces_have_the_mirrored_map(face: np.ndarray, move: Any) -> None:
    after = move(face, (0, 0), (80, 150, 25, 3.0, -2.0))
    config = FlowConfig()
    mirrored = flow_map(face[:, ::-1], after[:, ::-1], config).astype(float)
    expected = flow_map(face, after, config)[..., ::-1].astype(float)
    expected[2] = 255 - expected[2]  # u changes its sign, scaled to 0-255
    for channel in range(3):
        assert np.corrcoef(mirrored[channel].ravel(), expected[channel].ravel())[0, 1] > 0.9
    assert np.abs(mirrored[2] - expected[2]).mean() < 12


def test_source_frames_are_cropped_and_followed(
    face: np.ndarray, landmarks: np.ndarray, move: Any
) -> None:
    def frame(gray: np.ndarray, left: int) -> np.ndarray:
        return np.stack([np.pad(gray, ((32, 32), (left, 120 - left)), mode="edge")] * 3, -1)

    moved = move(face, (0, 0), BUMP)
    # Crop of this layout: g = 31, so 248 source pixels make 256.
    image = clip_flow_map(
        frame(face, 60), frame(moved, 64), np.add(landmarks, [60, 32]), FlowConfig()
    )
    assert _peak(image[2]) == pytest.approx((13.5, 11), abs=1.5)
    with pytest.raises(FaceError, match="equal shapes"):
        clip_flow_map(frame(face, 60), face, landmarks + 32, FlowConfig())


def test_the_mean_of_pairs_has_less_of_their_noise(
    face: np.ndarray, landmarks: np.ndarray, move: Any
) -> None:
    """Grain is another in every frame, and the movement the same."""
    rng = np.random.default_rng(5)

    def grainy(gray: np.ndarray, n: int) -> np.ndarray:
        noise = rng.normal(0, 6, (n, *gray.shape, 1))
        return np.clip(gray[None, ..., None] + noise, 0, 255).astype(np.uint8).repeat(3, -1)

    after = move(face, (0, 0), BUMP)
    clean = np.stack([face, after])[..., None].repeat(3, -1)
    wanted = mean_flow_map(clean, landmarks, FlowConfig())
    np.testing.assert_array_equal(wanted, clip_flow_map(*clean, landmarks, FlowConfig()))
    noisy = np.concatenate([grainy(face, 5), grainy(after, 5)])
    together = mean_flow_map(noisy, landmarks, FlowConfig())
    single = [clip_flow_map(noisy[i], noisy[5 + i], landmarks, FlowConfig()) for i in range(5)]
    off = [np.abs(image.astype(float) - wanted).mean() for image in (together, *single)]
    assert off[0] < 0.9 * min(off[1:])
