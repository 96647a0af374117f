"""Streams: what is forgotten, and what is given of nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError
from merkit.face import TrackConfig
from merkit.spotting import SpotConfig, SpottedVideo, StreamSpotter
from merkit.spotting.tracked import Watch
from merkit.types import Frame, Recording, VideoInfo
from merkit.video import iter_frames

INFO = VideoInfo(Path("stream"), 0, 0, 30.0, None, None)


def empty(n: int, hz: float = 30.0) -> Iterator[Frame]:
    for i in range(n):
        yield Frame(i, i / hz, np.zeros((48, 64, 3), np.uint8))


def told(frames: Iterable[Frame], hz: float = 30.0) -> list[SpottedVideo]:
    spotter = StreamSpotter(replace(INFO, fps_hz=hz))
    pieces = [spotter.push(frame) for frame in frames]
    return [piece for piece in [*pieces, spotter.finish()] if piece is not None]


def test_a_stream_of_nothing_says_nothing() -> None:
    assert told(()) == []


def test_a_stream_without_a_face_is_one_stretch_and_a_problem() -> None:
    (piece,) = told(empty(45))
    (stretch,) = piece.stretches
    assert (stretch.kind, stretch.first_frame, stretch.last_frame) == ("no face", 0, 44)
    assert piece.problem == "stream: no face found in any of 45 frames"


def test_bad_frames_and_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="frame rate"):
        told(empty(2), 0.0)
    grey = Frame(7, 0.0, np.zeros((48, 64), np.uint8))  # type: ignore[arg-type]
    with pytest.raises(FaceError, match="frame 7"):
        told([grey])


def test_fast_frames_are_looked_at_in_step() -> None:
    (stretch,) = told(empty(400, 200.0), 200.0)[-1].stretches
    assert (stretch.first_frame, stretch.last_frame) == (0, 396)


def test_a_stretch_is_told_once_at_its_end_however_long_it_was() -> None:
    """Longer than anything is remembered, and over a pause of the camera of an hour."""
    hz, n = 2.0, 120
    frames = [*empty(n, hz), *(replace(f, time_s=f.time_s + 3600) for f in empty(n, hz))]
    pieces = told((replace(f, number=i) for i, f in enumerate(frames)), hz)
    assert len(pieces) > 50
    stretches = {s.kind: s for piece in pieces for s in piece.stretches}
    assert sum(len(piece.stretches) for piece in pieces) == len(stretches) == 2
    for kind in ("no face", "too low a frame rate"):
        assert (stretches[kind].start_s, stretches[kind].end_s) == (0.0, 3600 + (n - 1) / hz)
        assert (stretches[kind].first_frame, stretches[kind].last_frame) == (0, 2 * n - 1)
    assert max(len(piece.seen.numbers) for piece in pieces) < 2 * 60 * hz


def test_how_long_is_waited_follows_the_settings() -> None:
    usual = StreamSpotter(INFO).delay_s
    assert 20 < usual < 30
    assert StreamSpotter(INFO, SpotConfig(macro_max_s=6.0)).delay_s >= usual + 2
    assert StreamSpotter(INFO, SpotConfig(long_lags_s=())).delay_s < usual - 2
    assert StreamSpotter(INFO, SpotConfig(noise_window_s=40.0)).delay_s > usual + 10


@pytest.mark.thorough
def test_what_is_forgotten_leaves_the_rest_as_it_was(tiny_recording: Recording) -> None:
    """Six seconds, forgotten up to the second one half way through."""
    whole, part = (Watch(30.0, TrackConfig(), SpotConfig()) for _ in range(2))
    for frame in whole.through(iter_frames(tiny_recording.media)):
        del frame
    for frame in part.through(iter_frames(tiny_recording.media)):
        if frame.number == 90:
            part.forget(2.0)
            assert len(part.seen(INFO).numbers) == 31
    one, two = whole.seen(INFO), part.seen(INFO)
    assert two.numbers.tolist() == one.numbers.tolist()[60:]
    np.testing.assert_array_equal(two.face.landmarks_px, one.face.landmarks_px[60:])
    np.testing.assert_array_equal(two.actions.lid_left, one.actions.lid_left[60:])
    later = [m for m in one.movements if m.onset >= 60]
    assert later
    assert [m.moved(60).apex for m in two.movements] == [m.apex for m in later]
