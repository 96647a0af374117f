from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError
from merkit.face import TrackConfig, require_found, track
from merkit.samples.recipes import RgbRecipe
from merkit.types import U8, FaceTrack, Frame

Frames = Callable[..., list[Frame]]


def a_track(*found: bool) -> FaceTrack:
    n = len(found)
    return FaceTrack(
        np.zeros((n, 68, 2), np.float32), np.zeros((n, 4), np.float32), np.array(found, bool)
    )


def test_real_clip(read_clip: Frames) -> None:
    frames = read_clip("single_face.mp4", 0, 24, 3)
    made = track(frames, TrackConfig())
    assert made.found.all()
    assert made.landmarks_px.shape == (8, 68, 2)
    left_eye, right_eye = made.landmarks_px[:, 36:42], made.landmarks_px[:, 42:48]
    assert (left_eye.mean(axis=(1, 2)) < right_eye.mean(axis=(1, 2))).all()
    inside = (made.landmarks_px >= 0) & (made.landmarks_px < frames[0].rgb.shape[1::-1])
    assert inside.all()


def test_no_face_in_the_whole_clip(read_clip: Frames) -> None:
    with pytest.raises(FaceError, match="no face in any of 8 frames"):
        track(read_clip("no_face.mp4", 0, 80, 10), TrackConfig())


def test_people_are_counted_from_the_left(read_image: Callable[[str], U8]) -> None:
    frames = [Frame(0, 0.0, read_image("multi_face.jpg"))]
    lefts = [float(track(frames, TrackConfig(face=i)).box_px[0, 0]) for i in range(4)]
    assert lefts == sorted(lefts)
    assert lefts[-1] - lefts[0] > 300
    boxes = [track(frames, TrackConfig(face=f)).box_px[0] for f in ("largest", 0, 1, 2, 3)]
    widths = [float(b[2] - b[0]) for b in boxes]
    assert widths[0] == max(widths)
    with pytest.raises(FaceError, match="face 9 was asked for; 5 found"):
        track(frames, TrackConfig(face=9))


def test_no_frames() -> None:
    with pytest.raises(FaceError, match="no frames"):
        track([], TrackConfig())


def test_too_few_usable_frames_are_refused_with_the_count() -> None:
    made = a_track(True, False, False, True, False)
    require_found(made, 0.4, "sub01/EP02")
    with pytest.raises(FaceError, match=r"sub01/EP02: face found in 2 of 5 frames \(40%\)"):
        require_found(made, 0.5, "sub01/EP02")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"tracker": "dlib5"}, "track.tracker is 'dlib5'"),
        ({"face": "smallest"}, "track.face is 'smallest'"),
        ({"face": -1}, "track.face is '-1'"),
        ({"detect_every": 0}, "detect_every is 0"),
        ({"detect_width_px": 40}, "detect_width_px is 40"),
        ({"search_width_px": 200}, "search_width_px is 200"),
    ],
)
def test_bad_settings(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrackConfig(**bad)


def test_number_and_text_are_the_same_recipe() -> None:
    one, text = (RgbRecipe(track=TrackConfig(face=face)) for face in (1, "1"))
    assert one.key() == text.key()
    assert one.key() != RgbRecipe().key()


def test_importing_faces_loads_nothing_heavy() -> None:
    heavy = {"cv2", "dlib", "ai_edge_litert", "torch"}
    code = f"import sys, merkit.face; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
