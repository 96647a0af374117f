"""Landmarks that another program found serve a whole database: a folder, one file a clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merkit.datasets import load_dataset
from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.face import TrackConfig, track
from merkit.face.precomputed import landmark_file
from merkit.samples.prepare import prepare
from merkit.samples.recipes import Recipe, RegionFlowRecipe, RgbRecipe
from merkit.types import Clip
from merkit.video import iter_frames


@pytest.fixture(scope="module")
def clips(tiny_database: Path) -> tuple[Clip, ...]:
    return load_dataset("synthetic", tiny_database)[:3]


@pytest.fixture
def folder(clips: tuple[Clip, ...], tmp_path: Path) -> Path:
    """What dlib finds in every frame of each clip."""
    made = tmp_path / "landmarks"
    made.mkdir()
    for clip in clips:
        np.save(made / f"{clip.clip_id}.npy", found(clip))
    return made


def found(clip: Clip) -> np.ndarray:
    return track(iter_frames(clip.media), TrackConfig(detect_every=1)).landmarks_px


def given(folder: Path, **more: Any) -> TrackConfig:
    return TrackConfig("precomputed", landmarks_path=str(folder), **more)


def test_they_make_the_samples_that_the_tracker_makes(
    clips: tuple[Clip, ...], folder: Path, tmp_path: Path
) -> None:
    recipes: list[Recipe] = [
        RegionFlowRecipe(frames=0),
        RgbRecipe(frames=8),
        RgbRecipe(frames=30),  # more than there are: some are read twice
    ]
    for recipe in recipes:
        dlib = replace(recipe, track=TrackConfig(detect_every=1))
        ours = replace(recipe, track=given(folder))
        one = prepare(clips, dlib, tmp_path / "a", workers=1)
        other = prepare(clips, ours, tmp_path / "b", workers=1)
        assert not other.refused
        for clip in clips:
            wanted, made = one.read(clip.clip_id).arrays, other.read(clip.clip_id).arrays
            difference = made[recipe.makes].astype(float) - wanted[recipe.makes]
            assert np.abs(difference).mean() < 1  # grey levels; followed one frame apart


def test_samples_follow_the_content_of_the_file_and_not_its_place(
    clips: tuple[Clip, ...], folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    recipe = RegionFlowRecipe(track=given(folder))
    assert prepare(clips, recipe, store, workers=1).made == 3
    moved = folder.rename(tmp_path / "moved")
    recipe = replace(recipe, track=given(moved))
    assert prepare(clips, recipe, store, workers=1).made == 0
    path = moved / f"{clips[0].clip_id}.npy"
    np.save(path, np.load(path) + 2)
    assert prepare(clips, recipe, store, workers=1).made == 1


def test_rows_of_the_whole_recording_serve_a_part(clips: tuple[Clip, ...], folder: Path) -> None:
    whole = clips[0]
    first = whole.first_frame or 1
    part = replace(whole, first_frame=first + 2, last_frame=first + 6)
    recipe = RegionFlowRecipe(frames=0, track=given(folder))
    from_media = recipe.sample(part).arrays["flow"]
    rows = np.load(folder / f"{part.clip_id}.npy")
    np.save(folder / f"{part.clip_id}.npy", rows[2:7])  # the part's own
    np.testing.assert_array_equal(recipe.sample(part).arrays["flow"], from_media)
    np.save(folder / f"{part.clip_id}.npy", rows[1:8])
    with pytest.raises(FaceError, match="7 rows of landmarks"):
        recipe.sample(part)
    by_number = replace(recipe, track=given(folder, landmarks_first=first + 1))
    np.testing.assert_array_equal(by_number.sample(part).arrays["flow"], from_media)


def test_names_of_files(tmp_path: Path) -> None:
    clip = Clip("casme2/sub01/EP02_01f", "casme2", "sub01", tmp_path, 200.0, "other")
    for name in ("casme2/sub01/EP02_01f.csv", "sub01/EP02_01f.npy", "sub01_EP02_01f.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert landmark_file(tmp_path, clip) == path
        path.unlink()
    (tmp_path / "EP02_01f.csv").touch()  # another person may have a clip of this name
    with pytest.raises(MissingDataError, match="0 files"):
        landmark_file(tmp_path, clip)
    (tmp_path / "sub01_EP02_01f.csv").touch()
    (tmp_path / "sub01_EP02_01f.npy").touch()
    with pytest.raises(MissingDataError, match="2 files"):
        landmark_file(tmp_path, clip)
    with pytest.raises(ConfigError, match="is no folder"):
        landmark_file(tmp_path / "EP02_01f.csv", clip)


def test_a_clip_without_landmarks_is_refused_by_name(
    clips: tuple[Clip, ...], folder: Path, tmp_path: Path
) -> None:
    (folder / f"{clips[1].clip_id}.npy").unlink()
    done = prepare(clips, RegionFlowRecipe(track=given(folder)), tmp_path / "s", workers=1)
    assert list(done.refused) == [clips[1].clip_id]
    assert f"{clips[1].clip_id}.csv" in done.refused[clips[1].clip_id]
