"""Configuration, plans and time courses of the synthetic database."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.labels import BASIC_EMOTIONS, GENERIC_MAPS
from merkit.synthetic.action_units import PUSHES
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.motion import blink_curve, flicker_gain, head_motion, intensity_curve
from merkit.synthetic.plan import PROTOTYPES, emotions_of_class, plan_clips
from merkit.synthetic.recordings import plan_recordings


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("classes", "5"),
        ("subjects", 0),
        ("clips_per_class", 0),
        ("seed", -1),
        ("fps_hz", 0.0),
        ("fps_hz", float("nan")),
        ("duration_s", (0.5, 0.2)),
        ("duration_s", (0.05, 0.2)),
        ("amplitude_px", (0.0, 1.0)),
        ("amplitude_px", (3.0, 1.0)),
        ("noise_std", -1.0),
        ("flicker", float("inf")),
        ("size_px", (321, 320)),
        ("face_width_px", 20.0),
        ("face_width_px", 319.0),
        ("jpeg_quality", 0),
        ("crf", 52),
        ("long_videos", -1),
    ],
)
def test_impossible_setting_is_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(SynthConfig(), **{setting: value})
    name = "shortest clip" if value == (0.05, 0.2) else setting
    assert name in str(caught.value)


def test_recording_too_short_for_its_events_is_refused() -> None:
    with pytest.raises(ConfigError, match="long_duration_s"):
        SynthConfig(long_videos=1, long_duration_s=3.0, events_per_video=5)


def test_configuration_needs_no_heavy_library() -> None:
    code = (
        "import sys, merkit.synthetic.config; "
        "print([m for m in ('cv2', 'torch', 'av', 'scipy', 'skimage') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("classes", ["3", "4", "7", "8"])
def test_every_class_has_the_same_number_of_clips(classes: str) -> None:
    config = SynthConfig(subjects=3, classes=classes, clips_per_class=2)
    label_map = GENERIC_MAPS[classes]
    for subject in range(3):
        clips = [c for c in plan_clips(config) if c.subject == subject]
        counts = Counter(label_map.index(c.events[0].emotion) for c in clips)
        assert counts == {k: 2 for k in range(len(label_map.classes))}


def test_all_seven_emotions_and_others_have_prototypes() -> None:
    assert {*BASIC_EMOTIONS, "others"} <= set(PROTOTYPES)
    for alternatives in PROTOTYPES.values():
        assert sum(p for p, _ in alternatives) == pytest.approx(1.0)
        assert {int(c.lstrip("U")) for _, codes in alternatives for c in codes} <= set(PUSHES)


def test_negative_emotions_take_turns() -> None:
    config = SynthConfig(subjects=3, clips_per_class=2)
    negative = emotions_of_class(GENERIC_MAPS["3"], "negative")
    seen = Counter(c.events[0].emotion for c in plan_clips(config))
    assert [seen[e] for e in negative] == [1] * 6


def test_a_plan_does_not_depend_on_how_many_subjects_follow() -> None:
    few, many = SynthConfig(subjects=2), SynthConfig(subjects=5)
    assert plan_clips(many)[: len(plan_clips(few))] == plan_clips(few)


def test_seed_changes_the_plan() -> None:
    assert plan_clips(SynthConfig(seed=1)) != plan_clips(SynthConfig(seed=2))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    fps=st.sampled_from([30.0, 100.0, 200.0]),
    low=st.floats(0.3, 4.0),
    lead=st.sampled_from([0.0, 0.2]),
)
def test_planned_clips_keep_to_the_dials(seed: int, fps: float, low: float, lead: float) -> None:
    config = SynthConfig(
        subjects=1, seed=seed, fps_hz=fps, amplitude_px=(low, low + 0.5), lead_s=lead
    )
    for clip in plan_clips(config):
        event = clip.events[0]
        assert round(lead * fps) == event.onset < event.apex < event.offset
        assert event.offset + event.onset + 1 == clip.n_frames
        assert 0.25 - 0.5 / fps <= (event.offset - event.onset) / fps <= 0.5 + 0.5 / fps
        assert low - 1e-3 <= event.amplitude_px <= low + 0.501


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), events=st.integers(0, 10))
def test_events_of_a_recording_lie_apart(seed: int, events: int) -> None:
    config = SynthConfig(seed=seed, long_videos=2, events_per_video=events)
    for recording in plan_recordings(config):
        assert recording.subject >= config.subjects
        assert recording.n_frames == 600
        edges = [0, *(f for e in recording.events for f in (e.onset, e.offset)), 600]
        gaps = np.diff(edges)[::2]
        assert len(recording.events) == events
        assert (gaps >= 6).all()


def test_recordings_may_show_the_subjects_of_the_clips() -> None:
    config = SynthConfig(subjects=2, long_videos=3, long_subjects="same")
    assert [r.subject for r in plan_recordings(config)] == [0, 1, 0]


@given(
    lengths=st.tuples(*[st.integers(1, 40)] * 4).filter(lambda x: x[1] > 0),
    lag=st.floats(0.0, 0.3),
)
def test_intensity_rises_to_one_at_the_apex_and_ends_at_zero(
    lengths: tuple[int, int, int, int], lag: float
) -> None:
    before, rise, decay, after = lengths
    onset, apex, offset = before, before + rise, before + rise + decay
    curve = intensity_curve(offset + after, onset, apex, offset, lag)
    assert curve[apex] == 1.0
    assert curve[: onset + 1].max() == 0.0
    assert curve[offset:].max(initial=0.0) == 0.0
    assert (np.diff(curve[: apex + 1]) >= 0).all()
    assert (np.diff(curve[apex:]) <= 0).all()


@given(seed=st.integers(0, 1000), shift=st.floats(0.0, 10.0))
def test_head_never_moves_further_than_told(seed: int, shift: float) -> None:
    moved = head_motion(np.random.default_rng(seed), np.arange(300) / 30.0, shift)
    assert np.linalg.norm(moved[:, :2], axis=1).max() <= shift + 1e-9


def test_blinks_come_at_their_rate_and_close_the_eye() -> None:
    time_s = np.arange(0, 400, 0.01)
    closure = blink_curve(np.random.default_rng(0), time_s, 0.25)
    starts = int(((closure[1:] > 0) & (closure[:-1] == 0)).sum())
    assert 70 <= starts <= 130
    assert closure.min() == 0.0
    assert closure.max() > 0.95
    assert blink_curve(np.random.default_rng(0), time_s, 0.0).max() == 0.0


def test_flicker_has_the_deviation_asked_for() -> None:
    gain = flicker_gain(np.random.default_rng(0), 20_000, 0.02)
    assert gain.mean() == pytest.approx(1.0, abs=0.002)
    assert gain.std() == pytest.approx(0.02, rel=0.05)
    assert (flicker_gain(np.random.default_rng(0), 10, 0.0) == 1.0).all()
