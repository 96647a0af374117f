"""Where regions go somewhere and come back, on curves worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.spotting import SpotConfig
from merkit.spotting.course import edge
from merkit.spotting.medians import median_of_known
from merkit.spotting.regions import REGIONS
from merkit.spotting.signal import candidates, displacement, height, short_scale, smoothed

HZ = 30.0
CONFIG = SpotConfig()
SCALE = short_scale(CONFIG, HZ)
CORNERS = [i for i, r in enumerate(REGIONS) if r.name == "mouth corner"]
LIDS = [i for i, r in enumerate(REGIONS) if r.part == "eyes"]


def bump(n: int, onset: int, apex: int, offset: int) -> np.ndarray:
    """A raised cosine from 0 to 1 and back."""
    t = np.arange(n, dtype=np.float64)
    rise, fall = (t - onset) / (apex - onset), (offset - t) / (offset - apex)
    return np.sin(np.pi / 2 * np.clip(np.minimum(rise, fall), 0, 1)) ** 2


def motion_of(place: np.ndarray, lag: int = SCALE.lag) -> np.ndarray:
    """Motion against the frame a lag before, of places (T,R,2)."""
    motion = np.full(place.shape, np.nan)
    motion[lag:] = place[lag:] - place[:-lag]
    return motion


def places(n: int, down: np.ndarray, regions: list[int], noise: float = 0.0) -> np.ndarray:
    place = np.random.default_rng(0).normal(0, noise, (n, len(REGIONS), 2))
    place[:, regions, 1] += down[:, None]
    return place


def found_in(place: np.ndarray, config: SpotConfig = CONFIG) -> list[int]:
    scale = short_scale(config, HZ)
    n = len(place)
    found = candidates(motion_of(place, scale.lag), np.zeros(n), 0, n - 1, scale, config)
    return [candidate.place for candidate in found]


def test_heights_worked_by_hand() -> None:
    """Lag 2: a region at 0, 0, 0, 3, 5, 4, 1, 1, 1. At frame 4 it has come 5 and goes 4."""
    place = np.zeros((9, 1, 2))
    place[:, 0, 0] = [0, 0, 0, 3, 5, 4, 1, 1, 1]
    motion = motion_of(place, 2)
    away = displacement(motion, 2)
    assert away[4, 0].tolist() == [4.5, 0]  # (5 + 4) / 2
    heights = height(motion, away, 2, CONFIG)[:, 0]
    assert heights[4] == 4
    assert heights[3] == 0  # it has come 3, and goes on by 1
    assert heights[5] == 1  # it has come 1, and goes 3
    assert np.isnan(heights[[0, 1, 7, 8]]).all()


def test_what_only_goes_has_no_height() -> None:
    step = np.zeros((60, 1, 2))
    step[30:] = 5
    drift = np.arange(60.0)[:, None, None] * [0.3, -0.2]
    for place in (step, drift):
        motion = motion_of(place, 4)
        heights = height(motion, displacement(motion, 4), 4, CONFIG)
        assert np.nanmax(heights) == pytest.approx(0, abs=1e-9)
        one_way = height(motion, displacement(motion, 4), 4, SpotConfig(there_and_back=False))
        assert (np.nanmax(one_way) > 2) == (place is step)


def test_a_brief_movement_is_a_candidate_at_its_apex() -> None:
    place = places(300, 2 * bump(300, 144, 150, 157), CORNERS, noise=0.03)
    (at,) = found_in(place)
    assert abs(at - 150) <= 1
    motion = motion_of(place)
    (candidate,) = candidates(motion, np.zeros(300), 0, 299, SCALE, CONFIG)
    assert set(np.flatnonzero(candidate.weights)) == set(CORNERS)
    assert candidate.weights.sum() == pytest.approx(1)
    assert candidate.threshold_px == pytest.approx(0.0033 * 92)
    assert candidate.along(candidate.away) == pytest.approx(1.95, abs=0.15)


def test_lids_alone_are_no_candidate() -> None:
    assert found_in(places(300, 4 * bump(300, 144, 150, 157), LIDS, noise=0.03)) == []


def test_a_restless_region_asks_for_more_and_the_others_do_not() -> None:
    quiet = places(600, 1.0 * bump(600, 294, 300, 307), CORNERS, noise=0.03)
    assert len(found_in(quiet)) == 1
    rng = np.random.default_rng(5)
    restless = quiet.copy()
    restless[:, CORNERS] += np.cumsum(rng.normal(0, 0.25, (600, 2, 2)), axis=0)
    assert len(found_in(restless)) == 0
    brow = [0, 1]
    both = restless.copy()
    both[:, brow, 1] -= 1.0 * bump(600, 394, 400, 407)[:, None]
    assert [at for at in found_in(both) if abs(at - 400) <= 2]


def test_a_turning_head_asks_for_more() -> None:
    place = places(300, 1.0 * bump(300, 144, 150, 157), CORNERS, noise=0.03)
    motion = motion_of(place)
    for turn_px, wanted in ((5.0, 1), (15.0, 0)):
        found = candidates(motion, np.full(300, turn_px), 0, 299, SCALE, CONFIG)
        assert len(found) == wanted


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 400), st.floats(0.1, 30), st.integers(0, 2**32 - 1))
def test_what_lies_far_away_changes_nothing(at: int, noise: float, seed: int) -> None:
    """The answer for frames 200 to 220 rests on what lies within reach of them."""
    place = places(800, 2 * bump(800, 404, 410, 417), CORNERS, noise=0.05)
    motion = motion_of(place)
    before = candidates(motion, np.zeros(800), 400, 420, SCALE, CONFIG)
    other = motion.copy()
    far = np.r_[0 : 400 - SCALE.reach, 420 + SCALE.reach + 1 : 800]
    rng = np.random.default_rng(seed)
    other[far] += rng.normal(0, noise, (len(far), *motion.shape[1:]))
    after = candidates(other, np.zeros(800), 400, 420, SCALE, CONFIG)
    assert len(before) == len(after) == 1
    assert before[0].place == after[0].place
    assert before[0].threshold_px == pytest.approx(after[0].threshold_px, abs=1e-12)
    # and the same run further on has the same answer
    shifted = np.concatenate([np.full((at, *motion.shape[1:]), np.nan), motion])
    again = candidates(shifted, np.zeros(800 + at), 400 + at, 420 + at, SCALE, CONFIG)
    assert [c.place - at for c in again] == [c.place for c in before]


def test_gaps_are_not_bridged() -> None:
    place = places(300, 2 * bump(300, 144, 150, 157), CORNERS, noise=0.03)
    motion = motion_of(place)
    motion[152:160] = np.nan  # from 144 to 152 on: no way back is known
    assert candidates(motion, np.zeros(300), 0, 299, SCALE, CONFIG) == []


@pytest.mark.parametrize("frames", [4, 9, 20])
def test_an_edge_is_where_a_smooth_rise_begins(frames: int) -> None:
    flank = 1 - bump(4 * frames, -1, 0, frames)
    assert edge(flank) == pytest.approx(frames, abs=0.25)
    level = edge(flank, whole=False)
    assert level is not None
    assert np.interp(level, np.arange(len(flank)), flank) == pytest.approx(0.8, abs=1e-9)


def test_a_flank_that_never_rests_has_no_edge() -> None:
    assert edge(np.linspace(0, 0.7, 30)) is None
    assert edge(np.zeros(1)) is None


def test_medians_and_smoothing_leave_out_what_is_unknown() -> None:
    values = np.array([[3, np.nan, 1, 2], [np.nan] * 4, [1, 2, np.nan, np.nan]])
    assert median_of_known(values) == pytest.approx([2, np.nan, 1.5], nan_ok=True)
    rng = np.random.default_rng(0)
    many = rng.normal(size=(50, 31))
    many[rng.random(many.shape) < 0.3] = np.nan
    assert median_of_known(many) == pytest.approx(np.nanmedian(many, axis=1))
    curve = np.array([1.0, 1.0, np.nan, 1.0, 1.0])[:, None, None]
    assert smoothed(curve, 1.0).ravel() == pytest.approx([1, 1, np.nan, 1, 1], nan_ok=True)
    spike = np.zeros((41, 1, 1))
    spike[20] = 1
    assert smoothed(spike, 2.0).sum() == pytest.approx(1, abs=1e-6)
    assert smoothed(spike, 0.0) is spike


@pytest.mark.parametrize(
    "wrong",
    [
        {"lag_s": 0},
        {"long_lags_s": (0.7, 0.0)},
        {"floor_share": 1.5},
        {"macro_max_s": 0.4},
        {"head": "neck"},
        {"noise_window_s": -1},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SpotConfig(**wrong)  # type: ignore[arg-type]


def test_fast_video_is_thinned_to_about_fifty() -> None:
    assert [CONFIG.step(hz) for hz in (25, 30, 60, 100, 120, 200, 1000)] == [1, 1, 1, 2, 2, 4, 20]
    with pytest.raises(ConfigError, match="frame rate"):
        CONFIG.step(0)


def test_speech_does_not_drown_a_brow() -> None:
    """The mouth moves all the time, and once, in between, a brow."""
    t = np.arange(600)
    place = places(600, 3 * np.sin(t / 2.5), CORNERS, noise=0.03)
    brows = [i for i, r in enumerate(REGIONS) if r.name == "inner brow"]
    place[:, brows, 1] -= 1.0 * bump(600, 294, 300, 307)[:, None]
    found = candidates(motion_of(place), np.zeros(600), 0, 599, SCALE, CONFIG)
    (brow,) = [c for c in found if c.part == "upper"]
    assert abs(brow.place - 300) <= 1
    assert set(np.flatnonzero(brow.weights)) == set(brows)
