"""Pictures that a program hands over, and those that are kept of a stream."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from merkit.errors import ConfigError, MerkitError, VideoError
from merkit.types import U8, Frame, VideoInfo
from merkit.video import kept
from merkit.video.given import Intake, looks_bgr
from merkit.video.kept import KeptFrames
from merkit.video.source import ArraySource

RNG = np.random.default_rng(4)


def pictures(n: int, height: int = 24, width: int = 32) -> U8:
    return RNG.integers(0, 256, (n, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((24, 32, 3)), "float64 pixels.*\n.*\n.*255"),
        (np.zeros((24, 32, 3), np.uint16), "uint16 pixels.*\n.*\n.*257"),
        (np.zeros((24, 32), bool), "bool pixels.*\n.*\n.*no mask"),
        ("frame.png", "pixels.*\n.*\n.*numpy arrays"),
        (None, "pixels.*\n.*\n.*has no more"),
        (np.zeros((24, 32, 4), np.uint8), "(24, 32, 4).*\n.*\n.*alpha"),
        (np.zeros((3, 24, 32), np.uint8), "(3, 24, 32).*\n.*\n.*transpose"),
        (np.zeros((2, 24, 32, 3), np.uint8), "one picture at a time"),
        (np.zeros((2, 2, 3), np.uint8), "16 pixels or more"),
        (np.zeros((24, 30, 3), np.uint8), "frame 1 is 30x24, those before are 32x24"),
        (Frame(0, 0.1, pictures(1)[0]), "frame 0 follows frame 0"),
        (Frame(9, float("nan"), pictures(1)[0]), "frame 9 has the time nan"),
    ],
)
def test_what_is_no_such_picture_is_refused_and_the_next_one_taken(given: Any, told: str) -> None:
    intake = Intake(10.0)
    intake.frame(pictures(1)[0])
    with pytest.raises(VideoError, match=told.replace("(", r"\(").replace(")", r"\)")):
        intake.frame(given)
    frame = intake.frame(pictures(1)[0])
    assert (frame.number, frame.time_s) == (1, 0.1)


def test_a_time_is_a_number_of_seconds() -> None:
    intake, now = Intake(10.0), cast(Any, "12:30")
    with pytest.raises(VideoError, match="frame 0 has the time '12:30'"):
        intake.frame(pictures(1)[0], now)


@pytest.mark.parametrize("rate", [None, 0, -1, float("nan"), float("inf"), "30"])
def test_a_rate_is_wanted(rate: Any) -> None:
    with pytest.raises(ConfigError, match="rate"):
        Intake(rate)


def test_grey_stands_in_all_three_colours() -> None:
    grey = pictures(1)[0, ..., 0]
    for given in (grey, grey[..., None]):
        rgb = Intake(1.0).frame(given).rgb
        assert rgb.shape == (24, 32, 3)
        assert (rgb == grey[..., None]).all()


def test_times_are_those_of_the_camera_and_always_increase() -> None:
    """As a file's: what is missing or does not advance is a frame later than the one before."""
    intake = Intake(4.0)
    given = [1700.0, 1700.2, None, 1700.1, 1700.3, 1701.5, 1699.0, 1702.0]
    told = [intake.frame(pictures(1)[0], time_s).time_s for time_s in given]
    assert told == [1700.0, 1700.2, 1700.45, 1700.7, 1700.95, 1701.5, 1701.75, 1702.0]
    steady = Intake(30.0)
    assert [steady.frame(pictures(1)[0]).time_s for _ in range(100)] == [n / 30 for n in range(100)]


def test_numbers_are_those_of_frames_that_have_some() -> None:
    intake, rgb = Intake(1.0), pictures(1)[0]
    given = [rgb, Frame(10, 5.0, rgb), rgb, Frame(12, 7.0, rgb)]
    assert [intake.frame(one).number for one in given] == [0, 10, 11, 12]


@pytest.mark.parametrize("stacked", [True, False])
def test_pictures_in_memory_are_read_as_often_as_wanted(stacked: bool) -> None:
    rgb = pictures(7)
    source = ArraySource(rgb if stacked else list(rgb), 10.0)
    info = source.info()
    assert (info.width_px, info.height_px, info.n_frames, info.duration_s) == (32, 24, 7, 0.7)
    assert source.numbers().tolist() == list(range(7))
    for _ in range(2):
        assert [f.number for f in source.frames(1, 5, step=2)] == [1, 3, 5]
        np.testing.assert_array_equal([f.rgb for f in source.frames()], rgb)


@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3), (0, 24, 32, 3)])
def test_an_array_that_holds_no_pictures_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(VideoError, match=r"shape|0 frames"):
        ArraySource(np.zeros(shape, np.uint8), 10.0)


def test_a_face_that_is_bluer_than_red_is_noticed() -> None:
    from skimage import data

    astronaut = data.astronaut()
    box = np.array([170, 60, 280, 200], np.float32)
    assert not looks_bgr(astronaut, box)
    assert looks_bgr(astronaut[..., ::-1], box)
    assert not looks_bgr(astronaut[..., [0, 0, 0]], box)
    assert not looks_bgr(astronaut, np.array([900, 900, 950, 950], np.float32))


INFO = VideoInfo(Path("frames"), 32, 24, 10.0, None, None)


def test_frames_are_kept_to_the_bit_in_no_more_room_than_is_needed(tmp_path: Path) -> None:
    rgb, store = pictures(40), KeptFrames(INFO, 10, tmp_path)
    for n, picture in enumerate(rgb):
        store.add(Frame(n, n / 10, picture))
        store.forget(n / 10 - 0.55, but=2)
        held = store.numbers()
        assert held[-1] == n
        assert len(held) <= 8
        for frame in store.frames():
            np.testing.assert_array_equal(frame.rgb, rgb[frame.number])
            assert frame.time_s == frame.number / 10
    assert [f.number for f in store.frames(36, 38)] == [36, 37, 38]
    assert store._file.seek(0, 2) <= 9 * 32 * 24 * 3
    assert not list(tmp_path.iterdir())  # it has no name
    store.close()


def test_a_disk_without_room_is_told_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = namedtuple("disk", "total used free")
    monkeypatch.setattr(kept.shutil, "disk_usage", lambda folder: disk(9, 9, 50_000))
    with pytest.raises(ConfigError, match=r"0.0 GB are free(.|\n)*another folder"):
        KeptFrames(INFO, 100, tmp_path)
    monkeypatch.undo()
    with pytest.raises(MerkitError, match="no folder"):
        KeptFrames(INFO, 100, tmp_path / "gone")
