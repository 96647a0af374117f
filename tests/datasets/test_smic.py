from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import (
    SMIC_CLIPS,
    SMIC_E_HEADER,
    store_values,
    write_images,
    write_smic,
    write_smic_e,
    write_xlsx,
)

from merkit.datasets import load_dataset
from merkit.datasets.audit import check_database
from merkit.datasets.corrections import corrections_made
from merkit.datasets.layout import frame_numbers
from merkit.datasets.smic import SUBJECTS
from merkit.errors import DatasetError, MissingDataError


@pytest.mark.parametrize("form", ["", "-cropped"])
@pytest.mark.parametrize("camera", ["HS", "VIS", "NIR"])
def test_folders_become_clips(tmp_path: Path, camera: str, form: str) -> None:
    clips = load_dataset("smic", write_smic(tmp_path), camera + form)
    assert len(clips) == len(SMIC_CLIPS[camera])  # and no non_micro clip
    tree = "SMIC_all_cropped" if form else "SMIC_all_raw"
    for clip in clips:
        place = clip.media.relative_to(tmp_path / tree / camera).as_posix()
        numbers = SMIC_CLIPS[camera][place]
        assert (clip.onset_frame, clip.offset_frame) == (numbers[0], numbers[-1])
        assert (clip.first_frame, clip.last_frame) == (numbers[0], numbers[-1])
        assert clip.apex_frame is None
        assert clip.action_units is None
        assert clip.emotion == place.split("/")[2]
        assert clip.fps_hz == (100.0 if camera == "HS" else 25.0)


def test_ids_are_canonical(tmp_path: Path) -> None:
    ids = [c.clip_id for c in load_dataset("smic", write_smic(tmp_path))]
    assert ids == ["smic/s03/s3_ne_01", "smic/s03/s3_po_01", "smic/s20/s20_sur_01"]


def test_tree_given_directly_and_without_the_micro_level(tmp_path: Path) -> None:
    write_images(tmp_path / "HS" / "s3" / "positive" / "s3_po_01", range(5, 9), "image{:06d}.bmp")
    (clip,) = load_dataset("smic", tmp_path / "HS")
    assert (clip.subject, clip.emotion, clip.last_frame) == ("s03", "positive", 8)


def test_cropped_tree_as_root(tmp_path: Path) -> None:
    write_smic(tmp_path)
    root = tmp_path / "SMIC_all_cropped"
    assert len(load_dataset("smic", root, "HS-cropped")) == 3
    with pytest.raises(MissingDataError, match="no SMIC clips of camera HS"):
        load_dataset("smic", root, "HS")


def test_an_empty_clip_folder_is_listed_without_frames(tmp_path: Path) -> None:
    write_smic(tmp_path)
    (tmp_path / "SMIC_all_raw/HS/s3/micro/negative/s3_ne_02").mkdir()
    clips = {c.clip_id: c for c in load_dataset("smic", tmp_path)}
    assert clips["smic/s03/s3_ne_02"].onset_frame is None


def test_smic_and_smic_e_below_one_root(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_smic_e(tmp_path / "SMIC-E_raw image")
    assert len(load_dataset("smic", tmp_path)) == 3
    clips = load_dataset("smic-e", tmp_path)
    assert all("SMIC-HS-E" in str(c.media) and c.media.is_dir() for c in clips)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no SMIC clips"):
        load_dataset("smic", tmp_path)


def test_long_recordings_and_formulas(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("smic-e", write_smic_e(tmp_path))}
    assert len(clips) == 4  # the note below the table is no clip
    clip = clips["smic-e/s03/s3_ne_99"]
    assert clip.media == tmp_path / "HS_long" / "SMIC-HS-E" / "s03" / "s3_ne_99"
    assert (clip.onset_frame, clip.offset_frame, clip.fps_hz) == (100010, 100020, 100.0)
    assert frame_numbers(clip.media) == list(range(100000, 100021))
    assert clip.raw["unnamed_2"] == ""


def test_second_and_third_intervals(tmp_path: Path) -> None:
    clips = {c.clip_id: c.raw for c in load_dataset("smic-e", write_smic_e(tmp_path))}
    assert "other_intervals" not in clips["smic-e/s03/s3_ne_99"]
    assert clips["smic-e/s04/s4_ne_98"]["other_intervals"] == "70-80;90-95"
    assert clips["smic-e/s09/s9_sur_97"]["other_intervals"] == "70-80"  # repeated as third
    assert clips["smic-e/s18/s18_sur_03"]["other_intervals"] == "30-40"
    # the third is broken: it ends in the first frame of the recording
    assert "7-20" in clips["smic-e/s18/s18_sur_03"]["doubtful:other_intervals"]
    assert "doubtful:other_intervals" not in clips["smic-e/s04/s4_ne_98"]


BROKEN_THIRD = ("s18_ne_01", "s18_sur_03", "s20_ne_06", "s20_ne_09", "s20_sur_02")


def test_a_third_interval_that_ends_in_the_first_frame_is_dropped_and_noted(tmp_path: Path) -> None:
    """The five rows of the owner's sheet by name, and cells of an error or without a value."""
    third = {name: (7, 20) for name in BROKEN_THIRD}
    third |= {"s1_ne_91": ("#REF!", 9), "s1_ne_92": (0, 0), "s1_ne_93": (None, None)}
    third |= {"s1_ne_94": (80, 90)}
    end = (None, 20, 99, 11, None, None, 100, "negative")
    rows = [
        (name[1:].partition("_")[0], name, None, 50, 60, 30, 40, *cells, *end)
        for name, cells in third.items()
    ]
    write_xlsx(tmp_path / "SMIC-HS-E_annotation.xlsx", {"HS": [SMIC_E_HEADER, *rows]})
    raws = {c.clip_id.rpartition("/")[2]: c.raw for c in load_dataset("smic-e", tmp_path)}
    doubts = {
        n: raw.get("doubtful:other_intervals", "").partition(":")[0] for n, raw in raws.items()
    }
    assert {n: told for n, told in doubts.items() if told} == {
        **dict.fromkeys(BROKEN_THIRD, "7-20"),
        "s1_ne_91": "#REF!-9",
    }
    assert {n for n, raw in raws.items() if raw["other_intervals"] != "30-40"} == {"s1_ne_94"}
    notes = check_database("smic-e", tmp_path, pixels=False).findings
    assert len([f for f in notes if f.what == "doubtful other_intervals"]) == 6


@pytest.mark.parametrize("variant", ["HS", "VIS"])
def test_wrong_label_is_corrected(tmp_path: Path, variant: str) -> None:
    clips = {c.clip_id: c for c in load_dataset("smic-e", write_smic_e(tmp_path), variant)}
    clip = clips["smic-e/s18/s18_sur_03"]
    assert clip.emotion == "surprise"
    assert "emotion" in corrections_made(clip)
    assert clip.raw["Emotion"] == "negative"


def test_vis_sheet_lacks_columns_and_its_frames_have_a_space(tmp_path: Path) -> None:
    clips = load_dataset("smic-e", write_smic_e(tmp_path), "VIS")
    assert [c.clip_id for c in clips] == ["smic-e/s11/s11_po_95", "smic-e/s18/s18_sur_03"]
    assert clips[0].fps_hz == 25.0
    assert frame_numbers(clips[0].media)[:2] == [12, 13]


def test_vis_never_falls_back_to_the_hs_sheet(tmp_path: Path) -> None:
    row = (3, "s3_ne_99", None, 1, 5, *[None] * 11, "negative")
    write_xlsx(tmp_path / "SMIC-HS-E_annotation.xlsx", {"HS": [SMIC_E_HEADER, row]})
    assert len(load_dataset("smic-e", tmp_path)) == 1
    with pytest.raises(DatasetError, match="'HS'"):
        load_dataset("smic-e", tmp_path, "VIS")


def test_own_vis_and_nir_files(tmp_path: Path) -> None:
    row = (11, "s11_po_01", None, 1, 5, *[None] * 11, "positive")
    for camera in ("VIS", "NIR"):
        name = f"SMIC-{camera}-E_annotation.xlsx"
        write_xlsx(tmp_path / f"{camera}_long" / name, {"Sheet1": [SMIC_E_HEADER, row]})
        (clip,) = load_dataset("smic-e", tmp_path, camera)
        assert clip.raw["camera"] == camera


def test_formula_without_a_stored_value(tmp_path: Path) -> None:
    row = (3, "s3_ne_99", None, 1, "=D2+4", *[None] * 11, "negative")
    sheets = {"HS": [SMIC_E_HEADER, row]}
    path = write_xlsx(tmp_path / "SMIC-HS-E_annotation.xlsx", sheets)
    with pytest.raises(DatasetError, match=r"'OffsetF' holds the formula '=D2\+4'"):
        load_dataset("smic-e", tmp_path)
    store_values(path, {"sheet1": {"E2": 5}})
    assert load_dataset("smic-e", tmp_path)[0].offset_frame == 5


def test_subjects() -> None:
    assert SUBJECTS("s3") == SUBJECTS("s03") == SUBJECTS("3") == "s03"
    with pytest.raises(DatasetError, match="SMIC subject 'x'"):
        SUBJECTS("x")
