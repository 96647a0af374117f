"""Streams: what is forgotten, and what is given of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError
from merkit.face import TrackConfig
from merkit.spotting import SpotConfig, stream_events
from merkit.spotting.tracked import Watch
from merkit.types import Frame, Recording, Stretch, VideoInfo
from merkit.video import iter_frames

INFO = VideoInfo(Path("stream"), 0, 0, 30.0, None, None)


def empty(n: int, hz: float = 30.0) -> Iterator[Frame]:
    for i in range(n):
        yield Frame(i, i / hz, np.zeros((48, 64, 3), np.uint8))


def test_a_stream_of_nothing_says_nothing() -> None:
    assert list(stream_events(iter(()), 30.0)) == []


def test_a_stream_without_a_face_is_one_stretch() -> None:
    (stretch,) = stream_events(empty(45), 30.0)
    assert isinstance(stretch, Stretch)
    assert (stretch.kind, stretch.first_frame, stretch.last_frame) == ("no face", 0, 44)


def test_bad_frames_and_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="frame rate"):
        list(stream_events(empty(2), 0.0))
    grey = Frame(7, 0.0, np.zeros((48, 64), np.uint8))  # type: ignore[arg-type]
    with pytest.raises(FaceError, match="frame 7"):
        list(stream_events([grey], 30.0))


def test_fast_frames_are_looked_at_in_step() -> None:
    (stretch,) = stream_events(empty(400, 200.0), 200.0)
    assert isinstance(stretch, Stretch)
    assert (stretch.first_frame, stretch.last_frame) == (0, 396)


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
