"""Filling the store: resumable after kill -9, equal to an uninterrupted one, bad clips named."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_pipeline as tiny
from merkit.datasets import load_dataset
from merkit.errors import FaceError, StoreError
from merkit.face.align import AlignConfig
from merkit.runs.config import DataConfig
from merkit.runs.data import LabelledClips, prepare_clips
from merkit.samples.prepare import prepare
from merkit.samples.recipes import RgbRecipe
from merkit.samples.store import SampleStore
from merkit.types import Clip, Sample

RECIPE = RgbRecipe(frames=3, align=AlignConfig(size_px=32))


@pytest.fixture(scope="session")
def clips(tiny_database: Path) -> tuple[Clip, ...]:
    return load_dataset("synthetic", tiny_database)[:3]


def same(a: Sample, b: Sample) -> bool:
    arrays = all(np.array_equal(a.arrays[n], b.arrays[n]) for n in a.arrays)
    return a.arrays.keys() == b.arrays.keys() and arrays and a.found_share == b.found_share


def test_every_clip_is_stored_once(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    told: list[tuple[str, float, float]] = []
    first = prepare(clips, RECIPE, tmp_path, 1, lambda *args: told.append(args))
    assert (first.made, dict(first.refused)) == (3, {})
    assert told == [("preparing clips", i, 3) for i in range(4)]
    again = prepare(clips, RECIPE, tmp_path, 1)
    assert again.made == 0
    assert again.keys == first.keys
    assert same(first.read(clips[0].clip_id), again.read(clips[0].clip_id))
    assert (first.store.folder / "index.parquet").is_file()


def test_only_what_is_missing_is_made(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    prepare(clips[:1], RECIPE, tmp_path, 1)
    assert prepare(clips, RECIPE, tmp_path, 1).made == 2


@pytest.mark.parametrize("harm", ["cut", "changed", "lost", "record"])
def test_a_sample_that_is_not_as_it_was_written_is_made_again(
    harm: str, clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    first = prepare(clips, RECIPE, tmp_path, 1)
    wanted = first.read(clips[0].clip_id).arrays["rgb"].copy()
    folder = first.store.folder / first.keys[clips[0].clip_id]
    array = folder / "rgb.npy"
    data = bytearray(array.read_bytes())
    data[-7] ^= 1
    if harm == "lost":
        array.unlink()
    elif harm == "record":
        (folder / "sample.json").write_text("{")
    else:
        array.write_bytes(data[:-100] if harm == "cut" else data)
    again = prepare(clips, RECIPE, tmp_path, 1)
    assert again.made == 1
    np.testing.assert_array_equal(again.read(clips[0].clip_id).arrays["rgb"], wanted)


def test_bad_clips_are_refused_by_name_and_the_others_kept(
    clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    gone = replace(clips[0], clip_id="gone", media=tmp_path / "nowhere")
    empty = replace(clips[0], clip_id="empty", first_frame=900, last_frame=950)
    prepared = prepare((*clips, gone, empty), RECIPE, tmp_path / "store", 1)
    assert set(prepared.refused) == {"gone", "empty"}
    assert set(prepared.keys) == {c.clip_id for c in clips}
    assert "900" in prepared.refused["empty"]
    data = LabelledClips((*clips, gone, empty), (), ())
    with pytest.raises(FaceError, match="2 of 5 clips") as caught:
        prepare_clips(data, RECIPE, DataConfig(store=tmp_path / "store", workers=1))
    assert "gone" in str(caught.value)
    assert "--bad-clips skip" in str(caught.value)


def test_clips_that_a_recipe_leaves_out_stop_nothing_and_are_recorded(
    clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    first = clips[0].first_frame or 0
    short = replace(clips[0], clip_id="short", first_frame=first, last_frame=first + 3)
    data = LabelledClips((*clips, short), (), ())
    recipe, config = replace(RECIPE, min_frames=5), DataConfig(store=tmp_path, workers=1)
    kept, prepared = prepare_clips(data, recipe, config)
    assert kept.clips == clips
    assert prepared.left_out == {"short"}
    assert prepared.refused["short"].startswith("clip 'short' has 4 frames and is left out")
    gone = replace(clips[0], clip_id="gone", media=tmp_path / "nowhere")
    with pytest.raises(FaceError, match="1 of 4 clips") as caught:
        prepare_clips(replace(data, clips=(*data.clips, gone)), recipe, config)
    assert "short" not in str(caught.value)
    assert not prepare(data.clips, RECIPE, tmp_path, 1).refused


def test_the_counts_are_right_when_clips_are_refused(
    clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    gone = replace(clips[0], clip_id="gone", media=tmp_path / "nowhere")
    assert prepare((*clips, gone), RECIPE, tmp_path / "store", 1).made == 3


# kill -9


def command(database: Path, store: Path) -> list[str]:
    return ["prepare", *tiny.command_words(database, store)]


def stored(store: Path) -> list[Path]:
    """What a reader may see; what is being written has a hidden name until it is whole."""
    return sorted(p for p in store.glob("*/*/sample.json") if not p.parent.name.startswith("."))


def readable(store: Path) -> dict[str, Sample]:
    """Every sample that a reader may see; fails on one that is there and corrupt."""
    (folder,) = {path.parents[1] for path in stored(store)}
    opened = SampleStore.__new__(SampleStore)
    opened.folder = folder
    return {path.parent.name: opened.read(path.parent.name) for path in stored(store)}


def test_killed_and_resumed_equals_uninterrupted(
    tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    program = f"from merkit.cli import main; main({command(tiny_database, store)!r})"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(stored(store)) < 3 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    before = readable(store)
    assert 3 <= len(before) < 12, "it was not killed half-way"

    from merkit.cli import main

    assert main(command(tiny_database, store)) == 0
    after, expected = readable(store), readable(tiny_store)
    assert after.keys() == expected.keys()
    assert len(after) == 12
    assert all(same(after[key], expected[key]) for key in expected)
    assert all(same(before[key], after[key]) for key in before)


def test_a_half_written_sample_is_invisible_and_made_again(
    clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    """What a kill between two writes would leave: a folder without its last file."""
    prepared = prepare(clips[:1], RECIPE, tmp_path, 1)
    (key,) = prepared.keys.values()
    (prepared.store.folder / key / "sample.json").unlink()
    assert key not in prepared.store
    with pytest.raises(StoreError):
        prepared.store.read(key)
    again = prepare(clips[:1], RECIPE, tmp_path, 1)
    assert again.made == 1
    assert again.read(clips[0].clip_id).arrays["rgb"].shape == (3, 3, 32, 32)
