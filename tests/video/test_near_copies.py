"""A copy of a clip is known again, whatever was done to its files; another take is no copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from merkit.datasets import load_dataset
from merkit.types import U8, Clip
from merkit.video import iter_frames, write_frames, write_video
from merkit.video.look import Look, LookMaker, look_of, near_copies

Frames = list[U8]


@pytest.fixture(scope="module")
def takes(tiny_database: Path) -> list[Clip]:
    return list(load_dataset("synthetic", tiny_database))


def pixels(clip: Clip) -> Frames:
    return [frame.rgb for frame in iter_frames(clip.media)]


def look(frames: Frames) -> Look:
    maker = LookMaker()
    for frame in frames:
        maker.add(frame)
    made = maker.made()
    assert made is not None
    return made


def jpeg(frames: Frames, quality: int = 90) -> Frames:
    how = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return [cv2.imdecode(cv2.imencode(".jpg", f, how)[1], cv2.IMREAD_COLOR) for f in frames]


def halved(frames: Frames) -> Frames:
    return [cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in frames]


def brighter(frames: Frames) -> Frames:
    return [np.clip(f * 0.9 + 15, 0, 255).astype(np.uint8) for f in frames]


CHANGED: dict[str, Callable[[Frames], Frames]] = {
    "saved again": jpeg,
    "saved coarsely": lambda frames: jpeg(frames, 60),
    "halved": halved,
    "brighter": brighter,
    "without the first frame": lambda frames: jpeg(frames[1:]),
    "without the last frame": lambda frames: jpeg(frames[:-1]),
    "without a middle frame": lambda frames: jpeg(frames[:4] + frames[5:]),
    "mirrored": lambda frames: jpeg([f[:, ::-1] for f in frames]),
}


@pytest.mark.parametrize("change", CHANGED)
def test_copies_are_known(change: str, takes: list[Clip]) -> None:
    for clip in takes[:3]:
        frames = pixels(clip)
        found = list(near_copies([look(frames), look(CHANGED[change](frames))]))
        assert found == [(0, 1, change == "mirrored")]


def test_an_encoded_copy_is_known(takes: list[Clip], tmp_path: Path) -> None:
    frames = pixels(takes[0])
    for crf in (18, 28):
        write_video(tmp_path / f"{crf}.mp4", frames, 30.0, crf=crf)
        again = [frame.rgb for frame in iter_frames(tmp_path / f"{crf}.mp4")]
        assert len(list(near_copies([look(frames), look(again)]))) == 1


def test_other_takes_are_not_copies(takes: list[Clip]) -> None:
    """Three of each of four people, who hold still but for a few pixels."""
    looks = [look_of(clip) for clip in takes]
    assert list(near_copies([made for made in looks if made is not None])) == []


def test_the_part_of_a_clip_is_looked_at(takes: list[Clip], tmp_path: Path) -> None:
    frames = pixels(takes[0])
    write_frames(tmp_path / "long", pixels(takes[3]) + frames, start=0)
    start = len(pixels(takes[3]))
    part = replace(
        takes[0], media=tmp_path / "long", first_frame=start, last_frame=start + len(frames) - 1
    )
    made = look_of(part)
    assert made is not None
    assert made.changes.shape == (len(frames), 16, 16)
    assert len(list(near_copies([made, look(frames)]))) == 1


def test_single_pictures_and_nothing(takes: list[Clip]) -> None:
    picture = pixels(takes[0])[:1]
    other = pixels(takes[5])[:1]
    assert LookMaker().made() is None
    assert list(near_copies([])) == []
    assert list(near_copies([look(picture), look(other), look(jpeg(picture))])) == [(0, 2, False)]
