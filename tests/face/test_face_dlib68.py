from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from merkit.errors import MissingPackageError
from merkit.face import dlib68
from merkit.face.dlib68 import Dlib68Tracker, fit_landmarks, landmark_box, model_file
from merkit.face.follow import overlap
from merkit.face.tracker import DetectedFace, TrackConfig
from merkit.types import F32, U8, Frame

Frames = Callable[..., list[Frame]]


def eye_distance(landmarks: F32) -> float:
    return float(np.linalg.norm(landmarks[36:42].mean(axis=0) - landmarks[42:48].mean(axis=0)))


def only_face(picture: U8) -> DetectedFace:
    return max(
        Dlib68Tracker(TrackConfig()).landmarks(Frame(0, 0.0, picture)), key=lambda f: f.score
    )


def test_landmarks_agree_with_plain_dlib(astronaut: U8) -> None:
    import dlib

    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    box = dlib.get_frontal_face_detector()(grey, 1)[0]
    parts = dlib.shape_predictor(str(model_file()))(grey, box).parts()
    reference = np.array([(p.x, p.y) for p in parts], np.float32)
    found = only_face(astronaut).landmarks_px
    error = np.linalg.norm(found - reference, axis=1) / eye_distance(reference)
    assert error.mean() < 0.05  # the predictor's own scatter between starting boxes


@pytest.mark.parametrize("scale", [0.6, 2.0])
def test_landmarks_scale_with_the_picture(astronaut: U8, scale: float) -> None:
    plain = only_face(astronaut).landmarks_px
    size = round(300 * scale)
    scaled = only_face(cv2.resize(astronaut, (size, size), interpolation=cv2.INTER_AREA))
    error = np.linalg.norm(scaled.landmarks_px / scale - plain, axis=1)
    assert error.mean() / eye_distance(plain) < 0.03


def test_a_moved_picture_moves_the_landmarks_by_as_much(astronaut: U8) -> None:
    face = only_face(astronaut)
    shift = np.float32([14, 9])
    moved = cv2.warpAffine(astronaut, np.float32([[1, 0, 14], [0, 1, 9]]), (300, 300))
    again = fit_landmarks(moved, face.box_px + np.tile(shift, 2))
    assert again is not None
    np.testing.assert_allclose(again - shift, face.landmarks_px, atol=2.5)
    assert np.abs(again - shift - face.landmarks_px).mean() < 0.6


def test_box_from_landmarks_is_where_the_detector_puts_it(astronaut: U8) -> None:
    """On average: the detector's own boxes come in steps of a fifth of their size."""
    import dlib

    detector = dlib.get_frontal_face_detector()
    boxes = []
    for scale in (1.6, 1.9, 2.2, 2.5, 2.8):
        b = detector(cv2.resize(astronaut, None, fx=scale, fy=scale), 0)[0]
        boxes.append(np.array([b.left(), b.top(), b.right(), b.bottom()], np.float32) / scale)
    assert overlap(only_face(astronaut).box_px, np.mean(boxes, axis=0)) > 0.75


def test_carry_follows_a_moving_head_without_the_detector(
    astronaut: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Dlib68Tracker(TrackConfig())
    face = only_face(astronaut)
    start = face.landmarks_px

    def no_detector() -> Any:
        raise AssertionError("the detector ran")

    monkeypatch.setattr(dlib68, "_detector", no_detector)
    for step in range(1, 9):
        moved = np.roll(astronaut, 5 * step, axis=1)
        carried = tracker.carry(Frame(step, 0.0, moved), face, confirm=False)
        assert carried is not None
        assert not carried.confirmed
        face = carried
    assert np.abs(face.landmarks_px - start - [40, 0]).mean() < 1.5


def test_confirm_needs_a_face(astronaut: U8) -> None:
    tracker = Dlib68Tracker(TrackConfig())
    face = only_face(astronaut)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, astronaut.shape, dtype=np.uint8)
    seen = tracker.carry(Frame(1, 0.0, astronaut), face, confirm=True)
    assert seen is not None
    assert seen.confirmed
    assert tracker.carry(Frame(2, 0.0, noise), face, confirm=True) is None
    outside = DetectedFace(face.landmarks_px, face.box_px + 1000)
    assert tracker.carry(Frame(3, 0.0, astronaut), outside, confirm=False) is None


def test_thorough_search_finds_small_faces(read_image: Callable[[str], U8]) -> None:
    tracker = Dlib68Tracker(TrackConfig())
    frame = Frame(0, 0.0, read_image("multi_face.jpg"))
    assert len(tracker.landmarks(frame, quick=True)) == 0
    boxes = [face.box_px for face in tracker.landmarks(frame)]
    assert len(boxes) >= 4
    assert all(b[2] - b[0] < 0.15 * frame.rgb.shape[1] for b in boxes)


def test_landmark_box_barely_moves_when_the_mouth_opens(astronaut: U8) -> None:
    closed = only_face(astronaut).landmarks_px
    opened = closed.copy()
    opened[[56, 57, 58, 65, 66, 67]] += [0, 0.2 * eye_distance(closed)]
    change = landmark_box(opened) - landmark_box(closed)
    assert np.abs(change).max() < 0.05 * eye_distance(closed)


def test_missing_model_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dlib68, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'merkit\[dlib\]'"):
        model_file()
    empty = ModuleSpec("face_recognition_models", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(dlib68, "find_spec", lambda name: empty)
    with pytest.raises(MissingPackageError, match="not installed"):
        model_file()
