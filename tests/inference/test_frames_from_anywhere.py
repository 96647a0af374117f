"""Frames as they come: the answer of a file, from arrays and iterators, in bounded memory."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import merkit
from merkit import Recognizer
from merkit.errors import ConfigError, FaceError, MerkitWarning, VideoError
from merkit.face import TrackConfig
from merkit.inference.analysis import Analysis
from merkit.inference.stream import Stream
from merkit.spotting import SpotConfig
from merkit.types import U8, Event, Frame
from merkit.video import read_frames, write_frames

HZ = 30.0


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return Recognizer.from_pretrained(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def pictures(tiny_images: Path) -> U8:
    """A second and a half around a movement."""
    return read_frames(tiny_images, fps_hz=HZ).rgb


@pytest.fixture(scope="module")
def of_file(pictures: U8, recognizer: Recognizer, tmp_path_factory: Any) -> Analysis:
    folder = tmp_path_factory.mktemp("file") / "frames"
    write_frames(folder, pictures, start=0, pattern="img{n}.png")
    analysis = merkit.analyse(folder, recognizer, fps_hz=HZ)
    assert any(event.probabilities for event in analysis.events)
    return replace(analysis, video=Path("frames"))


def test_a_file_an_array_and_an_iterator_have_one_answer(
    pictures: U8, recognizer: Recognizer, of_file: Analysis
) -> None:
    """Of pictures that lie on their side: which way is up is found in all of them."""
    lying = np.ascontiguousarray(np.rot90(pictures, 1, (1, 2)))
    array = merkit.analyse(lying, recognizer, fps_hz=HZ)
    once = merkit.analyse(iter(lying), recognizer, fps_hz=HZ)
    assert array.turned_deg == 270
    assert repr(once) == repr(array) == repr(replace(of_file, turned_deg=270))


def test_a_stream_gives_the_events_by_the_clock_of_its_frames(
    pictures: U8, recognizer: Recognizer, of_file: Analysis
) -> None:
    with recognizer.stream(HZ) as stream:
        frames = (Frame(n + 7, 100 + n / HZ, rgb) for n, rgb in enumerate(pictures))
        events = [*stream.through(frames)]
        assert stream.so_far().duration_s == pytest.approx(of_file.duration_s)
    for event, same in zip(events, of_file.events, strict=True):
        assert (event.kind, event.label) == (same.kind, same.label)
        assert event.onset_s == pytest.approx(same.onset_s + 100)
        assert event.onset_frame == same.onset_frame + 7
        assert event.probabilities == same.probabilities


def test_two_streams_side_by_side_give_what_each_gives_alone(
    pictures: U8, recognizer: Recognizer, of_file: Analysis
) -> None:
    """In threads that take turns with both, and without waiting in the loop of asyncio."""
    flipped = pictures[:, :, ::-1]

    async def read(frames: U8) -> list[Event]:
        with recognizer.stream(HZ) as stream:
            events: list[Event] = []
            for rgb in frames:
                events += await asyncio.to_thread(stream.push, rgb)
            return [*events, *(await asyncio.to_thread(stream.finish))]

    async def both() -> tuple[list[Event], list[Event], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        one, two = await asyncio.gather(read(pictures), read(flipped))
        ticking.cancel()
        return one, two, ticks

    one, two, ticks = asyncio.run(both())
    assert repr(tuple(one)) == repr(of_file.events)
    alone = merkit.analyse(iter(flipped), recognizer, fps_hz=HZ)
    assert sorted(map(repr, two)) == sorted(map(repr, alone.events))
    assert repr(two) != repr(one)
    assert ticks >= len(pictures)


def test_a_refused_frame_changes_nothing(pictures: U8, of_file: Analysis) -> None:
    plain = [replace(e, label="", score=np.nan, probabilities={}) for e in of_file.events]
    with merkit.stream(HZ, None) as stream:
        events: list[Event] = []
        for rgb in pictures:
            with pytest.raises(VideoError, match="pixels"):
                stream.push(rgb / 255)
            events += stream.push(rgb)
        events += stream.finish()
        assert stream.finish() == ()
        with pytest.raises(ConfigError, match="finished"):
            stream.push(pictures[0])
    assert [(e.kind, e.onset_s, e.motion_px) for e in events] == [
        (e.kind, e.onset_s, e.motion_px) for e in plain
    ]


def test_red_and_blue_that_changed_places_are_warned_of_once(pictures: U8) -> None:
    few = pictures[:2, ..., ::-1]
    with pytest.warns(MerkitWarning, match="BGR") as told:
        merkit.analyse(few, None, fps_hz=HZ)
    assert len(told) == 1
    with pytest.warns(MerkitWarning, match="BGR") as told:
        merkit.analyse(iter(few), None, fps_hz=HZ)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("video", "rate", "told"),
    [
        (np.zeros((4, 32, 32, 3), np.uint8), None, "without a rate"),
        (iter(()), None, "without a rate"),
        (iter(()), HZ, "0 frames"),
        ([], HZ, "0 frames"),
        (["a.mp4", "b.mp4"], None, "analyse_many"),
        (7, HZ, "type int"),
        (np.zeros((32, 32, 3), np.uint8), HZ, "an array of shape"),
        (np.zeros((4, 32, 32, 3)), HZ, "numpy.uint8"),
    ],
)
def test_what_is_no_video_gets_one_clear_error(video: Any, rate: float | None, told: str) -> None:
    with pytest.raises((ConfigError, VideoError), match=told):
        merkit.analyse(video, None, fps_hz=rate)


def test_a_name_is_no_recogniser() -> None:
    with pytest.raises(ConfigError, match="from_pretrained"):
        merkit.stream(HZ, "model")  # type: ignore[arg-type]


def test_the_face_that_is_asked_for_must_be_there(pictures: U8) -> None:
    with (
        merkit.stream(HZ, None, track=TrackConfig(face=3)) as stream,
        pytest.raises(FaceError, match="face 3 was asked for"),
    ):
        stream.push(pictures[0])


def test_without_a_recogniser_frames_are_kept_until_the_way_up_is_known(
    pictures: U8, tmp_path: Path
) -> None:
    with Stream(5.0, None, folder=tmp_path) as stream:
        held = []
        for rgb in pictures[:12]:
            stream.push(rgb)
            held.append(stream._kept is not None)
        assert held[0]
        assert not held[-1]


def slow_faces(pictures: U8, hz: float) -> Iterator[U8]:
    """For ever: a face, and from time to time none for half a minute."""
    grey = np.full_like(pictures[0], 90)
    some = round(30 * hz)
    while True:
        for n in range(some):
            yield pictures[n % 2]
        for _ in range(some):
            yield grey


def size_of(root: object) -> int:
    """Bytes of everything that hangs on an object alone: no modules, classes or threads."""
    seen, waiting, total = set(), [root], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(
            thing, (type, type(sys), type(size_of), threading.Thread, Recognizer)
        ):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting += gc.get_referents(thing)
    return total


def test_nothing_grows_with_the_length_of_a_stream(pictures: U8, tmp_path: Path) -> None:
    """After two minutes and after three it holds as much, with faces that come and go."""
    hz = 2.0
    config = SpotConfig(lag_s=1.0, micro_max_s=2.0)
    sizes = []
    with Stream(hz, None, config) as stream:
        for n, rgb in enumerate(slow_faces(pictures, hz)):
            stream.push(rgb)
            stream.stretches()
            if n + 1 in (120 * hz, 180 * hz):
                sizes.append(size_of(stream._spotter))
            if len(sizes) == 2:
                break
    assert sizes[1] < 1.02 * sizes[0]
    assert sizes[0] > 100_000


def test_the_window_of_a_name_is_kept_however_slowly_frames_come(
    pictures: U8, recognizer: Recognizer
) -> None:
    """A clock at half the rate that was said: everything takes longer, and is still named."""
    still = [pictures[0]] * 8
    frames = [Frame(n, n / 15, rgb) for n, rgb in enumerate(chain(still, pictures, still))]
    with recognizer.stream(HZ, SpotConfig(micro_max_s=2.0)) as stream:
        events = [*stream.through(frames)]
    assert any(event.probabilities for event in events)
