from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import CASME2_HEADER, CASME2_ROWS, write_casme2, write_xlsx

from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.casme2 import SUBJECTS
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import class_counts
from merkit.datasets.layout import frame_numbers
from merkit.errors import ConfigError, DatasetError, MissingDataError
from merkit.types import ActionUnit


def test_rows_become_clips(tmp_path: Path) -> None:
    clips = load_dataset("casme2", write_casme2(tmp_path))
    assert [c.clip_id for c in clips] == sorted(f"casme2/sub{r[0]}/{r[1]}" for r in CASME2_ROWS)
    by_name = {c.clip_id.split("/")[-1]: c for c in clips}
    clip = by_name["EP99_01f"]
    assert (clip.subject, clip.emotion, clip.fps_hz) == ("sub01", "disgust", 200.0)
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (10, None, 20)
    assert (clip.first_frame, clip.last_frame) == (10, 20)
    assert clip.action_units == (ActionUnit(4), ActionUnit(10, "L"))
    assert clip.raw["ApexFrame"] == "/"
    assert clip.raw["unnamed_2"] == ""
    assert clip.raw["objective_class"] == "I"
    assert clip.raw["sheet"].startswith("CASME2-coding-20140508.xlsx sha256:")
    assert by_name["EP99f"].action_units is None  # the sheet says "?"
    assert [u.uncertain for u in by_name["EP99_1_2"].action_units or ()] == [True, True]
    assert by_name["EP99_02"].action_units == (ActionUnit(12),)  # the cell is a number


@pytest.mark.parametrize(
    ("variant", "tree"),
    [("raw", "CASME2_RAW_selected"), ("cropped", "Cropped"), ("full", "CASME2-RAW")],
)
def test_trees(tmp_path: Path, variant: str, tree: str) -> None:
    write_casme2(tmp_path)
    for clip in load_dataset("casme2", tmp_path, variant):
        assert clip.media.parent.parent == tmp_path / tree
        assert clip.media.is_dir()
        numbers = frame_numbers(clip.media)
        if variant != "full":
            assert (numbers[0], numbers[-1]) == (clip.first_frame, clip.last_frame)
        else:
            assert numbers[0] == 1


def test_the_tree_itself_can_be_the_root(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    sheet = tmp_path / "CASME2-coding-20140508.xlsx"
    sheet.rename(tmp_path / "CASME2_RAW_selected" / sheet.name)
    clips = load_dataset("casme2", tmp_path / "CASME2_RAW_selected")
    assert all(c.media.is_dir() for c in clips)


def test_sheet_of_2019_with_numbers_for_subjects(tmp_path: Path) -> None:
    clips = load_dataset("casme2", write_casme2(tmp_path, ints=True))
    assert {c.subject for c in clips} == {"sub01", "sub02", "sub04", "sub07"}
    assert all("20190701" in c.raw["sheet"] for c in clips)


def test_two_sheet_versions_are_not_chosen_between(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_casme2(tmp_path, ints=True)
    with pytest.raises(DatasetError, match=r"20140508\.xlsx.*20190701|20190701.*20140508"):
        load_dataset("casme2", tmp_path)


def test_interval_conflict_is_decided_by_the_folder(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    clips = {c.clip_id: c for c in load_dataset("casme2", tmp_path)}
    clip = clips["casme2/sub07/EP06_01"]
    assert (clip.onset_frame, clip.offset_frame) == (56, 116)
    assert clip.apex_frame is None  # 40 lies outside
    assert set(corrections_made(clip)) == {"onset_frame", "apex_frame", "offset_frame"}
    plain = {c.clip_id: c for c in load_dataset("casme2", tmp_path, corrections="none")}
    assert plain["casme2/sub07/EP06_01"].onset_frame == 15


def test_missing_apex_stays_missing_unless_asked_for(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    for level, apex in (("certain", None), ("all", 279)):
        clips = {c.clip_id: c for c in load_dataset("casme2", tmp_path, corrections=level)}
        assert clips["casme2/sub04/EP12_01f"].apex_frame == apex


def test_missing_folder_is_still_listed(tmp_path: Path) -> None:
    path = tmp_path / "CASME2-coding-20140508.xlsx"
    write_xlsx(path, {"Sheet1": [CASME2_HEADER, *CASME2_ROWS]})
    clips = load_dataset("casme2", tmp_path)
    assert len(clips) == len(CASME2_ROWS)
    assert clips[0].media == tmp_path / "CASME2_RAW_selected" / "sub01" / "EP99_01f"
    assert "objective_class" not in clips[0].raw


@pytest.mark.parametrize("name", ["../../secret", "EP\\01", "=cmd|' /C calc'!A0"])
def test_clip_names_that_are_paths(tmp_path: Path, name: str) -> None:
    row = ("01", name, None, 10, 12, 20, None, "4", "disgust")
    write_xlsx(tmp_path / "CASME2-coding-x.xlsx", {"Sheet1": [CASME2_HEADER, row]})
    with pytest.raises(DatasetError, match=r"cannot be the name|holds the formula"):
        load_dataset("casme2", tmp_path)


def test_bad_cells_name_the_row(tmp_path: Path) -> None:
    rows = [("01", "EP01_01", None, "ten", 12, 20, None, "4", "disgust")]
    write_xlsx(tmp_path / "CASME2-coding-x.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    with pytest.raises(DatasetError, match="row 2: column 'OnsetFrame' holds 'ten'"):
        load_dataset("casme2", tmp_path)


def test_a_clip_that_comes_twice(tmp_path: Path) -> None:
    rows = [CASME2_ROWS[0], CASME2_ROWS[1], CASME2_ROWS[0]]
    write_xlsx(tmp_path / "CASME2-coding-x.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    with pytest.raises(DatasetError, match=r"EP99_01f' \(sheet rows \['2', '4'\]\)"):
        load_dataset("casme2", tmp_path)


def test_wrong_root_and_variant(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no annotation file"):
        load_dataset("casme2", tmp_path)
    with pytest.raises(ConfigError, match="no variant 'HS'"):
        load_dataset("casme2", tmp_path, "HS")


def test_subjects() -> None:
    assert [SUBJECTS(t) for t in ("01", "1", "sub1", " Sub26 ")] == [
        *["sub01"] * 3,
        "sub26",
    ]
    with pytest.raises(DatasetError, match="subject 'x'"):
        SUBJECTS("x")


def test_published_counts_come_out_of_a_full_sheet(tmp_path: Path) -> None:
    """255 made-up rows with the published emotions and objective classes."""
    emotions = DATASETS["casme2"].expected["raw"].emotions
    labels = [e for e, n in emotions.items() for _ in range(n)]
    keys = [(f"{1 + i % 26:02d}", f"EP98_{i:03d}") for i in range(len(labels))]
    disgust = [i for i, e in enumerate(labels) if e == "disgust"][:2]
    keys[disgust[0]], keys[disgust[1]] = ("04", "EP12_01f"), ("05", "EP09_05f")
    rows = [(s, c, None, 10, 20, 30, None, "4", e) for (s, c), e in zip(keys, labels, strict=True)]
    write_xlsx(tmp_path / "CASME2-coding-x.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    classes = [k for k, n in enumerate((25, 15, 99, 26, 20, 1, 69), 1) for _ in range(n)]
    table = [(*key, k) for key, k in zip(keys, classes, strict=True)]
    columns = ("Subject", "Filename", "Objective Class")
    write_xlsx(tmp_path / "CASME2-ObjectiveClasses.xlsx", {"Sheet1": [columns, *table]})
    clips = load_dataset("casme2", tmp_path)
    assert len(clips) == 255
    assert len({c.subject_key for c in clips}) == 26
    for task in DATASETS["casme2"].label_maps:
        assert class_counts(task, clips) == task.counts, task.name
    assert class_counts(label_map("casme2", "3"), clips) == (88, 32, 25)
