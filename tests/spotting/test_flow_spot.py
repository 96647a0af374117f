from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.spotting import SpotConfig, Window, motion_signal, spot, threshold_px

FPS = 30.0


def _bump(n: int, onset: int, apex: int, offset: int, height: float) -> np.ndarray:
    """Displacement over time: smooth rise from onset to apex and back to rest at offset."""
    t = np.arange(n, dtype=np.float64)
    rise = np.clip((t - onset) / (apex - onset), 0, 1)
    fall = np.clip((offset - t) / (offset - apex), 0, 1)
    return height * np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2


def _motion(place: np.ndarray, k: int) -> np.ndarray:
    """Motion against the frame k before, as RoiFlowStream gives it, from places (N,R,2)."""
    motion = np.full_like(place, np.nan)
    motion[k:] = place[k:] - place[:-k]
    return motion.astype(np.float32)


def _places(n: int, *events: tuple[int, int, int, float]) -> np.ndarray:
    """Mouth, its left corner and the upper lip move; the rest stays."""
    place = np.zeros((n, 18, 2))
    for onset, apex, offset, height in events:
        for region in (8, 9, 11):
            place[:, region, 1] -= _bump(n, onset, apex, offset, height)
    return place


def _spot(place: np.ndarray, fps: float = FPS, config: SpotConfig | None = None) -> list[Window]:
    config = config or SpotConfig()
    motion = _motion(place, config.lag_frames(fps))
    return spot(motion_signal(motion, fps, config), fps, config)


@pytest.mark.parametrize("fps", [30.0, 100.0, 200.0])
def test_events_are_found_where_they_are(fps: float) -> None:
    n = int(12 * fps)
    events = [tuple(int(s * fps) for s in times) for times in ((2, 2.2, 2.4), (7, 7.15, 7.35))]
    rng = np.random.default_rng(0)
    place = _places(n, *[(*event, 1.5) for event in events]) + rng.normal(0, 0.03, (n, 18, 2))
    found = _spot(place, fps)
    assert len(found) == 2
    for window, (onset, apex, offset) in zip(found, events, strict=True):
        assert abs(window.apex - apex) <= 0.05 * fps
        assert abs(window.onset - onset) <= 0.12 * fps
        assert abs(window.offset - offset) <= 0.12 * fps
        assert window.onset < window.apex < window.offset


def test_signal_is_the_displacement_of_a_short_event() -> None:
    config = SpotConfig(smooth_s=0)
    place = _places(90, (40, 44, 47, 2.0))
    signal = motion_signal(_motion(place, config.lag_frames(FPS)), FPS, config)
    assert signal[44] == pytest.approx(2.0)
    np.testing.assert_allclose(signal[40:48], -place[40:48, 9, 1], atol=1e-6)


def test_echoes_are_not_events() -> None:
    config = SpotConfig(smooth_s=0)
    k = config.lag_frames(FPS)
    place = _places(120, (56, 60, 64, 3.0))
    signal = motion_signal(_motion(place, k), FPS, config)
    assert signal[60 - k] == pytest.approx(1.5)  # an echo, and above the threshold
    assert signal[60 - k] > threshold_px(signal, config)
    assert [w.apex for w in spot(signal, FPS, config)] == [60]


def test_steady_drift_is_no_event_even_across_a_lost_face() -> None:
    place = np.zeros((200, 18, 2)) + np.linspace(0, 40, 200)[:, None, None]
    assert _spot(place) == []
    config = SpotConfig()
    motion = _motion(place, config.lag_frames(FPS))
    motion[90 : 100 + config.lag_frames(FPS)] = np.nan
    assert not motion_signal(motion, FPS, config)[80:110].any()
    assert spot(motion_signal(motion, FPS, config), FPS, config) == []


def test_noise_alone_has_hardly_an_event() -> None:
    """In 1 of 100 recordings at 0.1 px; noise has no bound, so none in any is not to be had."""
    draws = (np.random.default_rng(seed).normal(0, 0.1, (300, 18, 2)) for seed in range(200))
    assert sum(bool(_spot(place)) for place in draws) <= 6


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 150), st.floats(0.6, 4.0))
def test_one_event_anywhere_is_found_once(onset: int, height: float) -> None:
    found = _spot(_places(200, (onset, onset + 6, onset + 12, height)))
    assert len(found) == 1
    assert abs(found[0].apex - onset - 6) <= 1


def test_edges_stop_in_the_valley_before_an_echo() -> None:
    signal = np.zeros(60)
    signal[21:31] = [0.55, 0.4, 0.5, 1.0, 0.6, 0.35, 0.3, 0.45, 0.5, 0.1]
    assert spot(signal, FPS, SpotConfig(edge_share=0.2)) == [Window(22, 24, 27, 1.0)]
    assert spot(signal, FPS, SpotConfig(edge_share=0.4)) == [Window(22, 24, 26, 1.0)]


def test_blinks_are_ignored_unless_wanted() -> None:
    place = np.zeros((150, 18, 2))
    for region in (0, 4, 16, 17):  # the regions that closing lids reach
        place[:, region, 1] = _bump(150, 60, 64, 68, 3.0)
    assert _spot(place) == []
    assert [w.apex for w in _spot(place, config=SpotConfig(ignore_blinks=False))] == [64]
    fourteen = np.delete(place, [0, 4, 8, 13], axis=1)
    assert _spot(fourteen) == []
    assert len(_spot(fourteen, config=SpotConfig(ignore_blinks=False))) == 1


def test_long_movements_are_left_out_unless_wanted() -> None:
    place = _places(200, (60, 75, 90, 4.0))  # one second: a macro-expression
    brief = SpotConfig(max_duration_s=0.3)
    assert _spot(place, config=brief) == []
    assert len(_spot(place, config=SpotConfig(duration_s=1.0, max_duration_s=1.5))) == 1


def test_threshold_follows_noise_above_its_floor() -> None:
    config = SpotConfig(floor_px=0.35, noise_factor=4)
    assert threshold_px(np.zeros(50), config) == 0.35
    signal = np.array([1.0, 2, 3, 4, 5])  # median 3, median absolute deviation 1
    assert threshold_px(signal, config) == pytest.approx(3 + 4 * 1.4826)


def test_short_recordings_have_no_events() -> None:
    assert _spot(np.zeros((3, 18, 2))) == []
    assert spot(np.zeros(0), FPS, SpotConfig()) == []


def test_lag_is_half_a_micro_expression() -> None:
    assert SpotConfig(duration_s=0.5).lag_frames(200) == 50
    assert SpotConfig(duration_s=0.1).lag_frames(5) == 1


@pytest.mark.parametrize(
    "bad",
    [{"duration_s": 0}, {"top_regions": 0}, {"edge_share": 1.0}, {"smooth_s": -1}, {"floor_px": 0}],
)
def test_bad_settings_are_named(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        SpotConfig(**bad)  # type: ignore[arg-type]


def test_bad_signals_are_refused() -> None:
    with pytest.raises(ConfigError, match="frame rate 0"):
        spot(np.zeros(10), 0, SpotConfig())
    with pytest.raises(ConfigError, match="all finite"):
        spot(np.array([0, np.nan, 1]), FPS, SpotConfig())
    with pytest.raises(ConfigError, match="5 facial regions"):
        motion_signal(np.zeros((10, 5, 2), np.float32), FPS, SpotConfig())
    with pytest.raises(ConfigError, match=r"\(10, 18\)"):
        motion_signal(np.zeros((10, 18), np.float32), FPS, SpotConfig())
