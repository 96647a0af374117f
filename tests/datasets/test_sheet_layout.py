from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from merkit.datasets.layout import Tree
from merkit.datasets.sheet_layout import SheetLayout, Subjects, objective_class, rows_beside
from merkit.errors import DatasetError
from merkit.types import ActionUnit

LAB = SheetLayout(
    database="lab",
    files=("lab*.csv",),
    columns={
        "subject": "Person",
        "clip": "Take",
        "onset": "On",
        "apex": "Peak",
        "offset": "Off",
        "action_units": "AU",
        "emotion": "Feeling",
        "objective_class": "Class",
    },
    fps_hz=120.0,
)
HEADER = "Person,Take,On,Peak,Off,AU,Feeling,Class"


def write(root: Path, *rows: str, header: str = HEADER) -> Path:
    (root / "lab.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


def numbers(root: Path, layout: SheetLayout) -> Sequence[int | None]:
    (clip,) = layout.load(root, "")
    return clip.onset_frame, clip.apex_frame, clip.offset_frame


def test_a_declared_sheet_gives_clips_in_order_of_their_ids(tmp_path: Path) -> None:
    write(tmp_path, "p2,b,5,9,14,L12,Happy,3", "p1,a,3,,12,4?,Disgust,", "a note")
    first, second = LAB.load(tmp_path, "default")
    assert (first.clip_id, second.clip_id) == ("lab/p1/a", "lab/p2/b")
    assert (second.dataset, second.subject, second.fps_hz) == ("lab", "p2", 120.0)
    assert (second.onset_frame, second.apex_frame, second.offset_frame) == (5, 9, 14)
    assert (second.first_frame, second.last_frame, second.emotion) == (5, 14, "happiness")
    assert second.media == tmp_path / "p2" / "b"
    assert second.action_units == (ActionUnit(12, "L"),)
    assert second.raw["objective_class"] == "III"
    assert second.raw["Feeling"] == "Happy"
    assert (second.raw["sheet"][:15], second.raw["sheet_row"]) == ("lab.csv sha256:", "2")
    assert first.apex_frame is None
    assert "objective_class" not in first.raw


def test_optional_roles_may_lack_their_column_others_may_not(tmp_path: Path) -> None:
    write(tmp_path, "p1,a,3,12,4,Happy", header="Person,Take,On,Off,AU,Feeling")
    assert numbers(tmp_path, replace(LAB, optional=("apex", "objective_class"))) == (3, None, 12)
    with pytest.raises(DatasetError) as caught:
        LAB.load(tmp_path, "default")
    assert "['Person', 'Take', 'On', 'Peak', 'Off', 'AU', 'Feeling']" in caught.value.wanted


def test_a_number_that_says_there_is_none(tmp_path: Path) -> None:
    write(tmp_path, "p1,a,0,0,0,4,Happy,")
    assert numbers(tmp_path, LAB) == (0, 0, 0)
    assert numbers(tmp_path, replace(LAB, absent=0)) == (0, None, None)


def test_rows_that_are_kept_and_ids_with_the_onset(tmp_path: Path) -> None:
    write(tmp_path, "p1,a,3,5,9,4,Happy,", "p1,a,20,25,29,4,Happy,", "p1,b,1,2,3,4,Sad,")
    layout = replace(LAB, clip_id="{subject}_{clip}_{onset}", keep=lambda row: row["Take"] == "a")
    assert [c.clip_id for c in layout.load(tmp_path, "")] == ["lab/p1_a_20", "lab/p1_a_3"]
    with pytest.raises(DatasetError, match="lab/p1/a"):
        LAB.load(tmp_path, "")


def test_a_frame_rate_of_every_row(tmp_path: Path) -> None:
    layout = replace(LAB, columns=dict(LAB.columns) | {"fps": "Rate"}, fps_hz=None)
    write(tmp_path, "p1,a,3,5,9,4,Happy,,29.97", header=HEADER + ",Rate")
    assert layout.load(tmp_path, "")[0].fps_hz == 29.97
    write(tmp_path, "p1,a,3,5,9,4,Happy,,inf", header=HEADER + ",Rate")
    with pytest.raises(DatasetError, match="row 2: column 'Rate' holds 'inf'"):
        layout.load(tmp_path, "")


def test_a_sheet_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text("p1,a,3,5,9,4,sad,VII\n")
    (clip,) = replace(LAB, header=False, optional=()).load(tmp_path, "")
    assert (clip.emotion, clip.raw["objective_class"], clip.raw["sheet_row"]) == (
        "sadness",
        "VII",
        "1",
    )


def test_trees_are_found_by_the_subjects_of_the_sheet(tmp_path: Path) -> None:
    people = Subjects("lab subject", r"p(\d+)", ("p{:02d}", "p{}"), "p1")
    trees = {"raw": Tree("Raw", "raw", "crop"), "cropped": Tree("Crop", "crop", strict=True)}
    layout = replace(LAB, subjects=people, trees=trees)
    write(tmp_path, "p7,a,3,5,9,4,Happy,")
    for tree in ("x/raw", "x/cropped"):
        (tmp_path / tree / "P7" / "a").mkdir(parents=True)
    (tmp_path / "raw" / "p8" / "a").mkdir(parents=True)  # nearer, but nobody of the sheet
    (raw,), (cropped,) = layout.load(tmp_path, "raw"), layout.load(tmp_path, "cropped")
    assert raw.media == tmp_path / "x" / "raw" / "P7" / "a"
    assert cropped.media == tmp_path / "x" / "cropped" / "P7" / "a"
    assert raw.subject == "p07"
    (anyone,) = replace(layout, child=r"p\d+").load(tmp_path, "raw")
    assert anyone.media == tmp_path / "raw" / "p07" / "a"


@pytest.mark.parametrize("row", ["../..,a,3,5,9,4,Happy,", "p1,../a,3,5,9,4,Happy,"])
def test_names_that_are_paths_are_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(DatasetError, match="cannot be the name"):
        LAB.load(write(tmp_path, row), "")


def test_subjects_known_by_a_number() -> None:
    people = Subjects("lab subject", r"(?:sub)?(\d+)", ("sub{:02d}", "sub{}"), "a number")
    assert people.spellings(" SUB7 ") == ["sub07", "sub7"]
    assert people("123") == "sub123"
    with pytest.raises(DatasetError, match="lab subject 'sub'") as caught:
        people("sub")
    assert caught.value.wanted == "a number"


def test_a_second_sheet_may_be_missing(tmp_path: Path) -> None:
    assert rows_beside(tmp_path, ("more*.csv",), ("A", "B")) == []
    (tmp_path / "more.csv").write_text("A,B\n1,2\n3,\n")
    assert [row["B"] for row in rows_beside(tmp_path, ("more*.csv",), ("A", "B"))] == ["2"]


def test_objective_classes() -> None:
    assert [objective_class(c) for c in ("3", "III", " iii ", "7")] == ["III", "III", "III", "VII"]
    assert [objective_class(c) for c in ("", "0", "8", "x", "\u00b2")] == [""] * 5


def test_listing_databases_loads_no_workbook_reader() -> None:
    code = (
        "import sys; from merkit.datasets import DATASETS;"
        "[DATASETS[n].label_maps for n in ('casme2', 'samm', 'smic', 'smic-e', 'casme3',"
        " 'meview', '4dme')];"
        "print(sorted({'openpyxl', 'xlrd', 'cv2', 'torch', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
