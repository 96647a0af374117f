from __future__ import annotations

import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from miniatures import (
    CASME3_HEADER,
    CASME3_ROWS,
    CASME3_SHEET,
    tiny_frame,
    write_casme3,
    write_images,
    write_xlsx,
)

from merkit.datasets import DATASETS, load_dataset
from merkit.datasets.audit import check_database
from merkit.datasets.casme3 import SUBJECTS, picture_kind
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import TaskMap, class_counts
from merkit.datasets.layout import frame_numbers
from merkit.errors import DatasetError
from merkit.types import ActionUnit, Clip


def load(root: Path, variant: str = "color", corrections: str = "certain") -> dict[str, Clip]:
    clips = load_dataset("casme3", root, variant, corrections)
    return {c.clip_id.removeprefix("casme3/"): c for c in clips}


def in_order(clip: Clip) -> bool:
    numbers = [clip.onset_frame, clip.apex_frame, clip.offset_frame]
    known = [n for n in numbers if n is not None]
    return known == sorted(known)


def test_rows_become_clips(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path))
    assert len(clips) == len(CASME3_ROWS)
    clip = clips["spNO.1/a_5"]
    assert (clip.emotion, clip.fps_hz, clip.raw["emotion"]) == ("others", 30.0, "Others")
    assert clip.action_units == (ActionUnit(12, "R"), ActionUnit(28, "B"))
    assert clip.raw["objective_class"] == "VII"
    assert clips["spNO.14/J_3"].emotion == "happiness"
    assert clips["spNO.14/J_3"].media.parent.name == "J"  # case counts
    assert clips["spNO.149/d_112"].emotion == "sadness"


@pytest.mark.parametrize("layout", ["owner", "clips", "flat"])
def test_layouts(tmp_path: Path, layout: str) -> None:
    clips = load(write_casme3(tmp_path, layout=layout), corrections="none")
    for clip in clips.values():
        assert clip.media.is_dir()
        assert max(clip.onset_frame or 0, 1) in frame_numbers(clip.media)
    first, second = clips["spNO.1/a_5"].media, clips["spNO.1/a_20"].media
    assert (first == second) == (layout == "owner")  # one recording with two clips
    if layout == "clips":
        assert (first.parent.name, second.parent.name) == ("a", "a2")


def test_depth_with_and_without_its_level(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path), "depth")
    assert clips["spNO.14/J_3"].media.name == "depth"
    assert clips["spNO.1/a_5"].media.name == "a"
    assert frame_numbers(clips["spNO.1/a_5"].media)[0] == 5


def pictures(root: Path, *kinds: str) -> Path:
    """The clips as they also circulate: one tree a kind, one folder a clip."""
    write_xlsx(root / CASME3_SHEET, {"label": [CASME3_HEADER, *CASME3_ROWS]})
    for kind in kinds:
        for subject, letter, onset, *_ in CASME3_ROWS:
            numbers = range(max(int(onset), 1), int(onset) + 5)
            place = root / "Part_A_ME_clip" / kind / f"{subject}_{letter}_{onset}"
            pattern = "{}.png" if kind == "depth" else "{}.jpg"
            write_images(place, numbers, pattern, tiny_frame, grey=kind == "depth")
    return root


@pytest.mark.parametrize("variant", ["color", "depth"])
def test_cut_clips_in_one_tree_a_kind(tmp_path: Path, variant: str) -> None:
    """ "depth" comes before "frame" in the alphabet."""
    clips = load(pictures(tmp_path, "depth", "frame", "video"), variant)
    name = {"color": "frame", "depth": "depth"}[variant]
    assert {clip.media.parent.name for clip in clips.values()} == {name}
    assert all(clip.media.is_dir() for clip in clips.values())
    (note,) = [
        f for f in check_database("casme3", tmp_path, variant).findings if f.what == "modality"
    ]
    assert note.level == "note"
    assert note.detail.endswith(f": {variant}")


@pytest.mark.parametrize(("there", "variant"), [("frame", "depth"), ("depth", "color")])
def test_one_kind_never_stands_for_the_other(tmp_path: Path, there: str, variant: str) -> None:
    clips = load(pictures(tmp_path, there), variant)
    assert not any(clip.media.exists() for clip in clips.values())
    assert check_database("casme3", tmp_path, variant).broken


@pytest.mark.parametrize("layout", ["owner", "clips", "flat"])
def test_depth_never_reads_colour(tmp_path: Path, layout: str) -> None:
    write_casme3(tmp_path, layout=layout)
    for clip in load(tmp_path, "depth").values():
        files = (
            [p.suffix for p in clip.media.iterdir() if p.is_file()] if clip.media.is_dir() else []
        )
        assert set(files) <= {".png"}
    for clip in load(tmp_path, "color").values():
        assert {p.suffix for p in clip.media.iterdir() if p.is_file()} == {".jpg"}


def test_a_folder_without_a_kind_is_told_by_its_pictures(tmp_path: Path) -> None:
    """spNO.1/a holds depth pictures itself; its colour folder is lost."""
    write_casme3(tmp_path)
    shutil.rmtree(tmp_path / "part_A/data/part_A/spNO.1/a/color")
    assert load(tmp_path, "depth")["spNO.1/a_5"].media.is_dir()
    assert not load(tmp_path, "color")["spNO.1/a_5"].media.exists()


def test_pictures_of_another_kind_are_broken(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    for folder in (tmp_path / "part_A/data/part_A").glob("*/*/color"):
        shutil.rmtree(folder)
        write_images(folder, range(1, 30), "{}.png", tiny_frame, grey=True)
    (found,) = [f for f in check_database("casme3", tmp_path).findings if f.what == "modality"]
    assert found.level == "broken"
    assert "1 x 8 bits: depth, not color" in found.detail


def test_picture_kinds(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cv2.imwrite(str(tmp_path / "d16.png"), grey.astype(np.uint16) * 200)
    cv2.imwrite(str(tmp_path / "d8.png"), grey)
    cv2.imwrite(str(tmp_path / "d3.png"), np.dstack([grey] * 3))
    cv2.imwrite(str(tmp_path / "c.png"), np.dstack([grey, grey + 1, grey + 2]))
    cv2.imwrite(str(tmp_path / "grey.jpg"), grey)
    kinds = {p.name: picture_kind(p)[0] for p in tmp_path.iterdir()}
    depth = {name for name, kind in kinds.items() if kind == "depth"}
    assert depth == {"d16.png", "d8.png", "d3.png"}
    assert picture_kind(tmp_path / "d16.png")[1] == "8x8, 1 x 16 bits"


def test_an_edited_onset_keeps_the_clip_its_id(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    rows = [[("2647" if cell == "3647" else cell) for cell in row] for row in CASME3_ROWS]
    write_xlsx(tmp_path / "part_A" / CASME3_SHEET, {"label": [CASME3_HEADER, *rows]})
    clips = load(tmp_path)
    assert clips["spNO.216/d_3647"].onset_frame == 2647
    task = next(t for t in DATASETS["casme3"].label_maps if t.name == "casme3-7-merclip")
    assert isinstance(task, TaskMap)
    assert task.leaves_out(clips["spNO.216/d_3647"].clip_id)


@pytest.mark.parametrize("name", ["casme3_table.xlsx", "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"])
def test_names_and_headers_in_circulation(tmp_path: Path, name: str) -> None:
    header = [
        {
            "Onset": "Onset Frame",
            "Apex": "Apex Frame",
            "Offset": "OffsetFrame",
            "emotion": "Emotion",
        }.get(cell, cell)
        for cell in CASME3_HEADER
    ]
    write_xlsx(tmp_path / name, {"label": [header, *CASME3_ROWS]})
    assert len(load(tmp_path)) == len(CASME3_ROWS)


def test_subject_folder_without_its_point(tmp_path: Path) -> None:
    assert "spNO210" in load(write_casme3(tmp_path))["spNO.210/b_4"].media.parts


def test_four_order_violations_before_and_none_after(tmp_path: Path) -> None:
    rows = (*CASME3_ROWS, ("spNO.40", "e", "2327", "2330", "0", "1", "II", "fear"))
    write_xlsx(tmp_path / CASME3_SHEET, {"label": [CASME3_HEADER, *rows]})
    before, after = load(tmp_path, corrections="none"), load(tmp_path)
    assert sum(not in_order(c) for c in before.values()) == 4
    assert sum(not in_order(c) for c in after.values()) == 0
    assert set(before) == set(after)  # ids keep the onset of the sheet
    assert after["spNO.149/d_112"].apex_frame is None
    assert after["spNO.216/d_3647"].onset_frame == after["spNO.216/d_3647"].first_frame == 2647
    assert after["spNO.40/e_1812"].offset_frame == after["spNO.40/e_1812"].last_frame == 1845
    assert after["spNO.40/e_2327"].offset_frame == 2403
    assert (after["spNO.216/e_0"].onset_frame, after["spNO.216/e_0"].apex_frame) == (1, 1)
    assert sum(bool(corrections_made(c)) for c in after.values()) == 5


def test_apex_equal_to_onset_is_marked_unusable(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path))
    assert "equals the onset" in clips["spNO.1/a_5"].raw["doubtful:apex_frame"]
    assert "doubtful:apex_frame" not in clips["spNO.1/a_20"].raw


def test_subjects() -> None:
    names = ("spNO.1", "spNO1", "spNO.001", " spno.1 ")
    assert {SUBJECTS(n) for n in names} == {"spNO.1"}
    with pytest.raises(DatasetError, match="subject 's1'"):
        SUBJECTS("s1")


def test_published_counts_come_out_of_a_full_sheet_in_good_time(tmp_path: Path) -> None:
    spelling = {"happiness": "happy", "sadness": "sad"}
    emotions = DATASETS["casme3"].expected["color"].emotions
    labels = [spelling.get(e, e) for e, n in emotions.items() for _ in range(n)]
    labels[labels.index("others")] = "Others"
    classes = "I " * 15 + "II " * 151 + "III " * 234 + "IV " * 37 + "V " * 47 + "VI " * 3
    classes += "VII " * 373
    rows = [
        (f"spNO.{1 + i % 94}", "abc"[i % 3], str(i), str(i + 5), str(i + 9), "4", k, emotion)
        for i, (emotion, k) in enumerate(zip(labels, classes.split(), strict=True))
    ]
    write_xlsx(tmp_path / CASME3_SHEET, {"label": [CASME3_HEADER, *rows], "Sheet2": []})
    start = time.perf_counter()
    clips = load_dataset("casme3", tmp_path)
    assert time.perf_counter() - start < 5.0
    assert (len(clips), len({c.subject for c in clips})) == (860, 94)
    for task in DATASETS["casme3"].label_maps:
        assert isinstance(task, TaskMap)
        if task.counts and not task.excluded:
            assert class_counts(task, clips) == task.counts, task.name
