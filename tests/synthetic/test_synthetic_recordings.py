"""What happens in long recordings beside micro-expressions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.synthetic.action_units import face_width
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.identity import make_identity
from merkit.synthetic.motion import blinks, intensity_curve
from merkit.synthetic.mouth import Mouth
from merkit.synthetic.plan import (
    PROTOTYPES,
    PlannedStretch,
    PlannedVideo,
    draw_macro,
    identity_rng,
)
from merkit.synthetic.recordings import plan_recordings, spread
from merkit.synthetic.render import Renderer, event_fields
from merkit.synthetic.talk import draw_talk
from merkit.synthetic.turns import head_turns

EVENTFUL = SynthConfig(long_videos=2, long_duration_s=40.0, macro_events=3)
TALKING = SynthConfig(long_videos=2, long_duration_s=40.0, talk_share=0.4)
TURNING = SynthConfig(long_videos=2, long_duration_s=40.0, head_turns=6)
STILL = SynthConfig(
    pose_jitter_px=0.0, head_motion_px=0.0, blink_rate_hz=0.0, flicker=0.0, noise_std=0.0
)


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("macro_events", -1, "macro_events"),
        ("macro_duration_s", (0.4, 2.0), "macro_duration_s"),
        ("macro_duration_s", (2.0, 1.0), "macro_duration_s"),
        ("macro_amplitude_px", (4.0, 13.0), "macro_amplitude_px"),
        ("macro_events", 9, "long_duration_s is 40.0"),
        ("fps_hz", 6.5, "shortest macro_duration_s"),
        ("long_videos", 0, "long_videos"),
    ],
)
def test_what_cannot_be_is_refused_by_name(setting: str, value: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(EVENTFUL, **{"duration_s": (0.5, 0.5), setting: value})


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("talk_share", -0.1, "talk_share"),
        ("talk_share", 0.95, "talk_share"),
        ("talk_share", 0.02, "at least 1.0 s of talk"),
        ("talk_share", 0.8, "long_duration_s is 40.0"),
        ("talk_opening_px", (0.0, 9.0), "talk_opening_px"),
        ("talk_opening_px", (9.0, 25.0), "talk_opening_px"),
        ("long_videos", 0, "long_videos"),
    ],
)
def test_talk_that_cannot_be_is_refused_by_name(setting: str, value: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(TALKING, **{setting: value})


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0.03, 0.6),
    fps=st.sampled_from([25.0, 200.0]),
    over=st.booleans(),
)
def test_talk_fills_its_share_and_keeps_clear_of_expressions(
    seed: int, share: float, fps: float, over: bool
) -> None:
    config = replace(TALKING, seed=seed, talk_share=share, fps_hz=fps, events_in_talk=over)
    for recording in plan_recordings(config):
        talk = recording.stretches
        taken = np.zeros(recording.n_frames, int)
        for stretch in talk:
            taken[stretch.first : stretch.last + 1] += 1
            assert 1.0 - 1.0 / fps <= stretch.length / fps <= 4.0 + 1.0 / fps
        assert taken.max() == 1
        assert taken.sum() == pytest.approx(share * recording.n_frames, abs=len(talk))
        gaps = [b.first - a.last - 1 for a, b in pairwise(talk)]
        assert min(gaps, default=1000) >= int(fps / 2)
        for event in recording.events:
            near = taken[event.onset - int(fps / 2) : event.offset + int(fps / 2) + 1]
            assert over or near.max() == 0


def test_expressions_fall_into_talk_where_a_dial_lets_them() -> None:
    config = replace(TALKING, talk_share=0.6, events_in_talk=True)
    inside = [
        any(s.first <= e.apex <= s.last for s in recording.stretches)
        for seed in range(20)
        for recording in plan_recordings(replace(config, seed=seed))
        for e in recording.events
    ]
    assert 0.4 < np.mean(inside) < 0.8


def test_syllables_come_three_to_six_a_second_within_the_dial() -> None:
    config = replace(TALKING, fps_hz=200.0, talk_share=0.6, talk_opening_px=(4.0, 9.0))
    openings, seconds = [], 0.0
    for recording in plan_recordings(config):
        talk = draw_talk(config, recording)
        inside = np.zeros(recording.n_frames, bool)
        for s in recording.stretches:
            inside[s.first : s.last + 1] = True
            assert talk.opening_px[s.first] == talk.opening_px[s.last] == 0.0
        assert (talk.opening_px[~inside] == 0.0).all()
        assert (talk.lips[~inside] == 0.0).all()
        opening = talk.opening_px * 256.0 / config.face_width_px
        peaks = 1 + np.flatnonzero((opening[1:-1] > opening[:-2]) & (opening[1:-1] >= opening[2:]))
        openings += list(opening[peaks])
        seconds += inside.sum() / 200.0
    assert 2.5 < len(openings) / seconds < 5.0  # pauses and the ends of stretches count as talk
    assert min(openings) >= 3.9  # frames lie beside the peak
    assert 8.0 < max(openings) <= 9.0


@pytest.mark.parametrize("subject", [0, 10])
def test_talk_moves_mouth_and_jaw_and_nothing_above(subject: int) -> None:
    """Landmarks of the truth, and the pixels themselves, at the widest opening."""
    identity = make_identity(STILL, identity_rng(STILL, subject))
    video = PlannedVideo("L01", subject, 40, (), (3, 0), (PlannedStretch("talk", 1, 38),))
    renderer = Renderer(STILL, identity, video)
    renderer.talk.opening_px[20], renderer.talk.lips[20] = 12.0, 0.0
    frames = list(renderer)
    moved = renderer.landmarks_px - identity.landmarks_px
    above = [*range(17, 31), *range(36, 48)]  # brows, eyes, bridge of the nose
    assert np.abs(moved[:, above]).max() < 0.1
    inner = moved[20, 66] - moved[20, 62]
    np.testing.assert_allclose(inner, [0.0, 12.0], atol=0.2)
    assert moved[20, 8, 1] > 9.0
    assert moved[20, [48, 54], 1] == pytest.approx([4.0, 4.0], abs=1.2)
    brows = int(identity.landmarks_px[28, 1])
    assert (frames[20][:brows] == frames[0][:brows]).all()
    assert renderer.peak_px[20] == pytest.approx(moved[20, 57, 1], abs=1.0)
    assert (frames[0] == frames[39]).all()


def test_a_mouth_opens_without_a_tear() -> None:
    """Below and above the gap every row comes from one further down; skin is stretched, never torn
    or doubled, and where it came from is where the displacement sends it."""
    identity = make_identity(STILL, identity_rng(STILL, 0))
    mouth = Mouth(identity, STILL.size_px)
    opened = mouth.opened(18.0)
    y = np.arange(STILL.size_px[1])[:, None]
    source = y + opened.back_px
    assert np.diff(source, axis=0).min() > -1e-3
    outside = opened.cover == 0.0
    x = np.broadcast_to(np.arange(STILL.size_px[0])[None, :], source.shape)
    there = mouth.displacement(np.stack([x, source], axis=-1), 18.0)[..., 1]
    seam = np.abs(source - y) < 1e-9
    error = np.abs(source + there - y)[outside & ~seam]
    assert np.quantile(error, 0.999) < 0.05
    assert np.abs(np.diff(opened.back_px, axis=1)).max() < 2.5


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("head_turns", -1, "head_turns"),
        ("head_turns", 30, "long_duration_s is 40.0"),
        ("head_turn_px", (0.0, 9.0), "head_turn_px"),
        ("head_turn_px", (9.0, 47.0), "up to 46"),
        ("face_width_px", 260.0, "head_turn_px"),
        ("fps_hz", 12.0, "shortest of head_turns"),
        ("long_videos", 0, "long_videos"),
    ],
)
def test_turns_that_cannot_be_are_refused_by_name(setting: str, value: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(TURNING, **{setting: value})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), fps=st.sampled_from([30.0, 200.0]))
def test_head_turns_move_the_head_within_their_dials(seed: int, fps: float) -> None:
    config = replace(TURNING, seed=seed, fps_hz=fps, head_turn_px=(10.0, 20.0))
    for recording in plan_recordings(config):
        turns = [s for s in recording.stretches if s.kind != "talk"]
        assert [turns.count(t) for t in turns] == [1] * 6
        assert Counter(t.kind for t in turns) == {"nod": 2, "shake": 2, "tilt": 2}
        head = head_turns(config, recording)
        still = np.ones(recording.n_frames, bool)
        for turn in turns:
            still[turn.first + 1 : turn.last] = False
            assert 0.3 - 1 / fps <= (turn.last - turn.first) / fps <= 1.0 + 1 / fps
            part = np.abs(head[turn.first : turn.last + 1]).max(axis=0)
            # how far the head, or in a tilt the jaw's edge 128 px away, moves
            jaw_px = 128.0 * np.sin(np.radians(part[2]))
            px = part[:2].max() * 256.0 / 200.0 if turn.kind != "tilt" else jaw_px
            assert 10.0 * 0.7 <= px <= 20.0 + 1e-6
            axis = {"nod": 1, "shake": 0, "tilt": 2}[turn.kind]
            assert np.delete(part, axis).max() == 0.0
            for event in recording.events:
                assert event.offset < turn.first or event.onset > turn.last
        assert (head[still] == 0.0).all()


def test_the_picture_turns_with_the_head_and_the_face_stays_inside() -> None:
    config = replace(STILL, long_videos=1, head_turns=1, head_turn_px=(46.0, 46.0))
    identity = make_identity(config, identity_rng(config, 3))
    for kind in ("nod", "shake", "tilt"):
        turn = PlannedStretch(kind, 1, 11)  # type: ignore[arg-type]
        renderer = Renderer(config, identity, PlannedVideo("L01", 3, 13, (), (3, 0), (turn,)))
        frames = list(renderer)
        moved = renderer.landmarks_px
        assert moved.min() > 0.0
        assert moved.max() < 320.0
        assert (frames[0] == frames[12]).all()
        widest = int(np.linalg.norm(moved - moved[0], axis=-1).max(axis=1).argmax())
        assert 2 < widest < 10
        # undone after the landmarks of the truth, the picture is the one at rest
        back, _ = cv2.estimateAffinePartial2D(moved[widest], moved[0])
        undone = cv2.warpAffine(frames[widest], back, (320, 320), flags=cv2.INTER_CUBIC)
        rest = frames[0].astype(float)[identity.face]
        assert np.abs(undone[identity.face] - rest).mean() < 2.0
        assert np.abs(frames[widest][identity.face] - rest).mean() > 8.0


def test_blinks_are_runs_of_frames() -> None:
    found = blinks(np.array([0.2, 0.0, 0.0, 0.1, 1.0, 0.3, 0.0, 0.5]))
    assert [(s.kind, s.first, s.last) for s in found] == [
        ("blink", 0, 0),
        ("blink", 3, 5),
        ("blink", 7, 7),
    ]
    assert blinks(np.zeros(4)) == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), fps=st.sampled_from([25.0, 29.97, 200.0]))
def test_macro_expressions_keep_to_their_dials(seed: int, fps: float) -> None:
    config = replace(EVENTFUL, seed=seed, fps_hz=fps, macro_amplitude_px=(6.0, 7.0))
    for recording in plan_recordings(config):
        macro = [e for e in recording.events if e.kind == "macro"]
        assert len(macro) == 3
        assert len(recording.events) == 7
        for event in macro:
            assert 0.6 - 0.5 / fps <= (event.offset - event.onset) / fps <= 4.0 + 0.5 / fps
            assert 6.0 <= event.amplitude_px <= 7.0
            assert event.onset < event.apex <= event.apex + event.plateau < event.offset
            # at least a fifth of it is held at the peak
            assert event.plateau >= int(0.2 * (event.offset - event.onset))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), micro=st.integers(0, 8), macro=st.integers(1, 5))
def test_everything_lies_apart(seed: int, micro: int, macro: int) -> None:
    """Half a second between expressions, at the tightest length that is not refused."""
    config = replace(EVENTFUL, seed=seed, events_per_video=micro, macro_events=macro)
    tightest = micro * 1.0 + macro * 4.5 + 1.0 + 1.5 * (micro + macro) / 30.0
    config = replace(config, long_duration_s=tightest + 1e-6)
    with pytest.raises(ConfigError, match="long_duration_s"):
        replace(config, long_duration_s=tightest - 0.01)
    for recording in plan_recordings(config):
        inside = [f for e in recording.events for f in (e.onset - 1, e.offset)]
        gaps = np.diff([-1, *inside, recording.n_frames - 1])[::2]
        assert len(recording.events) == micro + macro
        assert (gaps >= 15).all()


def test_micro_expressions_are_those_of_a_recording_without_others() -> None:
    plain, eventful = (plan_recordings(replace(EVENTFUL, macro_events=n))[0] for n in (0, 2))
    micro = [e.moved_to(0) for e in eventful.events if e.kind == "micro"]
    assert sorted(micro, key=repr) == sorted((e.moved_to(0) for e in plain.events), key=repr)


@given(
    seed=st.integers(0, 10_000),
    lengths=st.lists(st.integers(1, 9), max_size=6),
    gap=st.integers(0, 4),
    spare=st.integers(0, 20),
)
def test_stretches_are_spread_over_what_room_there_is(
    seed: int, lengths: list[int], gap: int, spare: int
) -> None:
    needed = sum(lengths) + gap * (len(lengths) + 1)
    starts = spread(np.random.default_rng(seed), lengths, needed + spare, gap)
    taken = np.zeros(needed + spare, int)
    for start, length in zip(starts, lengths, strict=True):
        assert gap <= start <= needed + spare - gap - length
        taken[start : start + length + gap] += 1
    assert taken.max(initial=0) <= 1
    with pytest.raises(ValueError, match="1 frames more"):
        spread(np.random.default_rng(seed), lengths, needed - 1, gap)


def test_a_plateau_is_held_at_one_between_apex_and_decay() -> None:
    curve = intensity_curve(20, 2, 6, 14, lag=0.1, plateau=4)
    assert (curve[6:11] == 1.0).all()
    assert (curve[[2, 14]] == 0.0).all()
    assert curve[3] == curve[13] > 0  # rise and decay are of four frames both
    assert curve[5] < 1.0 > curve[11]


def test_skin_never_folds_over_itself() -> None:
    """The map q -> q + u(q) of every macro-expression has a positive determinant at 12 px."""
    small = {"size_px": (160, 160), "face_width_px": 100.0}
    config = replace(EVENTFUL, macro_amplitude_px=(12.0, 12.0), **small)
    identity = make_identity(config, identity_rng(config, 0))
    rng, drawn = np.random.default_rng(0), {}
    for emotion in PROTOTYPES:
        for event in (draw_macro(config, rng, emotion) for _ in range(12)):
            drawn[tuple(unit.number for unit in event.units)] = event
    assert len(drawn) > 12
    for event in drawn.values():
        motion = event_fields(config, identity, event).motion.sum(axis=0)
        across, down = np.gradient(motion, axis=1), np.gradient(motion, axis=0)
        area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
        assert area.min() > 0.2, event
        width = face_width(identity.landmarks_px)
        peak = np.linalg.norm(motion, axis=-1).max() * 256.0 / width
        assert peak == pytest.approx(12.0, rel=1e-4)


def test_narrow_units_move_no_further_than_lids_and_lips_can() -> None:
    config = replace(EVENTFUL, macro_amplitude_px=(10.0, 10.0))
    rng = np.random.default_rng(0)
    units = [
        u
        for e in ("anger", "surprise", "repression") * 20
        for u in draw_macro(config, rng, e).units
    ]
    assert {4, 5, 7, 23, 24} <= {u.number for u in units}
    reach = {5: 4.0, 7: 3.0, 23: 4.0, 24: 3.0}
    assert all(u.weight * 10.0 <= reach.get(u.number, 10.0) + 1e-9 for u in units)
