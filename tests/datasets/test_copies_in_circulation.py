"""Sheets as they circulate: other names, other headers, edited cells, rows that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import (
    CASME2_HEADER,
    CASME2_ROWS,
    SAMM_HEADER,
    SAMM_ROWS,
    write_casme2,
    write_samm,
    write_xlsx,
)
from miniatures_more import (
    CASME_SQUARED_ROWS,
    DFME_HEADER,
    SAMM_LONG_HEADER,
    SAMM_LONG_ROWS,
    write_casme_squared,
    write_dfme_full,
    write_samm_long,
)

from merkit.datasets import DATASETS, load_dataset
from merkit.datasets.audit import Audit, check_database
from merkit.datasets.samm import load_recordings
from merkit.datasets.sheets import read_table
from merkit.errors import DatasetError, MissingDataError
from merkit.types import Finding


def found(audit: Audit, what: str) -> list[Finding]:
    return [finding for finding in audit.findings if finding.what == what]


# CASME II


def sheet_with_classes(root: Path, classes: list[str]) -> Path:
    """A sheet of 2019 with a column of its own; the older sheet says 1, 2, 3 ... of the rows."""
    write_casme2(root)
    (root / "CASME2-coding-20140508.xlsx").unlink()
    rows = [(*row, cell) for row, cell in zip(CASME2_ROWS, classes, strict=True)]
    header = (*CASME2_HEADER, "Objective Classes")
    write_xlsx(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [header, *rows]})
    return root


def test_the_sheets_own_objective_classes_are_used(tmp_path: Path) -> None:
    n = len(CASME2_ROWS)
    same = [str(1 + i % 7) for i in range(n)]
    root = sheet_with_classes(tmp_path, ["7", *same[1:]])
    clips = load_dataset("casme2", root)
    first = f"casme2/sub{CASME2_ROWS[0][0]}/{CASME2_ROWS[0][1]}"
    assert {c.clip_id: c.raw["objective_class"] for c in clips}[first] == "VII"
    differing = found(check_database("casme2", root, pixels=False), "disagreeing objective_class")
    assert [f.clip for f in differing] == [first]
    assert "VII here, I in CASME2-ObjectiveClasses.xlsx" in differing[0].detail
    (root / "CASME2-ObjectiveClasses.xlsx").unlink()
    assert {c.clip_id: c.raw["objective_class"] for c in load_dataset("casme2", root)}[
        first
    ] == "VII"


def test_joined_classes_name_their_sheet(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    clip = load_dataset("casme2", tmp_path)[0]
    assert clip.raw["objective_class_sheet"].startswith("CASME2-ObjectiveClasses.xlsx sha256:")
    sheets = [f.detail for f in found(check_database("casme2", tmp_path, pixels=False), "sheet")]
    assert [s.split(" ")[0] for s in sheets] == [
        "CASME2-ObjectiveClasses.xlsx",
        "CASME2-coding-20140508.xlsx",
    ]


def test_whose_objective_classes_are_used_is_told(tmp_path: Path) -> None:
    n = len(CASME2_ROWS)
    root = sheet_with_classes(tmp_path, ["7", *(str(1 + i % 7) for i in range(1, n))])
    (one,) = found(check_database("casme2", root, pixels=False), "objective classes")
    told = f"{n} of {n} are the sheet's own, 1 of them another in CASME2-ObjectiveClasses.xlsx; "
    assert (one.level, one.detail) == ("differs", told + "0 are joined from it, 0 clips have none")
    (root / "CASME2-coding-20190701.xlsx").unlink()
    write_casme2(root)
    (one,) = found(check_database("casme2", root, pixels=False), "objective classes")
    assert (one.level, f"{n} are joined from it" in one.detail) == ("note", True)
    assert "two sheets of one release" in one.fix


def test_relabelled_clips_of_copies_are_named(tmp_path: Path) -> None:
    """88/32/28 where 88/32/25 was published: the count and the three clips are findings."""
    emotions = DATASETS["casme2"].expected["raw"].emotions
    labels = [e for e, count in emotions.items() for _ in range(count)]
    names = {"sadness": ["EP07_01", "EP07_04f", "EP10_03"], "disgust": ["EP12_01f", "EP09_05f"]}
    rows = []
    for i, label in enumerate(labels):
        clip = names.get(label, []).pop() if names.get(label) else f"EP98_{i:03d}"
        subject = (
            "24" if label == "sadness" else {"EP12_01f": "04", "EP09_05f": "05"}.get(clip, "01")
        )
        moved = "surprise" if label == "sadness" and not clip.startswith("EP98") else label
        rows.append((subject, clip, None, 10, 20, 30, None, "4", moved))
    write_xlsx(tmp_path / "CASME2-coding-x.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    audit = check_database("casme2", tmp_path, pixels=False)
    assert {f.clip for f in found(audit, "disagreeing emotion")} == {
        f"casme2/sub24/{name}" for name in ("EP07_01", "EP07_04f", "EP10_03")
    }
    (count,) = found(audit, "map casme2-3-megc2019")
    assert "surprise 28 (published 25)" in count.detail


# SAMM Long Videos, with emotions of SAMM


def test_emotions_joined_from_samm_name_their_sheet(tmp_path: Path) -> None:
    write_samm_long(tmp_path)
    sheet = tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx"
    clips = load_dataset("samm-long", tmp_path)
    assert all(c.raw["emotion_sheet"].startswith(f"{sheet.name} sha256:") for c in clips)
    names = ("Subject", "Filename", "Estimated Emotion", "Onset Frame", "Offset Frame")
    rows = [[row[n] for n in names] for row in read_table(sheet, names)]  # no column Micro
    rows[0][4] = str(int(rows[0][4]) + 3)
    lost = rows.pop()
    write_xlsx(sheet, {"a": [names, *rows]})
    emotions = {c.clip_id.split("/")[-1]: c.emotion for c in load_dataset("samm-long", tmp_path)}
    assert (emotions[rows[0][1]], emotions[lost[1]]) == ("others", "")
    audit = check_database("samm-long", tmp_path, pixels=False)
    (longer,) = found(audit, "disagreeing emotion")
    assert longer.clip.endswith(rows[0][1])
    assert longer.detail.startswith("11 frames here, 14 in SAMM_Micro_FACS_Codes_v2.xlsx")
    assert [f.clip.split("/")[-1] for f in found(audit, "doubtful emotion")] == [lost[1]]
    assert any(f.detail.startswith(sheet.name) for f in found(audit, "sheet"))


# headers and names


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["subject_id", "File Name", "Onset Frame", "estimated emotion"], True),
        (["SUBJECT", "Filename ", "onsetFrame", "Emotion"], True),
        (["Subject", "Filename", "Onset", "Emotions"], True),
        (["Subject", "Filename", "Onset", "Onset Frame No", "Emotion"], True),  # one is exact
        (["Subject", "Filename", "Onset-Frame", "Onset_Frame", "Emotion"], False),  # which?
        (["Subject", "Filename", "Offset", "Emotion"], False),
    ],
)
def test_spellings_of_columns(tmp_path: Path, cells: list[str], wanted: bool) -> None:
    path = write_xlsx(
        tmp_path / "a.xlsx", {"s": [cells, ["1", "a", "5", "fear", "x"][: len(cells)]]}
    )
    names = ("Subject", "Filename", "Onset", "Emotion")
    if wanted:
        (row,) = read_table(path, names)
        assert (row["Subject"], row["Onset"]) == ("1", "5")
        return
    with pytest.raises(DatasetError, match="no sheet has the columns; seen are") as error:
        read_table(path, names)
    assert "Onset" in error.value.wanted


@pytest.mark.parametrize(
    "name",
    ["SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM_20181215_v3.xlsx", "SAMM.xlsx", "SAMM-coding.xlsx"],
)
def test_names_of_samm(tmp_path: Path, name: str) -> None:
    write_samm(tmp_path)
    wanted = load_dataset("samm", tmp_path)
    (sheet,) = tmp_path.rglob("*.xlsx")
    sheet.unlink()
    write_xlsx(tmp_path / name, {"MICRO_ONLY": [SAMM_HEADER, *SAMM_ROWS]})
    assert [c.clip_id for c in load_dataset("samm", tmp_path)] == [c.clip_id for c in wanted]


def test_name_of_casme_squared(tmp_path: Path) -> None:
    write_casme_squared(tmp_path)
    wanted = load_dataset("casme-squared", tmp_path)
    (tmp_path / "CAS(ME)^2code_final.xlsx").rename(tmp_path / "code_final.xlsx")
    assert [c.clip_id for c in load_dataset("casme-squared", tmp_path)] == [
        c.clip_id for c in wanted
    ]


@pytest.mark.parametrize(
    ("database", "column"),
    [
        ("casme2", "OnsetFrame"),
        ("casme3", "Onset"),
        ("samm", "Onset Frame"),
        ("samm-long", "Type"),
        ("casme-squared", "event"),
        ("mmew", "Filename"),
        ("4dme", "fold_name"),
        ("meview", "OffsetFrame"),
        ("dfme", "Fps"),
        ("smic-e", "OnsetF"),
        ("megc2019", "label"),
        ("manifest", "media"),
    ],
)
def test_where_no_name_fits_the_tables_are_listed(
    tmp_path: Path, database: str, column: str
) -> None:
    write_xlsx(
        tmp_path / "x" / "mine.xlsx", {"Read me": [("hello",)], "D": [(), ("Person", "Take")]}
    )
    (tmp_path / "bad.xlsx").write_bytes(b"no workbook")
    with pytest.raises(MissingDataError) as error:
        load_dataset(database, tmp_path)
    assert "mine.xlsx with 'Read me': ['hello']; 'D': ['Person', 'Take']" in error.value.found
    assert "bad.xlsx, not readable" in error.value.found
    assert f"'{column}'" in error.value.wanted
    assert "a file named like " in error.value.wanted
    (tmp_path / "x" / "mine.xlsx").unlink()
    (tmp_path / "bad.xlsx").unlink()
    with pytest.raises(MissingDataError, match="there is no table at all"):
        load_dataset(database, tmp_path)


def test_a_copy_with_too_few_sheets(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "code_final.xlsx", {"a": [CASME_SQUARED_ROWS[0]]})
    with pytest.raises(DatasetError, match=r"has the sheets \['a'\]") as error:
        load_dataset("casme-squared", tmp_path)
    assert error.value.wanted == "at least 2 sheets"


# rows that cannot be used


@pytest.mark.parametrize("cell", ["1034.5", "", "about 70", "=A1+3"])
def test_a_macro_row_never_blocks_the_micro_rows(tmp_path: Path, cell: str) -> None:
    write_samm_long(tmp_path)
    kinds = [str(row[SAMM_LONG_HEADER.index("Type")]) for row in SAMM_LONG_ROWS]
    place = next(i for i, kind in enumerate(kinds) if kind.lower().startswith("macro"))
    micro = load_dataset("samm-long", tmp_path)
    events = sum(len(r.events) for r in load_recordings(tmp_path))
    rows = [list(row) for row in SAMM_LONG_ROWS]
    rows[place][SAMM_LONG_HEADER.index("Onset")] = cell
    (sheet,) = (p for p in tmp_path.rglob("*Long*.xlsx"))
    write_xlsx(sheet, {"FACS": [SAMM_LONG_HEADER, *rows]})
    assert [c.clip_id for c in load_dataset("samm-long", tmp_path)] == [c.clip_id for c in micro]
    assert sum(len(r.events) for r in load_recordings(tmp_path)) == events - 1
    (note,) = found(check_database("samm-long", tmp_path, pixels=False), "rows left out")
    assert note.detail.startswith("1 rows of macro-expressions cannot be used; row ")
    micro_place = next(i for i, kind in enumerate(kinds) if kind.lower().startswith("micro"))
    rows[micro_place][SAMM_LONG_HEADER.index("Apex")] = "12.5"
    write_xlsx(sheet, {"FACS": [SAMM_LONG_HEADER, *rows]})
    with pytest.raises(DatasetError, match=r"holds '12\.5'"):
        load_dataset("samm-long", tmp_path)


def test_a_macro_row_of_casme_squared(tmp_path: Path) -> None:
    kinds = [str(row[7]).lower() for row in CASME_SQUARED_ROWS]
    place = next(i for i, kind in enumerate(kinds) if kind.startswith("macro"))
    rows = [list(row) for row in CASME_SQUARED_ROWS]
    rows[place][2] = "12.5"
    write_casme_squared(tmp_path, rows=rows)
    assert load_dataset("casme-squared", tmp_path)
    assert found(check_database("casme-squared", tmp_path, pixels=False), "rows left out")


@pytest.mark.parametrize("cell", ["1034.5", "", "=A1+3"])
def test_a_macro_row_of_samm(tmp_path: Path, cell: str) -> None:
    write_samm(tmp_path)
    wanted = load_dataset("samm", tmp_path)
    (sheet,) = tmp_path.rglob("*.xlsx")
    macro = ("006", "006_9_7", 9, cell, 2, 3, 3, "Macro", "12", "Happiness", 1, None)
    write_xlsx(sheet, {"MICRO_ONLY": [SAMM_HEADER, macro, *SAMM_ROWS]})
    assert [c.clip_id for c in load_dataset("samm", tmp_path)] == [c.clip_id for c in wanted]
    assert found(check_database("samm", tmp_path, pixels=False), "rows left out")


def test_a_sheet_of_another_name_is_not_set_aside_silently(tmp_path: Path) -> None:
    write_samm(tmp_path)
    (sheet,) = tmp_path.rglob("*.xlsx")
    (tmp_path / "SAMM.xlsx").write_bytes(sheet.read_bytes())
    audit = check_database("samm", tmp_path, pixels=False)
    assert not found(audit, "sheet set aside")  # a copy
    write_xlsx(tmp_path / "SAMM.xlsx", {"MICRO_ONLY": [SAMM_HEADER, *SAMM_ROWS[1:]]})
    (other,) = found(check_database("samm", tmp_path, pixels=False), "sheet set aside")
    assert other.detail == f"SAMM.xlsx: {sheet.name} is read"


# DFME


def test_a_dfme_sheet_without_units_apex_and_emotion(tmp_path: Path) -> None:
    write_dfme_full(tmp_path)
    wanted = load_dataset("dfme", tmp_path, "full")
    (sheet,) = tmp_path.glob("*.xlsx")
    table = read_table(sheet, ("Filename",))
    sheet.unlink()
    rows = [(r["Filename"], r["OnsetFrame"], r["OffsetFrame"], r["fps"]) for r in table]
    header = ("file_name", "onset frame", "Offset", "FPS")
    write_xlsx(tmp_path / "DFME.xlsx", {"Sheet1": [header, *rows]})
    clips = load_dataset("dfme", tmp_path, "full")
    assert [(c.clip_id, c.fps_hz, c.onset_frame) for c in clips] == [
        (c.clip_id, c.fps_hz, c.onset_frame) for c in wanted
    ]
    assert all(c.apex_frame is None and c.action_units is None for c in clips)
    audit = check_database("dfme", tmp_path, "full", pixels=False)
    assert len(found(audit, "doubtful apex_frame")) == len(clips)


def test_a_dfme_clip_that_no_sheet_names_says_so(tmp_path: Path) -> None:
    write_dfme_full(tmp_path)
    (sheet,) = tmp_path.glob("*.xlsx")
    names = tuple(name for name in DFME_HEADER if name != "EmotionId")
    rows = [tuple(r[n] for n in names) for r in read_table(sheet, names)]
    part_d = next(c for c in load_dataset("dfme", tmp_path, "full") if "partD" in str(c.media))
    kept = [row for row in rows if row[1] != part_d.media.name]
    write_xlsx(sheet, {"Sheet1": [names, *kept]})
    audit = check_database("dfme", tmp_path, "full", pixels=False)
    assert [f.clip for f in found(audit, "doubtful onset_frame")] == [part_d.clip_id]


def full_rows(root: Path) -> list[dict[str, str]]:
    """The rows of the miniature release, whose sheet is taken away."""
    write_dfme_full(root)
    (sheet,) = root.glob("*.xlsx")
    rows = [dict(row.values) for row in read_table(sheet, ("Filename",))]
    sheet.unlink()
    return rows


def test_a_dfme_sheet_without_rates_takes_those_of_the_folders(tmp_path: Path) -> None:
    rows = full_rows(tmp_path)
    cells = [(r["Filename"], r["OnsetFrame"], r["OffsetFrame"]) for r in rows]
    header = ("Clip name", "Onset", "Offset Frame")
    write_xlsx(tmp_path / "mine.xlsx", {"Sheet1": [header, *cells]})
    (tmp_path / "people.csv").write_text("Person,age\nsub0003,20\n")
    with pytest.raises(DatasetError, match="nothing says the frame rate") as error:
        load_dataset("dfme", tmp_path, "full")
    assert "people.csv with 'people': ['Person', 'age']" in str(error.value)
    for part in tmp_path.glob("*part[AB]*"):
        part.rename(tmp_path / f".{part.name}")
    write_xlsx(tmp_path / "mine.xlsx", {"Sheet1": [header, cells[-1]]})
    (clip,) = load_dataset("dfme", tmp_path, "full")
    assert (clip.fps_hz, clip.onset_frame, clip.offset_frame) == (200.0, 1, 6)
    audit = check_database("dfme", tmp_path, "full", pixels=False)
    assert len(found(audit, "doubtful fps_hz")) == 1
    (passed,) = found(audit, "table passed over")
    assert passed.detail == "people.csv with 'people': ['Person', 'age']"


def test_a_dfme_rate_that_the_folder_contradicts(tmp_path: Path) -> None:
    rows = full_rows(tmp_path)
    cells = [(r["Filename"], 1, 6, 500) for r in rows]
    header = ("Filename", "Onset", "Offset", "Frame rate (fps)")
    write_xlsx(tmp_path / "mine.xlsx", {"Sheet1": [header, *cells]})
    (one,) = found(check_database("dfme", tmp_path, "full", pixels=False), "disagreeing fps_hz")
    assert one.detail.startswith("500 in the sheet, 200 in the folder USTC_MEv4_partD")


def test_dfme_tables_that_disagree_are_never_joined(tmp_path: Path) -> None:
    rows = full_rows(tmp_path)
    header = ("Filename", "Onset", "Offset", "fps")
    cells = [(r["Filename"], r["OnsetFrame"], r["OffsetFrame"], r["fps"]) for r in rows]
    for name in ("a.xlsx", "b.xlsx"):
        write_xlsx(tmp_path / name, {"Sheet1": [header, *cells]})
    assert len(load_dataset("dfme", tmp_path, "full")) == len(rows)
    write_xlsx(tmp_path / "b.xlsx", {"Sheet1": [header, *cells[1:], (*cells[0][:2], 99, 500)]})
    with pytest.raises(DatasetError, match=r"a\.xlsx.* and b\.xlsx.* disagree about sub0"):
        load_dataset("dfme", tmp_path, "full")


def test_a_challenge_sheet_without_units_and_numbers(tmp_path: Path) -> None:
    header = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "Fps")
    row = ("sub0003", "sub0003_01", 0, 4, 9, "surprise", 500)
    write_xlsx(tmp_path / "training_full.xlsx", {"Sheet1": [header, row]})
    (clip,) = load_dataset("dfme", tmp_path)
    assert (clip.emotion, clip.action_units) == ("surprise", None)
    assert not [field for field in clip.raw if field.startswith("doubtful")]
