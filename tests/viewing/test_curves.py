"""Curves: what the one pass keeps of a video, and what is left of them to draw."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from merkit.face import FaceFollower, TrackConfig
from merkit.face.landmarker import FaceLandmarker
from merkit.face.unit_shapes import SHAPED_UNITS, SHAPES_OF_UNITS
from merkit.labels import ACTION_UNITS
from merkit.spotting import SpotConfig, SpottedVideo
from merkit.spotting.look import look_at
from merkit.spotting.motion import motion_between
from merkit.spotting.regions import REGIONS
from merkit.spotting.tracked import Watch, with_mesh
from merkit.types import Recording
from merkit.video import iter_frames
from merkit.viewing.curves import Curve, region_curves, thinned, unit_curves


def test_motion_of_regions_is_that_between_two_looks_a_lag_apart(
    spotted: SpottedVideo, tiny_recording: Recording
) -> None:
    config, seen = SpotConfig(), spotted.seen
    lag = round(config.lag_s * seen.rate_hz)
    assert seen.motion_px.shape == (len(seen.numbers), len(REGIONS))
    assert seen.motion_px.dtype == np.float32
    assert np.isnan(seen.motion_px[:lag]).all()  # there was nothing to compare with
    follower = FaceFollower(TrackConfig())
    followed = follower.follow(iter_frames(tiny_recording.media, last=29))
    landmarker = FaceLandmarker()
    faces = [(frame, with_mesh(frame, face, landmarker)) for frame, face in followed]
    looks = [
        look_at(frame, face.mesh_px)
        for frame, face in faces
        if face is not None and face.mesh_px is not None
    ]
    for at in (lag, 20, 29):
        regions = motion_between(looks[at - lag], looks[at]).regions
        np.testing.assert_allclose(seen.motion_px[at], np.hypot(*regions.T), rtol=1e-5)


def test_strengths_of_units_are_means_of_blendshapes(spotted: SpottedVideo) -> None:
    actions, strengths = spotted.seen.actions, spotted.seen.unit_strength
    columns = dict(zip(SHAPED_UNITS, strengths.T, strict=True))
    blink = (actions.blink_left + actions.blink_right) / 2
    np.testing.assert_allclose(columns[45], blink, rtol=1e-5)
    np.testing.assert_allclose(columns[26], actions.jaw_open, rtol=1e-5)
    assert set(SHAPES_OF_UNITS) <= set(ACTION_UNITS)


def test_what_a_stream_forgets_is_forgotten_of_the_curves_too(
    spotted: SpottedVideo, tiny_recording: Recording
) -> None:
    watch = Watch(30.0, TrackConfig(), SpotConfig())
    for frame in watch.through(iter_frames(tiny_recording.media, last=89)):
        if frame.number == 60:
            assert len(watch.seen(spotted.seen.info).motion_px) == 61
            watch.forget(1.0)
    left = watch.seen(spotted.seen.info)
    np.testing.assert_array_equal(left.motion_px, spotted.seen.motion_px[30:90])
    np.testing.assert_array_equal(left.unit_strength, spotted.seen.unit_strength[30:90])


def test_every_region_and_unit_has_a_curve(spotted: SpottedVideo) -> None:
    regions, units = region_curves(spotted.seen), unit_curves(spotted.seen)
    assert [curve.title for curve in regions] == [region.title for region in REGIONS]
    assert [curve.title.split()[1] for curve in units] == [str(unit) for unit in SHAPED_UNITS]
    event = max(spotted.events, key=lambda event: event.motion_px)
    strongest = event.regions[0]
    name = f"{strongest.side} {strongest.region}".strip()
    curve = next(curve for curve in regions if curve.title == name)
    around = curve.between(event.onset_s, event.offset_s + 0.3)
    assert around.peak[1] > 0.5 * event.motion_px
    assert around.time_s[0] >= event.onset_s - 1e-9


@given(
    st.lists(st.one_of(st.floats(0, 100), st.just(np.nan)), min_size=1, max_size=400),
    st.integers(1, 40),
)
def test_thinning_keeps_peaks_and_order(values: list[float], bins: int) -> None:
    value = np.array(values)
    time_s = np.arange(len(value)) / 30
    times, kept = thinned(time_s, value, bins)
    assert len(kept) <= max(2 * bins, 1) or len(kept) == len(value) <= 2 * bins
    assert (np.diff(times) > 0).all()
    known, left = value[np.isfinite(value)], kept[np.isfinite(kept)]
    assert len(left) == 0 if len(known) == 0 else left.max() == known.max()
    assert len(known) == 0 or left.min() == known.min()


def test_a_spike_of_one_frame_in_an_hour_is_still_there() -> None:
    time_s = np.arange(180_000) / 50
    value = np.zeros(180_000)
    value[123_457] = 7.0
    times, kept = thinned(time_s, value, 300)
    assert len(kept) <= 600
    assert times[kept.argmax()] == time_s[123_457]
    assert Curve("", "", times, kept).peak == (time_s[123_457], 7.0)


def test_a_time_of_which_nothing_is_known_is_a_gap() -> None:
    value = np.ones(1000)
    value[400:600] = np.nan
    times, kept = thinned(np.arange(1000.0), value, 50)
    gap = times[np.isnan(kept)]
    assert gap.min() >= 380
    assert gap.max() <= 620
    assert len(gap) >= 9
