from __future__ import annotations

import numpy as np
import pytest

from made_actions import face, lips
from merkit.face.actions import MEASURES, FaceActions
from merkit.face.behaviour import ActionConfig
from merkit.face.stretches import joined, stretches

CONFIG = ActionConfig()


def told(actions: FaceActions) -> list[tuple[str, int, int, str]]:
    found = stretches(actions, CONFIG)
    for stretch in found:
        assert stretch.start_s == actions.time_s[stretch.first_frame]
        assert stretch.end_s == actions.time_s[stretch.last_frame]
    return [(s.kind, s.first_frame, s.last_frame, s.part) for s in found]


def test_a_face_at_rest_can_be_read() -> None:
    assert told(face(300)) == []
    assert told(face(0)) == []


@pytest.mark.parametrize(
    ("kind", "measures", "value", "part"),
    [
        ("no face", MEASURES, np.nan, "face"),
        ("occluded", ("covered_lower_left",), 0.6, "lower face"),
        ("occluded", ("covered_upper_left", "covered_lower_left"), 0.6, "face"),
        ("at the border", ("outside",), 0.2, "face"),
        ("too few pixels", ("eye_distance_px",), 20.0, "face"),
    ],
)
def test_each_reason_has_its_frames(
    kind: str, measures: tuple[str, ...], value: float, part: str
) -> None:
    """A hole of a tenth of a second belongs to it, a tenth of a second alone is none."""
    places = {(50, 99): value, (110, 150): value, (250, 259): value}
    assert told(face(300, **{name: places for name in measures})) == [(kind, 50, 150, part)]


def test_reasons_are_told_in_numbers() -> None:
    (border,) = stretches(face(300, outside={(50, 99): 0.2}), CONFIG)
    assert border.reason == "up to 20% of the face lies outside the picture"
    (pixels,) = stretches(face(300, eye_distance_px={(0, 299): 20.0}), CONFIG)
    assert pixels.reason == "the eyes lie 20 px apart, 30 are wanted"


def test_speech_is_of_the_lower_face() -> None:
    assert told(lips([0.06, 0.01, 0.1, 0.01])) == [("speech", 108, 156, "lower face")]


def test_pauses_between_words_belong_to_speech() -> None:
    words = [0.06, 0.01, 0.06, 0.01]
    found = told(lips(words + [0.01] * 5 + words))
    assert found == [("speech", 108, 108 + 12 * (4 + 5 + 4), "lower face")]


def test_a_covered_mouth_does_not_talk() -> None:
    talking = lips([0.06, 0.01, 0.1, 0.01])
    shut = np.full(len(talking), 0.9, np.float32)
    assert {kind for kind, *_ in told(replaced(talking, covered_lower_right=shut))} == {"occluded"}


def replaced(actions: FaceActions, **columns: np.ndarray) -> FaceActions:
    return FaceActions(**(vars(actions) | columns))


def test_a_head_that_turns_is_too_fast_while_it_turns() -> None:
    yaw = {(i, i): np.radians(min(max(i - 100, 0), 50)) for i in range(300)}  # 100 degrees a second
    ((kind, first, last, part),) = told(face(300, yaw=yaw))
    assert (kind, part) == ("head movement", "face")
    assert abs(first - 100) <= 3
    assert abs(last - 150) <= 3


def test_a_frame_rate_that_is_too_low_is_told_where_it_is() -> None:
    whole = face(60, hz=15)
    assert told(whole) == [("too low a frame rate", 0, 59, "face")]
    assert stretches(whole, CONFIG)[0].reason == "15 frames a second, 20 are wanted"
    pause = replaced(face(60), time_s=np.arange(60) / 100 + (np.arange(60) >= 30) * 0.5)
    assert told(pause) == [("too low a frame rate", 29, 30, "face")]


def test_holes_are_closed_by_time_not_by_frames() -> None:
    mask = np.array([True, False, False, True, False, True])
    time_s = np.array([0, 0.05, 0.1, 0.15, 1.0, 2.0])
    assert joined(mask, time_s, 0.2) == [(0, 3), (5, 5)]
