"""Recordings are spotted once, side by side, and those that cannot be read are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from merkit.datasets import load_recordings
from merkit.face.tracker import TrackConfig
from merkit.runs import spots
from merkit.runs.spots import EVENT_COLUMNS, STRETCH_COLUMNS, SpotStore, spot_recordings, spots_of
from merkit.spotting import SpotConfig, SpottedVideo, spot_video
from merkit.types import Event, Recording, RegionMotion, Stretch, VideoInfo
from merkit.video import iter_frames


@pytest.fixture
def recording(tiny_database: Path) -> Recording:
    return load_recordings("synthetic", tiny_database)[0]


@pytest.fixture
def store(tmp_path: Path) -> SpotStore:
    return SpotStore(tmp_path / "store", SpotConfig(), TrackConfig())


def seen(path: Path) -> Any:
    """As much of a tracked video as is kept."""
    return SimpleNamespace(info=VideoInfo(path, 64, 64, 25.0, 10, 0.4))


@pytest.mark.thorough
def test_a_recording_is_spotted_once(
    recording: Recording, store: SpotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, float, float]] = []
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(recording.media.read_bytes()[:2000])
    broken = replace(recording, recording_id="broken", media=cut)
    absent = replace(recording, recording_id="absent", media=tmp_path / "absent.mp4")
    every = [recording, broken, absent]
    found, refused = spot_recordings(every, store, 1, lambda *now: told.append(now))
    assert list(found) == [recording.recording_id]
    assert set(refused) == {"broken", "absent"}
    assert "cut.mp4" in refused["broken"]
    assert told[-1] == ("spotting recordings", 3, 3)

    video = spot_video(recording.media)
    one = found[recording.recording_id]
    assert len(video.events) > 0
    assert list(one.events.onset_frame) == [e.onset_frame for e in video.events]
    assert list(one.events.apex_frame) == [e.apex_frame for e in video.events]
    assert list(one.events.offset_frame) == [e.offset_frame for e in video.events]
    assert list(one.events.kind) == [e.kind for e in video.events]
    assert one.facts.duration_s == video.duration_s
    assert (one.facts.first_frame, one.facts.last_frame) == (0, 179)  # 6 s at 30 a second

    def never(*args: object) -> None:
        raise AssertionError("spotted again")

    monkeypatch.setattr(spots, "spot_video", never)
    again, _ = spot_recordings([recording], store, 1)
    pd.testing.assert_frame_equal(again[recording.recording_id].events, one.events)
    with pytest.raises(AssertionError, match="spotted again"):  # another rate, another recording
        spot_recordings([recording, replace(recording, fps_hz=60.0)], store, 1)
    with pytest.raises(AssertionError, match="spotted again"):
        spot_recordings([recording], replace(store, spot=SpotConfig(floor_share=0.5)), 1)


def test_a_damaged_one_is_spotted_again(
    recording: Recording, store: SpotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = SpottedVideo(seen(recording.media), 0.4, (), ())
    calls: list[Path] = []

    def spot(media: Path, *args: object) -> SpottedVideo:
        calls.append(media)
        return video

    monkeypatch.setattr(spots, "spot_video", spot)
    spot_recordings([recording], store, 1)
    (table,) = store.folder.glob("*/events.parquet")
    table.write_bytes(table.read_bytes()[:-4])
    spot_recordings([recording], store, 1)
    spot_recordings([recording], store, 1)
    assert len(calls) == 2


def test_another_tracker_file_is_another_store(store: SpotStore, tmp_path: Path) -> None:
    """By what is in it, and not by its name alone."""
    model = tmp_path / "face.task"
    model.write_bytes(b"one")
    own = replace(store, track=TrackConfig(model_path=str(model)))
    before = own.folder
    assert before == own.folder != store.folder
    model.write_bytes(b"another")
    assert own.folder != before


def test_everything_of_an_event_and_a_stretch_is_a_cell(
    recording: Recording, store: SpotStore
) -> None:
    moved = RegionMotion("mouth corner", "left", 1.25, -0.5)
    event = Event(
        "other", 0.1, 0.2, 0.3, 3, 6, 9, 1.5, 0.02, 0.7, (moved,), 0.5, ("dim", "small"), 0.75
    )
    stretch = Stretch("speech", 0.5, 0.9, 15, 27, "lower face", "talks")
    video = SpottedVideo(seen(recording.media), 6.0, (event,), (stretch,), "")
    store.write(spots_of(video, recording, "one"))
    read = store.read("one")
    assert list(read.events) == list(EVENT_COLUMNS)
    row = read.events.iloc[0]
    assert (row.kind, row.regions, row.reasons) == (
        "other",
        "left mouth corner +1.25 -0.50",
        "dim; small",
    )
    assert (row.onset_frame, row.offset_s, row.threshold_px, row.quality) == (3, 0.3, 0.7, 0.5)
    assert list(read.stretches) == list(STRETCH_COLUMNS)
    told = ["speech", 0.5, 0.9, 15, 27, "lower face", "talks"]
    assert read.stretches.iloc[0].tolist() == told
    assert read.facts.fps_hz == 25.0


def test_frames_of_a_folder_are_the_numbers_of_its_images(
    long_database: Path, tmp_path: Path
) -> None:
    """As in the sheets of the databases; not places counted from the recording's own start."""
    recording = load_recordings("synthetic", long_database)[0]
    folder = tmp_path / "rec_1"
    folder.mkdir()
    for frame in iter_frames(recording.media):
        picture = np.ascontiguousarray(frame.rgb[:, :, ::-1])
        assert cv2.imwrite(str(folder / f"rec_1_{frame.number + 1001:05d}.png"), picture)
    file, images = spot_video(recording.media), spot_video(folder, fps_hz=recording.fps_hz)
    assert len(file.events) > 0
    shifted = [(e.onset_frame + 1001, e.apex_frame + 1001, e.offset_frame + 1001, e.kind)
               for e in file.events]  # fmt: skip
    found = spots_of(images, replace(recording, media=folder), "key")
    rows = found.events[["onset_frame", "apex_frame", "offset_frame", "kind"]]
    assert [tuple(row) for row in rows.to_numpy().tolist()] == shifted
    assert (found.facts.first_frame, found.facts.last_frame) == (1001, 1090)
    assert found.facts.duration_s == pytest.approx(file.duration_s)
