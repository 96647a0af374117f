"""Gaze shifts in long recordings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.gaze import draw_gaze
from merkit.synthetic.identity import make_identity
from merkit.synthetic.plan import PlannedStretch, PlannedVideo, identity_rng
from merkit.synthetic.recordings import plan_recordings
from merkit.synthetic.render import Renderer

LOOKING = SynthConfig(long_videos=2, long_duration_s=40.0, gaze_shifts=6)
STILL = SynthConfig(
    pose_jitter_px=0.0, head_motion_px=0.0, blink_rate_hz=0.0, flicker=0.0, noise_std=0.0
)


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("gaze_shifts", -1, "gaze_shifts"),
        ("gaze_shifts", 15, "long_duration_s is 40.0"),
        ("fps_hz", 9.0, "shortest of gaze_shifts"),
        ("long_videos", 0, "long_videos"),
    ],
)
def test_gaze_that_cannot_be_is_refused_by_name(setting: str, value: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(LOOKING, **{"duration_s": (0.5, 0.5), setting: value})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), fps=st.sampled_from([25.0, 200.0]), macro=st.integers(0, 2))
def test_gaze_jumps_rests_and_jumps_back_and_changes_nothing_else(
    seed: int, fps: float, macro: int
) -> None:
    config = replace(LOOKING, seed=seed, fps_hz=fps, macro_events=macro)
    without = plan_recordings(replace(config, gaze_shifts=0))
    for recording, plain in zip(plan_recordings(config), without, strict=True):
        shifts = [s for s in recording.stretches if s.kind == "gaze"]
        assert len(shifts) == 6
        assert replace(recording, stretches=plain.stretches) == plain
        assert all(b.first - a.last > int(fps / 2) for a, b in pairwise(shifts))
        gaze, still = draw_gaze(config, recording), np.ones(recording.n_frames, bool)
        for shift in shifts:
            still[shift.first + 1 : shift.last] = False
            assert 0.4 - 1 / fps <= (shift.length - 1) / fps <= 2.1 + 1 / fps
            jump = int(np.ceil(0.06 * fps))  # the longest saccade
            held = gaze[shift.first + jump : shift.last - jump + 1]
            assert (held == held[0]).all()
            assert 0.05 <= abs(held[0, 0]) <= 0.12
            assert abs(held[0, 1]) <= 0.03
        assert (gaze[still] == 0.0).all()


@pytest.mark.parametrize("subject", [0, 3, 5])
def test_irises_go_where_the_truth_says_and_nothing_else_moves(subject: int) -> None:
    identity = make_identity(STILL, identity_rng(STILL, subject))
    shift = PlannedStretch("gaze", 1, 19)
    renderer = Renderer(STILL, identity, PlannedVideo("L01", subject, 21, (), (3, 0), (shift,)))
    renderer.gaze[1:20] = [0.1, 0.0]
    renderer.gaze[10:20] *= -1.0
    frames = list(renderer)
    assert (frames[0] == frames[20]).all()
    truth = renderer.truth()["gaze_px"]
    changed = np.zeros(STILL.size_px[::-1], np.uint8)
    for first in (36, 42):
        eye = identity.landmarks_px[first : first + 6]
        cv2.fillConvexPoly(changed, np.round(eye).astype(np.int32), 1)
        px = _pupil_x(frames[5], eye) - _pupil_x(frames[15], eye)
        # the eye's own corners hold the iris back a little
        assert px == pytest.approx(truth[5, 0] - truth[15, 0], rel=0.2)
    near = cv2.dilate(changed, np.ones((3, 3), np.uint8)).astype(bool)
    assert (frames[5][~near] == frames[0][~near]).all()
    assert (renderer.peak_px == 0.0).all()
    assert (renderer.landmarks_px == renderer.landmarks_px[0]).all()


def _pupil_x(frame: np.ndarray, eye: np.ndarray) -> float:
    """Middle of the darkest tenth of what lies well between the lids."""
    inside = np.zeros(frame.shape[:2], np.uint8)
    shrunk = eye.mean(axis=0) + (eye - eye.mean(axis=0)) * (0.85, 0.5)
    cv2.fillConvexPoly(inside, np.round(shrunk * 16).astype(np.int32), 1, shift=4)
    rows, columns = np.nonzero(inside)
    grey = frame.mean(axis=-1)[rows, columns]
    return float(np.median(columns[grey <= np.quantile(grey, 0.2)]))
