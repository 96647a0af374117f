from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from miniatures import write_xlsx
from miniatures_more import DFME_HEADER, write_dfme, write_dfme_full

from merkit.datasets import DATASETS, load_dataset
from merkit.datasets.layout import frame_numbers
from merkit.errors import DatasetError, MissingDataError
from merkit.types import ActionUnit


def test_challenge_rows_become_clips(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("dfme", write_dfme(tmp_path))}
    assert len(clips) == 5
    clip = clips["dfme/sub0003/sub0003_01"]
    assert (clip.subject, clip.emotion, clip.fps_hz) == ("sub0003", "surprise", 500.0)
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (0, 4, 9)
    assert frame_numbers(clip.media) == list(range(10))
    assert clip.action_units == (ActionUnit(1), ActionUnit(2), ActionUnit(38))
    assert clips["dfme/sub0003/sub0003_02"].action_units == (ActionUnit(12),)
    assert not [key for c in clips.values() for key in c.raw if key.startswith("doubtful")]
    assert {c.fps_hz for c in clips.values()} == {200.0, 300.0, 500.0}


def test_splits_are_kept_and_can_be_read_alone(tmp_path: Path) -> None:
    write_dfme(tmp_path)
    splits = {c.clip_id: c.raw["split"] for c in load_dataset("dfme", tmp_path)}
    assert sorted(splits.values()) == ["testA", "testB", "train", "train", "train"]
    for split in ("train", "testA", "testB"):
        alone = load_dataset("dfme", tmp_path, split)
        assert {c.clip_id for c in alone} == {k for k, s in splits.items() if s == split}


def test_published_splits_sum_up() -> None:
    """The three sheets' counts, written apart, sum to those of all."""
    expected = DATASETS["dfme"].expected
    parts = [expected[name] for name in ("train", "testA", "testB")]
    assert sum(part.clips or 0 for part in parts) == expected["ccac2024"].clips
    assert sum(part.subjects or 0 for part in parts) == expected["ccac2024"].subjects
    for emotion, count in expected["ccac2024"].emotions.items():
        assert sum(part.emotions[emotion] for part in parts) == count
    assert sum(expected["ccac2024"].emotions.values()) == 2629


def test_a_number_that_is_not_the_emotions(tmp_path: Path) -> None:
    row = ("sub0003", "sub0003_01", 0, 4, 9, "surprise", 5, 500, "1")
    write_xlsx(tmp_path / "training_full_with_AU.xlsx", {"Sheet1": [DFME_HEADER, row]})
    (clip,) = load_dataset("dfme", tmp_path, "train")
    assert clip.raw["doubtful:emotion"] == "'surprise' has the number 5"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("sub0003", "sub0004_01", 0, 4, 9, "surprise", 6, 500, "1"), "row 2: clip 'sub0004_01'"),
        (("sub0003", "sub0003_01", 0, 4, 9, "surprise", 6, "fast", "1"), "'Fps' holds 'fast'"),
        (("sub0003", "sub0003_01", "x", 4, 9, "surprise", 6, 500, "1"), "'OnsetFrame' holds 'x'"),
        (("sub0003", "sub0003_/..", 0, 4, 9, "surprise", 6, 500, "1"), "cannot be the name"),
    ],
)
def test_bad_rows(tmp_path: Path, row: tuple[object, ...], message: str) -> None:
    write_xlsx(tmp_path / "training_full_with_AU.xlsx", {"Sheet1": [DFME_HEADER, row]})
    with pytest.raises(DatasetError, match=message):
        load_dataset("dfme", tmp_path)


def test_nothing_there_points_to_the_other_release(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="variant full"):
        load_dataset("dfme", tmp_path)
    with pytest.raises(MissingDataError, match="USTC_MEv4_partA"):
        load_dataset("dfme", tmp_path, "full")


def test_full_release_with_its_sheet(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("dfme", write_dfme_full(tmp_path), "full")}
    assert len(clips) == 3
    clip = clips["dfme/sub0016/sub0016-01a-02-fear-01-surprise"]
    assert (clip.emotion, clip.fps_hz, clip.apex_frame) == ("surprise", 300.0, 3)
    assert clip.media.parent.name == "surprise"
    assert clip.media.parents[1].name == "micro"
    assert clip.action_units == (ActionUnit(4), ActionUnit(7))
    cropped = load_dataset("dfme", tmp_path, "full-cropped")
    assert {c.media.parents[1].name for c in cropped} == {"micro_static_aligned_croped"}


def test_full_release_whose_sheet_is_not_clear_is_refused(tmp_path: Path) -> None:
    """A table with other columns is passed over; the sheet itself may not be."""
    path = write_dfme_full(tmp_path) / "DFME_full.xlsx"
    (tmp_path / "people.csv").write_text("Subject,age\nsub0003,20\n")
    book = openpyxl.load_workbook(path)
    book.copy_worksheet(book["Sheet1"]).title = "Mine"
    book.save(path)
    with pytest.raises(DatasetError, match="2 sheets have the columns and data"):
        load_dataset("dfme", tmp_path, "full")
    del book["Mine"]
    book.save(path)
    assert load_dataset("dfme", tmp_path, "full")


def test_full_release_without_a_sheet_needs_a_rate_from_the_folder(tmp_path: Path) -> None:
    write_dfme_full(tmp_path, sheet=False)
    with pytest.raises(DatasetError, match="frame rate of sub0003-03a-01-anger-01-anger"):
        load_dataset("dfme", tmp_path, "full")
    for part in tmp_path.glob("*part[AB]*"):
        part.rename(tmp_path / f".{part.name}")
    (clip,) = load_dataset("dfme", tmp_path, "full")
    assert (clip.fps_hz, clip.onset_frame, clip.offset_frame, clip.apex_frame) == (200, 1, 7, None)


def test_full_release_rows_without_a_folder_and_moved_folders(tmp_path: Path) -> None:
    write_dfme_full(tmp_path)
    part = tmp_path / "USTC_MEv4_partA_sub0001_sub0015" / "micro"
    (part / "anger").rename(part / "fear")
    lost = tmp_path / "USTC_MEv4_partB_sub0016_sub0110"
    lost.rename(tmp_path / ".elsewhere")
    clips = {c.subject: c for c in load_dataset("dfme", tmp_path, "full")}
    assert clips["sub0003"].emotion == "anger"  # the name's last field is the label
    assert "the folder says 'fear'" in clips["sub0003"].raw["differs:emotion"]
    assert not clips["sub0016"].media.exists()
