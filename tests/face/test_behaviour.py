from __future__ import annotations

import numpy as np
import pytest

from made_actions import HZ, REST, face, lips
from merkit.errors import ConfigError
from merkit.face.actions import MEASURES, FaceActions
from merkit.face.behaviour import (
    ActionConfig,
    head_speed,
    is_blinking,
    is_gaze_shift,
    is_head_fast,
    is_occluded,
    is_talking,
    rest_of,
    runs,
    turning_points,
)

CONFIG = ActionConfig()


def closed(first: int, last: int, lid: float = 0.1, shape: float = 0.3) -> dict[str, dict]:
    part = (first, last)
    sides = ("left", "right")
    return {f"lid_{s}": {part: lid} for s in sides} | {f"blink_{s}": {part: shape} for s in sides}


def test_a_blink_is_the_frames_with_closed_lids() -> None:
    found = is_blinking(face(300, **closed(100, 119)), CONFIG)
    assert runs(found) == [(100, 119)]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(closed(100, 180), id="eyes closed for 0.8 s"),
        pytest.param(closed(100, 299), id="lowered to the end"),
        pytest.param(closed(100, 119, lid=0.26), id="a squint"),
        pytest.param(closed(100, 119, shape=0.03), id="the blendshape does not rise"),
        pytest.param({"lid_left": {(100, 119): 0.1}, "blink_left": {(100, 119): 0.3}}, id="a wink"),
        pytest.param(
            {f"lid_{s}": {(0, 299): 0.1, (100, 119): 0.03} for s in ("left", "right")}
            | {f"blink_{s}": {(100, 119): 0.3} for s in ("left", "right")},
            id="eyes that were not open",
        ),
    ],
)
def test_no_blink(changes: dict[str, dict]) -> None:
    assert not is_blinking(face(300, **changes), CONFIG).any()


def test_a_blink_within_a_smile_ends_before_the_smile_does() -> None:
    lids = {(100, 104): 0.1, (105, 140): 0.28}
    smile = face(400, lid_left=lids, lid_right=lids, blink_left={(100, 104): 0.4},
                 blink_right={(100, 104): 0.4})  # fmt: skip
    assert runs(is_blinking(smile, CONFIG)) == [(100, 104)]


def test_without_a_mesh_the_lids_alone_tell_a_blink() -> None:
    nan = {(0, 299): np.nan}
    found = is_blinking(
        face(300, **closed(100, 119) | {"blink_left": nan, "blink_right": nan}), CONFIG
    )
    assert runs(found) == [(100, 119)]


def test_speech_is_from_the_first_turn_of_the_lips_to_the_last() -> None:
    actions = lips([0.06, 0.01, 0.1, 0.01])
    found = is_talking(actions, CONFIG)
    assert runs(found) == [(9 * 12, 13 * 12)]


@pytest.mark.parametrize(
    ("courses", "frames_each"),
    [
        pytest.param([0.2] * 5, 12, id="a smile that shows the teeth"),
        pytest.param([0.05], 12, id="lips part and close"),
        pytest.param([0.3] * 3, 60, id="a yawn"),
        pytest.param([0.02, 0.01] * 10, 12, id="trembling below the swing"),
        pytest.param([0.35, 0.32, 0.35, 0.31] * 5, 12, id="trembling of lips in laughter"),
        pytest.param([0.06, 0.01, 0.06, 0.01], 80, id="openings 1.6 s apart"),
    ],
)
def test_no_speech(courses: list[float], frames_each: int) -> None:
    assert not is_talking(lips(courses, frames_each), CONFIG).any()


def test_the_rest_is_the_median_of_the_time_around() -> None:
    rng = np.random.default_rng(0)
    values, time_s = rng.normal(size=200).astype(np.float32), np.arange(200) / 30 + 7.3
    values[50:60] = np.nan
    for reach, frames in ((0.045, 1), (1.2, 36)):
        found = rest_of(values, time_s, reach)
        for i in (0, 30, 49, 55, 120, 199):
            near = values[max(i - frames, 0) : i + frames + 1]
            wanted = np.nan if np.isnan(values[i]) else np.nanmedian(near)
            np.testing.assert_allclose(found[i], wanted, rtol=1e-6)


def test_turning_points_of_a_curve_by_hand() -> None:
    curve = np.array([0, 0, 1, 5, 4.5, 5.8, 2, 2.5, 6, 6, np.nan, 0, 3], np.float32)
    turns = [(0, 1), (5, 5), (6, 7), (8, 9), (11, 11), (12, 12)]
    np.testing.assert_array_equal(turning_points(curve, 3.0), turns)


def test_head_speed_is_the_rate_of_turn_and_shift() -> None:
    n = 200
    actions = face(
        n,
        yaw={(i, i): np.radians(50) * i / HZ for i in range(n)},
        head_x={(i, i): 200 * i / HZ for i in range(n)},
    )
    turn, shift = head_speed(actions)
    np.testing.assert_allclose(turn[10:-10], 50, rtol=1e-3)
    np.testing.assert_allclose(shift[10:-10], 2, rtol=1e-3)  # eye distances of 100 px
    assert is_head_fast(actions, CONFIG).all()
    assert not is_head_fast(face(n), CONFIG).any()


def test_a_gaze_shift_is_quick() -> None:
    jump = {(150, 299): np.radians(8)}
    assert 0 < is_gaze_shift(face(300, eye_x=jump), CONFIG).sum() <= 12
    drift = {(i, i): np.radians(8) * i / 100 for i in range(100)}
    assert not is_gaze_shift(face(100, eye_x=drift), CONFIG).any()
    assert not is_gaze_shift(face(300, eye_x=jump, **closed(140, 160)), CONFIG).any()


def test_one_covered_quarter_covers_the_face() -> None:
    actions = face(10, covered_lower_left={(3, 5): 0.8})
    assert runs(is_occluded(actions, CONFIG)) == [(3, 5)]


def test_the_answer_does_not_depend_on_what_lies_far_away() -> None:
    """Frames 500 to 899 of a longer file, and the same frames alone."""
    rng = np.random.default_rng(0)
    n, part = 1200, slice(500, 900)
    noise = {name: 0.02 * rng.normal(size=n) for name in ("lid_left", "lip_gap", "yaw", "eye_x")}
    changes = {k: {(i, i): REST[k] + v[i] for i in range(n)} for k, v in noise.items()}
    blink = closed(700, 715)
    changes = {k: changes.get(k, {}) | blink.get(k, {}) for k in {*changes, *blink}}
    whole = face(n, **changes)
    alone = FaceActions(*(getattr(whole, f)[part] for f in whole.__dataclass_fields__))
    inner = slice(150, 250)
    for told in (is_blinking, is_gaze_shift, is_head_fast):
        np.testing.assert_array_equal(
            told(whole, CONFIG)[part][inner], told(alone, CONFIG)[inner], err_msg=told.__name__
        )


def test_lips_that_were_still_begin_anew() -> None:
    """They opened and closed once, and half a minute later close, open and close: whether that is
    speech does not depend on how they came to rest, so a stream that forgot it says the same."""
    knots_s = [0, 1, 1.3, 1.6, 1.9, 32, 32.2, 32.5, 32.8, 40]
    gap = [0.05, 0.05, 0.09, 0.09, 0.05, 0.05, 0.02, 0.05, 0.02, 0.02]
    courses = np.interp(np.arange(int(40 * HZ)) / HZ, knots_s, gap)
    later = courses[int(10 * HZ) :]
    whole, part = (
        is_talking(face(len(c), lip_gap={(i, i): float(v) for i, v in enumerate(c)}), CONFIG)
        for c in (courses, later)
    )
    assert part.any()
    np.testing.assert_array_equal(whole[-len(later) :], part)


def test_no_face_is_no_action() -> None:
    nothing = face(50, **{name: {(0, 49): np.nan} for name in MEASURES})
    for told in (is_blinking, is_talking, is_gaze_shift, is_head_fast, is_occluded):
        assert not told(nothing, CONFIG).any()
        assert told(face(0), CONFIG).shape == (0,)


def test_a_setting_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="lip_swing"):
        ActionConfig(lip_swing=0.0)
