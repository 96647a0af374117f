"""Frames and seconds of one video agree, also where the frame rate varies."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from merkit.errors import ConfigError, StoreError
from merkit.face import TrackConfig
from merkit.review.clock import Clock, load_clock, save_clock
from merkit.spotting.config import SpotConfig
from merkit.spotting.tracked import track_video

#: a camera that slows down in the dark: 25 frames a second, then 10
VARIABLE = Clock(np.arange(6), np.array([0, 0.04, 0.08, 0.18, 0.28, 0.38]), 5)


def test_a_constant_rate() -> None:
    clock = Clock.constant(200.0, 101, first_frame=50)
    assert (clock.first_frame, clock.last_frame, clock.fps_hz) == (50, 150, 200.0)
    assert clock.time_at(50) == 0.0
    assert clock.time_at(90) == pytest.approx(0.2)
    assert clock.frame_at(0.2) == 90
    assert (clock.frame_at(-3), clock.frame_at(99)) == (50, 150)
    assert Clock.constant(25, 1).time_at(0) == 0.0


def test_a_rate_that_varies() -> None:
    assert [VARIABLE.time_at(n) for n in (2, 3, 5)] == [0.08, 0.18, 0.38]
    assert [VARIABLE.frame_at(t) for t in (0.08, 0.17, 0.24, 0.38)] == [2, 3, 4, 5]


def test_frames_between_and_behind_those_that_were_looked_at() -> None:
    every_fourth = Clock(np.array([0, 4, 8]), np.array([0.0, 0.02, 0.04]), 11)
    assert every_fourth.time_at(6) == pytest.approx(0.03)
    assert every_fourth.time_at(11) == pytest.approx(0.055)
    assert every_fourth.frame_at(0.055) == 11


@pytest.mark.parametrize("frame", [-1, 6, 10**12])
def test_a_frame_that_the_video_has_not(frame: int) -> None:
    with pytest.raises(ConfigError, match=r"frame .*\n.*0 to 5"):
        VARIABLE.time_at(frame)


@pytest.mark.parametrize(
    ("numbers", "times", "last"),
    [([], [], 0), ([0, 1], [0.0], 1), ([0, 0], [0.0, 1.0], 1), ([0, 1], [1.0, 0.0], 1),
     ([0, 1], [0.0, np.nan], 1), ([0, 5], [0.0, 1.0], 4)],
)  # fmt: skip
def test_what_is_no_clock(numbers: list[int], times: list[float], last: int) -> None:
    with pytest.raises(ConfigError, match="clock"):
        Clock(np.array(numbers), np.array(times), last)


def test_a_clock_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "clock.npz"
    save_clock(path, VARIABLE)
    back = load_clock(path)
    assert (back.numbers == VARIABLE.numbers).all()
    assert (back.time_s == VARIABLE.time_s).all()
    assert back.last_frame == 5
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError, match=r"clock\.npz cannot be read"):
        load_clock(path)
    with pytest.raises(StoreError, match=r"none\.npz cannot be read"):
        load_clock(tmp_path / "none.npz")


def test_the_clock_of_a_video_is_that_of_its_events(tiny_images: Path) -> None:
    seen = track_video(tiny_images, TrackConfig(), SpotConfig(rate_hz=15), fps_hz=30)
    clock = Clock.of(seen)
    assert seen.numbers[:3].tolist() == [100, 102, 104]  # every second frame was looked at
    places = np.linspace(0, len(seen.numbers) - 1, 50)
    assert [clock.time_at(seen.frame_at(p)) for p in places] == [seen.time_at(p) for p in places]
    last = 100 + len(list(tiny_images.iterdir())) - 1
    assert (clock.first_frame, clock.last_frame) == (100, last)
    assert clock.time_at(last) == pytest.approx((last - 100) / 30)


def test_the_clock_of_a_file_whose_rate_varies(tmp_path: Path) -> None:
    times_ms = [0, 40, 80, 120, 320, 520, 530, 540]
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_ms in times_ms:
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clock = Clock.of(track_video(tmp_path / "v.mkv", TrackConfig(), SpotConfig()))
    assert [clock.time_at(n) for n in range(8)] == pytest.approx([t / 1000 for t in times_ms])
