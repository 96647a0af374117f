from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import MEVIEW_ROWS, write_meview

from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import class_counts
from merkit.datasets.meview import SUBJECTS
from merkit.errors import DatasetError
from merkit.types import ActionUnit, Clip


@pytest.fixture
def clips(tmp_path: Path) -> dict[str, Clip]:
    return {c.clip_id.split("/")[-1]: c for c in load_dataset("meview", write_meview(tmp_path))}


def test_rows_become_clips(clips: dict[str, Clip], tmp_path: Path) -> None:
    assert len(clips) == len(MEVIEW_ROWS)
    clip = clips["sub01-9"]
    assert (clip.clip_id, clip.subject) == ("meview/sub01/sub01-9", "sub01")
    assert clip.media == tmp_path / "videos" / "sub01-9.avi"
    assert clip.media.is_file()
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (5, None, 15)
    assert (clip.first_frame, clip.last_frame) == (5, 15)


def test_codes_that_became_numbers_or_dates(clips: dict[str, Clip]) -> None:
    assert clips["sub01-9"].action_units == (ActionUnit(1), ActionUnit(2))
    assert clips["sub01-8"].action_units == (ActionUnit(12),)
    assert clips["sub05-1"].action_units is None
    assert clips["sub05-1"].raw["Action Units"] == "date:2015-02-01"
    assert "date 2015-02-01" in clips["sub05-1"].raw["doubtful:action_units"]


def test_emotions(clips: dict[str, Clip]) -> None:
    found = {name: clip.emotion for name, clip in clips.items()}
    assert found["sub01-9"] == "contempt"
    assert found["sub02-1"] == "fear"
    assert found["sub02-2"] == "disgust"
    assert found["sub07-1"] == ""
    assert "fear?" in clips["sub02-1"].raw["doubtful:emotion"]
    assert "contempt/disgust" in clips["sub02-2"].raw["doubtful:emotion"]
    assert class_counts(label_map("meview", "3"), clips.values()) == (3, 1, 1)


def test_rows_that_are_no_micro_expression(clips: dict[str, Clip]) -> None:
    marked = {name for name, clip in clips.items() if "doubtful:micro" in clip.raw}
    assert marked == {"sub02-2", "sub05-1", "sub07-1"}
    assert class_counts(label_map("meview", "meview-3-micro"), clips.values()) == (2, 1, 0)


def test_wrong_length_is_corrected(clips: dict[str, Clip]) -> None:
    assert clips["sub02-1"].raw["Length"] == "8"
    assert "raw:Length" in corrections_made(clips["sub02-1"])


def test_frame_folders_and_missing_videos(tmp_path: Path) -> None:
    write_meview(tmp_path)
    (tmp_path / "videos" / "sub01-9.avi").unlink()
    (tmp_path / "videos" / "sub01-8.avi").unlink()
    (tmp_path / "frames" / "sub01-9").mkdir(parents=True)
    media = {c.clip_id.split("/")[-1]: c.media for c in load_dataset("meview", tmp_path)}
    assert media["sub01-9"] == tmp_path / "frames" / "sub01-9"
    assert media["sub01-8"] == tmp_path / "sub01-8.mp4"


def test_published_counts_agree() -> None:
    expected = DATASETS["meview"].expected["default"]
    assert sum(expected.emotions.values()) == 27
    assert expected.clips == 40


def test_subjects() -> None:
    assert SUBJECTS("1") == SUBJECTS("sub01") == "sub01"
    with pytest.raises(DatasetError, match="MEVIEW subject '\\?'"):
        SUBJECTS("?")
