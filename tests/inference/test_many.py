"""Several videos, one after another, and the table of what was found."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import merkit
from merkit import Recognizer
from merkit.errors import ConfigError, MissingDataError
from merkit.export import write_events
from merkit.face import TrackConfig
from merkit.inference.many import Analyses
from merkit.spotting import TrackedVideo
from merkit.spotting.tracked import Watch
from merkit.video import write_video


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("broken") / "broken.mp4"
    path.write_bytes(b"no video")
    return path


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grey") / "grey.mp4"
    write_video(path, [np.full((64, 64, 3), 90, np.uint8)] * 6, 30.0)
    return path


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float, float]]:
    return []


@pytest.fixture(scope="module")
def found(
    tiny_model: Path,
    tiny_images: Path,
    broken: Path,
    grey: Path,
    told: list[tuple[str, float, float]],
) -> Analyses:
    recognizer = Recognizer.from_pretrained(tiny_model, device="cpu")
    return recognizer.many(
        [broken, str(tiny_images), grey.parent, grey], 30.0, lambda *at: told.append(at)
    )


def test_one_that_cannot_be_read_costs_only_itself(
    found: Analyses, tiny_images: Path, broken: Path, grey: Path
) -> None:
    assert [analysis.video for analysis in found] == [broken, tiny_images, grey]
    assert [analysis.readable for analysis in found] == [False, True, True]
    assert set(found.problems) == {broken, grey}
    assert "broken.mp4" in found.problems[broken]
    assert "no face" in found.problems[grey]
    assert found[1].events


def test_progress_tells_frames_and_videos(
    found: Analyses, told: list[tuple[str, float, float]], tiny_images: Path
) -> None:
    assert len(found) == 3
    assert [at for at in told if at[0] == "videos"] == [("videos", n, 3) for n in (1, 2, 3)]
    assert f"reading {tiny_images.name}" in {at[0] for at in told}


def test_nothing_is_kept_of_a_video_but_what_was_found(grey: Path) -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(thing) in (Watch, TrackedVideo) for thing in gc.get_objects())

    def progress(stage: str, done: float, total: float) -> None:
        if stage == "videos" or done == 1:
            counts.append(alive())

    before, counts = alive(), list[int]()
    found = merkit.analyse_many([grey], None, progress=progress)
    assert counts == [before + 1, before]
    assert len(found) == 1


def test_the_table_is_what_pandas_reads_of_the_file(found: Analyses, tmp_path: Path) -> None:
    write_events(list(found), found.classes, tmp_path / "e.csv")
    read = pd.read_csv(tmp_path / "e.csv")
    made = found.to_frame(all_rows=True)
    assert list(made) == list(read)
    numbers = made.select_dtypes("number").columns
    pd.testing.assert_frame_equal(made[numbers], read[numbers], check_dtype=False)
    assert (made["kind"] == read["kind"]).all()


def test_a_row_is_an_event_and_a_column_a_probability(found: Analyses) -> None:
    table = found.to_frame()
    assert len(table) == sum(len(analysis.events) for analysis in found) > 0
    assert {f"p_{name}" for name in found.classes} <= {*table}
    micro = table[table["kind"] == "micro"]
    sums = micro[[f"p_{name}" for name in found.classes]].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=2e-4)
    one = found[1].to_frame()
    assert list(one) == list(table)
    assert one["onset_s"].tolist() == pytest.approx([e.onset_s for e in found[1].events], abs=1e-3)
    assert found[0].to_frame().empty


def test_a_folder_is_its_videos_and_a_slip_is_told_at_once(grey: Path, tmp_path: Path) -> None:
    assert [a.video for a in merkit.analyse_many(grey.parent, None)] == [grey]
    with pytest.raises(MissingDataError, match="gone"):
        merkit.analyse_many([grey, tmp_path / "gone.mp4"], None)
    with pytest.raises(ConfigError, match="no file fits"):
        merkit.analyse_many(str(tmp_path / "*.mp4"), None)
    with pytest.raises(ConfigError, match="no video was named"):
        merkit.analyse_many([], None)


def test_settings_that_are_not_possible_stop_all(grey: Path) -> None:
    with pytest.raises(ConfigError, match="landmarks_path"):
        merkit.analyse_many([grey], None, track=TrackConfig("precomputed"))
