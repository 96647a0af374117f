from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from merkit.errors import FaceError
from merkit.face.regions import REGION_NAMES, mirror_order, region_layout
from merkit.flow.config import PUBLISHED_FLOW, FlowConfig
from merkit.flow.crop import crop_layout, cut, face_crop, follow
from merkit.flow.roi import clip_flow, region_motion

LEFT_CORNER = REGION_NAMES.index("left mouth corner (p48)")
SMILE = (94.0, 190.0, 14.0, -1.2, -2.0)  # the left mouth corner moves out and up
FAR = [1, 2, 3, 5, 6, 7, 10, 15, 16, 17]  # regions that a smile on the left leaves alone


def _on_canvas(face: np.ndarray, left: int, top: int) -> np.ndarray:
    """A colour frame of 320x400 with the face at a place."""
    canvas = np.full((320, 400), 90, np.uint8)
    canvas[top : top + 256, left : left + 256] = face
    return np.stack([canvas] * 3, -1)


def roi_flow(grays: np.ndarray, landmarks: np.ndarray, config: FlowConfig) -> np.ndarray:
    """Motion (T,R,2) of frames that are cropped already: no crop, no following."""
    layout = region_layout(landmarks, config.windows, config.crop_size_px)
    rows = [np.zeros((config.regions, 2), np.float32)]
    for t in range(1, len(grays)):
        before = grays[0 if config.reference == "first" else t - 1]
        rows.append(region_motion(before, grays[t], layout, config, np.zeros(2)))
    return np.stack(rows)


def mirror_motion(motion: np.ndarray) -> np.ndarray:
    return motion[:, list(mirror_order(motion.shape[1]))] * [-1, 1]


@pytest.fixture(scope="module")
def smile(face: np.ndarray, move: Any) -> np.ndarray:
    """(4,256,256): still, third, two thirds and whole of the movement."""
    x, y, sigma, u, v = SMILE
    return np.stack([move(face, (0, 0), (x, y, sigma, u * s, v * s)) for s in (0, 1 / 3, 2 / 3, 1)])


@pytest.mark.parametrize("layout", ["symmetric", "code"])
def test_the_region_that_moves_shows_it(
    smile: np.ndarray, landmarks: np.ndarray, layout: str
) -> None:
    base = PUBLISHED_FLOW if layout == "code" else FlowConfig(reference="first")
    motion = roi_flow(smile, landmarks, base)
    assert motion.shape == (4, 18, 2)
    assert not motion[0].any()
    # Every estimator flattens a small bump (see estimate_flow); the direction is right.
    u, v = motion[3, LEFT_CORNER]
    assert 0.6 < np.hypot(u, v) / np.hypot(*SMILE[3:]) < 1.05
    assert np.arctan2(v, u) == pytest.approx(np.arctan2(SMILE[4], SMILE[3]), abs=0.15)
    sizes = np.linalg.norm(motion[:, LEFT_CORNER], axis=1)
    assert (np.diff(sizes) > 0.3).all()
    assert np.abs(motion[3, FAR]).max() < 0.25


def test_references_agree(smile: np.ndarray, landmarks: np.ndarray) -> None:
    first = roi_flow(smile, landmarks, FlowConfig(reference="first"))
    previous = roi_flow(smile, landmarks, FlowConfig(reference="previous"))
    assert previous.sum(axis=0)[LEFT_CORNER] == pytest.approx(first[3, LEFT_CORNER], abs=0.35)
    np.testing.assert_array_equal(first[1], previous[1])
    assert np.linalg.norm(previous[3, LEFT_CORNER]) < np.linalg.norm(first[3, LEFT_CORNER]) / 2


def test_fourteen_regions_are_a_choice_of_the_eighteen(
    smile: np.ndarray, landmarks: np.ndarray
) -> None:
    all_regions = roi_flow(smile, landmarks, FlowConfig())
    chosen = roi_flow(smile, landmarks, FlowConfig(regions=14))
    np.testing.assert_array_equal(chosen, np.delete(all_regions, [0, 4, 8, 13], axis=1))


@pytest.mark.parametrize("nose_correction", ["field", "pooled"])
def test_head_translation_is_removed(
    face: np.ndarray, landmarks: np.ndarray, move: Any, nose_correction: Any
) -> None:
    frames = np.stack([face, move(face, (0.8, -0.5)), move(face, (1.6, 1.2))])
    corrected = FlowConfig(reference="first", nose_correction=nose_correction)
    raw = FlowConfig(reference="first", nose_correction="none")
    assert np.abs(roi_flow(frames, landmarks, corrected)).max() < 0.25
    assert roi_flow(frames, landmarks, raw)[2].mean(0) == pytest.approx((1.6, 1.2), abs=0.2)


def test_a_smile_on_a_moving_head(face: np.ndarray, landmarks: np.ndarray, move: Any) -> None:
    frames = np.stack([face, move(face, (1.5, 1.0), SMILE)])
    motion = roi_flow(frames, landmarks, FlowConfig(reference="first"))[1]
    assert motion[LEFT_CORNER] == pytest.approx(SMILE[3:], abs=0.75)
    assert np.abs(motion[FAR]).max() < 0.3


def test_mirrored_video_has_mirrored_motion(
    smile: np.ndarray, landmarks: np.ndarray, mirrored_landmarks: np.ndarray
) -> None:
    config = FlowConfig(reference="first")
    motion = roi_flow(smile, landmarks, config)
    flipped = np.ascontiguousarray(smile[:, :, ::-1])
    mirrored = roi_flow(flipped, mirrored_landmarks, config)
    np.testing.assert_allclose(mirrored, mirror_motion(motion), atol=0.15)


def test_crop_is_the_published_square(landmarks: np.ndarray) -> None:
    crop = face_crop(landmarks / 2 + [50, 20], FlowConfig())
    # Inner corners 31.5 px apart: g = 15, centre (113.75, 68): x 113 - 60, y 68 - 45.
    assert (crop.left, crop.top, crop.side_px) == (53, 23, 120)
    assert crop.scale == pytest.approx(256 / 120)
    assert crop.points(np.array([[53.0, 23.0]]))[0] == pytest.approx([0.5667, 0.5667], abs=1e-3)


def test_cut_equals_opencv_and_repeats_the_border(face: np.ndarray, landmarks: np.ndarray) -> None:
    crop = face_crop(landmarks / 2, FlowConfig())
    inside = crop.moved(60, 60)
    frame = _on_canvas(face, 0, 0)
    part = frame[60 + crop.top : 60 + crop.top + crop.side_px,
                 60 + crop.left : 60 + crop.left + crop.side_px, 0]  # fmt: skip
    np.testing.assert_array_equal(cut(frame, inside), cv2.resize(part, (256, 256)))
    over = cut(frame, crop.moved(-crop.left - 30, 0))
    assert (over[:, :10] == over[:, :1]).all()
    with pytest.raises(FaceError, match="overlaps the 400x320 image"):
        cut(frame, crop.moved(5000, 0))


def test_crop_follows_a_head_that_walks(face: np.ndarray, landmarks: np.ndarray) -> None:
    places = [(60 + 3 * t, 30 + 2 * t) for t in range(6)]
    rgb = np.stack([_on_canvas(face, *place) for place in places])
    source = landmarks + places[0]
    still = clip_flow(rgb, source, FlowConfig(reference="first"))
    assert np.abs(still).max() < 0.3
    raw = FlowConfig(reference="first", nose_correction="none")
    assert clip_flow(rgb, source, raw)[5].mean(0) == pytest.approx((15, 10), abs=0.6)
    lost = clip_flow(rgb, source, FlowConfig(reference="first", follow_nose=False))
    assert np.abs(lost).max() > 3 * np.abs(still).max()


def test_an_unscaled_crop_overshoots_as_that_of_the_authors(
    face: np.ndarray, landmarks: np.ndarray
) -> None:
    """A face of half the size: two pixels of the crop are one of the source."""
    small = cv2.resize(face, (128, 128), interpolation=cv2.INTER_AREA)
    frames = []
    for left in (60, 63):
        canvas = np.full((320, 400), 90, np.uint8)
        canvas[60 : 60 + 128, left : left + 128] = small
        frames.append(canvas)
    crop, layout = crop_layout((landmarks + 0.5) / 2 - 0.5 + 60, PUBLISHED_FLOW)
    reference = cut(frames[0], crop)
    once = replace(PUBLISHED_FLOW, follow_iterations=1)
    scaled, _ = follow(frames[1], crop, reference, layout, once)
    code = replace(once, follow_scaled=False)
    unscaled, _ = follow(frames[1], crop, reference, layout, code)
    assert (scaled.left - crop.left, unscaled.left - crop.left) == (3, 6)


def test_grey_of_blue_and_red_changed_is_that_of_the_frames_turned_round(
    smile: np.ndarray, landmarks: np.ndarray
) -> None:
    rgb = np.stack([_on_canvas(f, 60, 30) for f in smile])
    rgb[..., 0] //= 2
    source, code = np.add(landmarks, [60, 30]), FlowConfig(gray_order="bgr")
    turned = np.ascontiguousarray(rgb[..., ::-1])
    np.testing.assert_array_equal(
        clip_flow(rgb, source, code), clip_flow(turned, source, FlowConfig())
    )
    assert not np.array_equal(clip_flow(rgb, source, code), clip_flow(rgb, source, FlowConfig()))


def test_clip_flow_measures_in_normalised_pixels(smile: np.ndarray, landmarks: np.ndarray) -> None:
    half = [cv2.resize(f, (128, 128), interpolation=cv2.INTER_AREA) for f in smile]
    frames = np.stack([np.pad(np.stack([f] * 3, -1), ((20,) * 2, (20,) * 2, (0, 0))) for f in half])
    source = (landmarks + 0.5) / 2 - 0.5 + 20
    motion = clip_flow(frames, source, FlowConfig(reference="first"))
    assert motion[3, LEFT_CORNER] == pytest.approx(SMILE[3:], abs=0.8)


def test_one_frame_is_still(face: np.ndarray, landmarks: np.ndarray) -> None:
    rgb = _on_canvas(face, 60, 30)[None]
    assert not clip_flow(rgb, np.add(landmarks, [60, 30]), FlowConfig()).any()


def test_bad_input_is_refused(face: np.ndarray, landmarks: np.ndarray) -> None:
    config = FlowConfig()
    with pytest.raises(FaceError, match=r"\(0, 4, 4, 3\)"):
        clip_flow(np.zeros((0, 4, 4, 3), np.uint8), landmarks, config)
    with pytest.raises(FaceError, match=r"\(5, 2\)"):
        clip_flow(_on_canvas(face, 0, 0)[None], landmarks[:5], config)
    with pytest.raises(FaceError, match="overlaps the 400x320 image"):
        clip_flow(_on_canvas(face, 0, 0)[None], landmarks + 9000, config)
