from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import SAMM_HEADER, SAMM_PREAMBLE, SAMM_ROWS, write_samm, write_xlsx

from merkit.datasets import DATASETS, load_dataset
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import class_counts
from merkit.datasets.layout import frame_numbers
from merkit.datasets.samm import SUBJECTS
from merkit.errors import DatasetError
from merkit.types import ActionUnit

SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"


@pytest.mark.parametrize("preamble", [True, False])
def test_rows_become_clips(tmp_path: Path, preamble: bool) -> None:
    clips = {c.clip_id: c for c in load_dataset("samm", write_samm(tmp_path, preamble=preamble))}
    assert len(clips) == len(SAMM_ROWS)
    clip = clips["samm/006/006_9_9"]
    assert (clip.subject, clip.emotion, clip.fps_hz) == ("006", "others", 200.0)
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (1000, 1030, 1040)
    assert clip.action_units == (ActionUnit(4, "", "A"), ActionUnit(7, "", "B", True))
    assert clip.raw["objective_class"] == "VII"
    assert clip.raw["Estimated Emotion"] == "Other"
    assert clip.raw["sheet_row"] == ("15" if preamble else "2")
    assert clips["samm/006/006_9_8"].action_units == (ActionUnit(12, "A", "", True),)
    assert clips["samm/028/028_4_1"].action_units == (ActionUnit(12, "", "A"),)
    assert clips["samm/032/032_3_1"].action_units == ()  # "soft focus" names no unit


def test_padding_that_differs_between_clips(tmp_path: Path) -> None:
    for clip in load_dataset("samm", write_samm(tmp_path)):
        numbers = frame_numbers(clip.media)
        assert (numbers[0], numbers[-1]) == (clip.onset_frame, clip.offset_frame)


def test_impossible_apexes(tmp_path: Path) -> None:
    write_samm(tmp_path)
    clips = {c.clip_id: c for c in load_dataset("samm", tmp_path)}
    assert clips["samm/032/032_3_1"].apex_frame == 4930
    assert clips["samm/028/028_4_1"].apex_frame is None
    assert "lies after the offset" in corrections_made(clips["samm/028/028_4_1"])["apex_frame"]
    plain = {c.clip_id: c for c in load_dataset("samm", tmp_path, corrections="none")}
    assert plain["samm/032/032_3_1"].apex_frame == 1930


def test_named_alternatives_are_chosen_on_request(tmp_path: Path) -> None:
    write_samm(tmp_path)
    clips = {c.clip_id: c for c in load_dataset("samm", tmp_path, corrections="all")}
    units = clips["samm/007/007_6_1"].action_units
    assert units == (ActionUnit(12, "R"), ActionUnit(15, "R"))


def test_raw_tree_is_not_taken_for_the_cropped_one(tmp_path: Path) -> None:
    clips = load_dataset("samm", write_samm(tmp_path), "cropped")
    assert not any(c.media.exists() for c in clips)
    (tmp_path / "SAMM").rename(tmp_path / "SAMM_CROP")
    assert all(c.media.is_dir() for c in load_dataset("samm", tmp_path, "cropped"))


def test_macro_rows_and_the_merged_workbook_are_left_out(tmp_path: Path) -> None:
    macro = ("006", "006_9_7", 9, 1, 2, 3, 3, "Macro", "12", "Happiness", 1, None)
    sheets = {"ALL": [SAMM_HEADER, macro], "MICRO_ONLY": [*SAMM_PREAMBLE, SAMM_HEADER, *SAMM_ROWS]}
    write_xlsx(tmp_path / SHEET, sheets)
    write_xlsx(tmp_path / "COMBINED.xlsx", {"S": [SAMM_HEADER, ("027", *SAMM_ROWS[0][1:])]})
    assert len(load_dataset("samm", tmp_path)) == len(SAMM_ROWS)
    write_xlsx(tmp_path / SHEET, {"ALL": [SAMM_HEADER, macro, *SAMM_ROWS]})
    assert len(load_dataset("samm", tmp_path)) == len(SAMM_ROWS)


def test_subjects() -> None:
    assert SUBJECTS("6") == SUBJECTS(" 006 ") == "006"
    with pytest.raises(DatasetError, match="SAMM subject 's06'"):
        SUBJECTS("s06")


def test_published_counts_come_out_of_a_full_sheet(tmp_path: Path) -> None:
    emotions = DATASETS["samm"].expected["raw"].emotions
    labels = [e.capitalize() for e, n in emotions.items() for _ in range(n)]
    classes = [k for k, n in enumerate((24, 13, 20, 8, 3, 7, 84), 1) for _ in range(n)]
    rows = []
    for i, (emotion, k) in enumerate(zip(labels, classes, strict=True)):
        subject = f"{6 + i % 29:03d}"
        name = "Other" if emotion == "Others" else emotion
        clip = f"{subject}_9_{i}"
        rows.append((subject, clip, 9, 10, 20, 30, 21, "Micro - 1/2", "4A", name, k, ""))
    write_xlsx(tmp_path / SHEET, {"MICRO_ONLY": [*SAMM_PREAMBLE, SAMM_HEADER, *rows]})
    clips = load_dataset("samm", tmp_path)
    assert (len(clips), len({c.subject for c in clips})) == (159, 29)
    for task in DATASETS["samm"].label_maps:
        assert class_counts(task, clips) == task.counts, task.name
