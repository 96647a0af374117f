from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlwt
from miniatures import store_values, write_xlsx

from merkit.datasets import workbooks
from merkit.datasets.sheets import (
    complete_rows,
    fingerprint,
    is_date,
    read_table,
    sheet_version,
    shipped_table,
)
from merkit.datasets.workbooks import EMPTY_RUN, cell_text
from merkit.errors import DatasetError, MissingDataError

COLUMNS = ("Subject", "Filename", "Onset")
HEADER = ("Subject", "Filename", "Onset")


def replace_part(path: Path, old: bytes, new: bytes) -> None:
    """Change the first sheet's XML by hand."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts["xl/worksheets/sheet1.xml"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data.replace(old, new) if "sheet1" in name else data)


def test_cells_stay_as_distributed(tmp_path: Path) -> None:
    cells = ("NULL", "/", "?", 7, 7.0, 1.2, True, " x ", "#REF!", "007")
    path = write_xlsx(
        tmp_path / "a.xlsx", {"S": [(*HEADER, *"abcdefg"), ("s", "c", 1, *cells[:7])]}
    )
    row = read_table(path, COLUMNS)[0]
    assert [row[c] for c in "abcdefg"] == ["NULL", "/", "?", "7", "7", "1.2", "TRUE"]
    assert [cell_text(c) for c in cells[7:]] == [" x ", "#REF!", "007"]
    assert cell_text(None) == ""


def test_preamble_spaces_case_and_unnamed_columns(tmp_path: Path) -> None:
    rows = [("some text",), (), (" subject", None, "FILENAME ", "Onset'"), ("1", "x", "c", 5)]
    path = write_xlsx(tmp_path / "a.xlsx", {"Notes": [("nothing here",)], "Data": rows})
    row = read_table(path, COLUMNS)[0]
    assert dict(row.values) == {"Subject": "1", "unnamed_1": "x", "Filename": "c", "Onset": "5"}
    assert row.where == "a.xlsx, sheet 'Data', row 4"
    assert row.integer("Onset") == 5


def test_sheet_by_name_index_test_and_preference(tmp_path: Path) -> None:
    sheets = {n: [HEADER, ("s", n, i)] for i, n in enumerate(("HS", "VIS"))}
    path = write_xlsx(tmp_path / "a.xlsx", sheets)
    for prefer in ("", "NIR"):
        with pytest.raises(DatasetError, match=r"2 sheets .* \['HS', 'VIS'\]"):
            read_table(path, COLUMNS, prefer=prefer)
    assert read_table(path, COLUMNS, prefer="VIS")[0]["Filename"] == "VIS"
    assert read_table(path, COLUMNS, sheet="vis ")[0]["Filename"] == "VIS"
    assert read_table(path, COLUMNS, sheet=1)[0]["Filename"] == "VIS"
    assert read_table(path, COLUMNS, sheet=lambda n: n != "HS")[0]["Filename"] == "VIS"
    with pytest.raises(DatasetError, match=r"'HS', 'VIS'.*\n.*NIR"):
        read_table(path, COLUMNS, sheet="NIR")


def test_of_several_sheets_the_one_with_data_is_read(tmp_path: Path) -> None:
    full, empty = [HEADER, ("s", "c", 1)], [("title",), HEADER, (), (None, " ")]
    path = write_xlsx(tmp_path / "a.xlsx", {"A": empty, "B": full, "C": empty, "D": [("x",)]})
    assert read_table(path, COLUMNS)[0]["Filename"] == "c"
    path = write_xlsx(tmp_path / "b.xlsx", {"A": empty, "C": empty})
    assert read_table(path, COLUMNS) == []
    formula = [HEADER, (None, None, "=1+1")]
    path = write_xlsx(tmp_path / "c.xlsx", {"A": full, "B": formula})
    with pytest.raises(DatasetError, match=r"2 sheets .* \['A', 'B'\]"):
        read_table(path, COLUMNS)


def test_sheet_without_header(tmp_path: Path) -> None:
    path = tmp_path / "gt.csv"
    path.write_bytes(b"\xef\xbb\xbfsmic,s03,s03_ne_99,0\r\nsamm,6,006_9_9,1,extra\r\n")
    rows = read_table(path, columns=("database", "subject", "clip", "label"))
    assert [r["label"] for r in rows] == ["0", "1"]
    assert rows[0]["database"] == "smic"
    assert rows[1]["unnamed_4"] == "extra"


def test_wrong_columns_name_every_sheet(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"One": [("Subject", "File")], "Two": []})
    with pytest.raises(DatasetError) as caught:
        read_table(path, COLUMNS)
    assert "'One': ['Subject', 'File']" in str(caught.value)
    assert "'Two': []" in str(caught.value)
    assert "Onset" in caught.value.wanted


def test_wrong_sheet_first_is_found_past(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"Read me": [("hello",)], "D": [HEADER, (1, "c", 2)]})
    assert read_table(path, COLUMNS)[0]["Filename"] == "c"


def test_formula_without_stored_value(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("s", "c", "=1+1")]})
    with pytest.raises(DatasetError, match=r"row 2: column 'Onset' holds the formula '=1\+1'"):
        read_table(path, COLUMNS)
    store_values(path, {"sheet1": {"C2": 2}})
    assert read_table(path, COLUMNS)[0].integer("Onset") == 2


def test_formula_elsewhere_stays_text(tmp_path: Path) -> None:
    rows = [(*HEADER, "Sum"), ("s", "c", 1, "=C2*2")]
    path = write_xlsx(tmp_path / "a.xlsx", {"S": rows})
    assert read_table(path, COLUMNS)[0]["Sum"] == "=C2*2"


def test_injected_text_is_never_run_nor_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Subject,Filename,Onset\n1,=cmd|' /C calc'!A0,=1+1\n")
    row = read_table(path, COLUMNS)[0]
    assert row["Filename"] == "=cmd|' /C calc'!A0"
    with pytest.raises(DatasetError, match=r"row 2: column 'Onset' holds '=1\+1'"):
        row.integer("Onset")


def test_100000_empty_rows_end_the_sheet_quickly(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("s", "c", 1)]})
    styled = "".join(
        f'<row r="{r}"><c r="A{r}" s="0"/><c r="B{r}" s="0"/></row>' for r in range(3, 100_003)
    )
    replace_part(path, b"</sheetData>", styled.encode() + b"</sheetData>")
    start = time.perf_counter()
    assert len(read_table(tmp_path / "a.xlsx", COLUMNS)) == 1
    assert time.perf_counter() - start < 5.0


@pytest.mark.parametrize("kind", ["xlsx", "xls", "csv"])
@pytest.mark.parametrize("gap", [EMPTY_RUN, EMPTY_RUN + 1])
def test_rows_below_a_large_gap_are_never_lost_silently(
    tmp_path: Path, kind: str, gap: int
) -> None:
    rows = [HEADER, ("s", "c", 1), *[()] * gap, ("s", "d", 2)]
    path = tmp_path / f"a.{kind}"
    if kind == "xlsx":
        write_xlsx(path, {"S": rows})
    elif kind == "csv":
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    else:
        book = xlwt.Workbook()
        ws = book.add_sheet("S")
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                ws.write(r, c, value)
        book.save(str(path))
    if gap == EMPTY_RUN:
        assert [row["Filename"] for row in read_table(path, COLUMNS)] == ["c", "d"]
        return
    with pytest.raises(DatasetError, match=rf"1000 empty rows the data go on in row {gap + 3}"):
        read_table(path, COLUMNS)
    with pytest.raises(DatasetError, match="the data go on"):
        read_table(path, sheet=0, columns=COLUMNS)


def test_formulas_below_a_large_gap_count_where_values_are_needed(tmp_path: Path) -> None:
    for column, lost in ((3, True), (4, False)):
        path = write_xlsx(tmp_path / f"{column}.xlsx", {"S": [(*HEADER, "Sum"), ("s", "c", 1, 1)]})
        book = openpyxl.load_workbook(path)
        book["S"].cell(5_000, column).value = "=1+1"
        book.save(path)
        if lost:
            with pytest.raises(DatasetError, match="the data go on in row 5000"):
                read_table(path, COLUMNS)
        else:
            assert len(read_table(path, COLUMNS)) == 1


def test_only_the_sheet_that_is_read_may_have_no_gap(tmp_path: Path) -> None:
    notes = [("a note",), *[()] * 2_000, ("another",)]
    path = write_xlsx(tmp_path / "a.xlsx", {"Notes": notes, "S": [HEADER, ("s", "c", 1)]})
    assert len(read_table(path, COLUMNS)) == 1


def test_the_search_below_the_table_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "MAX_EMPTY", 2_000)
    path = tmp_path / "a.csv"
    path.write_text("Subject,Filename,Onset\n1,c,2\n" + ",,\n" * 2_001 + "1,d,3\n")
    assert len(read_table(path, COLUMNS)) == 1


def test_empty_rows_before_the_header_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",,\n" * 2_000 + "Subject,Filename,Onset\n1,c,2\n")
    with pytest.raises(DatasetError, match="no sheet has the columns"):
        read_table(path, COLUMNS)


def test_merged_cells_over_data_are_refused_elsewhere_accepted(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [("title",), (*HEADER, "Notes"), ("s", "c", 1, "n"), ("s", "d", 2, "m")]:
        book.active.append(list(row))
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("D3:D4")
    book.save(tmp_path / "fine.xlsx")
    assert len(read_table(tmp_path / "fine.xlsx", COLUMNS)) == 2
    book.active.merge_cells("A3:A4")
    book.save(tmp_path / "bad.xlsx")
    with pytest.raises(DatasetError, match="A3:A4 are merged"):
        read_table(tmp_path / "bad.xlsx", COLUMNS)


def test_xls_dates_numbers_and_merged_cells(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    ws = book.add_sheet("List 1")
    day = xlwt.easyxf(num_format_str="D-MMM")
    for c, name in enumerate((*HEADER, "Code")):
        ws.write(0, c, name)
    for c, value in enumerate((1, "c", 5.0)):
        ws.write(1, c, value)
    ws.write(1, 3, 42036, day)
    book.save(str(tmp_path / "a.xls"))
    row = read_table(tmp_path / "a.xls", COLUMNS)[0]
    assert (row["Subject"], row["Onset"], row["Code"]) == ("1", "5", "date:2015-02-01")
    assert is_date(row["Code"])
    ws.merge(1, 2, 0, 0)
    ws.write(2, 1, "d")
    book.save(str(tmp_path / "b.xls"))
    with pytest.raises(DatasetError, match="rows 2-3, columns 1-1 are merged"):
        read_table(tmp_path / "b.xls", COLUMNS)


def test_csv_in_another_encoding_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Subject,Filename,Onset\n1,\u60ca\u8bb6,2\n".encode("gb18030"))
    with pytest.raises(DatasetError, match=r"byte 0xbe at position 25 \(line 2\)") as caught:
        read_table(path, COLUMNS)
    assert "gb18030" in caught.value.fix


def test_utf16_csv_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Subject,Filename,Onset\n".encode("utf-16"))
    with pytest.raises(DatasetError) as caught:
        read_table(path, COLUMNS)
    assert "utf-16" in caught.value.fix


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(delimiter.join(HEADER) + "\n" + delimiter.join(("1", "c", "2")) + "\n")
    assert read_table(path, COLUMNS)[0]["Onset"] == "2"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xlsx", b"PK\x03\x04 broken"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 broken"),
        ("a.xlsx", b"<html>please log in</html>"),
        ("a.xlsx", b""),
    ],
)
def test_damaged_workbooks(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DatasetError, match=name):
        read_table(tmp_path / name, COLUMNS)


def test_zip_without_a_workbook_and_zip_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(DatasetError, match="cannot be read as a workbook"):
        read_table(tmp_path / "a.xlsx", COLUMNS)
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            archive.writestr(f"xl/worksheets/sheet{i}.xml", bytes(100 * 2**20))
    assert os.path.getsize(tmp_path / "b.xlsx") < 2**20
    with pytest.raises(DatasetError, match="unpacks to 300 MB"):
        read_table(tmp_path / "b.xlsx", COLUMNS)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.xlsx"):
        read_table(tmp_path / "none.xlsx", COLUMNS)


def test_notes_below_the_table_are_left_out_holes_inside_are_not(tmp_path: Path) -> None:
    rows = [HEADER, ("1", "a", 1), ("1", "b", 2), ("a note",), (None, None, 3)]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", {"S": rows}), COLUMNS)
    assert [r["Filename"] for r in complete_rows(table, COLUMNS)] == ["a", "b"]
    rows = [HEADER, ("1", "a", 1), (None, "b", 2), ("1", "c", 3)]
    table = read_table(write_xlsx(tmp_path / "b.xlsx", {"S": rows}), COLUMNS)
    with pytest.raises(DatasetError, match=r"row 3: no value in \['Subject'\]"):
        complete_rows(table, COLUMNS)


def test_wrong_extent_in_the_file_does_not_cut_the_sheet(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", "a", 1)]})
    replace_part(path, b'ref="A1:C2"', b'ref="A1"')
    assert read_table(path, COLUMNS)[0]["Onset"] == "1"


def test_fingerprint_is_the_start_of_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert fingerprint(tmp_path / "a") == "ba7816bf"


def test_versions_name_file_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"abc")
    assert sheet_version(tmp_path / "a.xlsx") == "a.xlsx sha256:ba7816bf"
    audited = {row["sha256_prefix"]: row["what"] for row in shipped_table("fingerprints")}
    assert audited["cc45b6cb"].startswith("CASME2-coding-20140508")
