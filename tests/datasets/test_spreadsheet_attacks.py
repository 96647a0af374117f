"""Hostile and broken sheets through the command line.

Each is answered by one readable error and exit code 2 or 3, or read as what it is; nothing
outside the root is opened, nothing is written, and the database stays as it was.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from miniatures import (
    MEVIEW_HEADER,
    store_values,
    write_4dme,
    write_casme2,
    write_casme3,
    write_images,
    write_samm,
    write_smic,
    write_smic_e,
    write_xlsx,
)
from miniatures_more import (
    FLOW_INDEX,
    write_casme_squared,
    write_dfme,
    write_dfme_full,
    write_flow_flat,
    write_manifest,
    write_mmew,
    write_samm_long,
)

from merkit.cli import main

CASME2_SHEET = "CASME2-coding-20140508.xlsx"
SECRET = "canary"

# --- watching what is opened ----------------------------------------------------------------

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    """Python tells every opened file and listed folder; decoders get bytes from such files.
    Links are followed, so that the name is that of what is really read."""
    if _opened is not None and event in {"open", "os.listdir", "os.scandir"}:
        _opened.append(os.path.realpath(str(arguments[0])))


sys.addaudithook(_note)


@contextmanager
def watching() -> Iterator[list[str]]:
    """The files and folders that are opened meanwhile."""
    global _opened  # noqa: PLW0603 (an audit hook cannot be taken out again)
    found: list[str] = []
    _opened = found
    try:
        yield found
    finally:
        _opened = None


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A clip that is not of the database, where no name may lead."""
    folder = tmp_path / SECRET
    write_images(folder, range(1, 60), "img{}.jpg")
    (folder / "secret.txt").write_text("secret")
    return folder


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str
    opened: tuple[str, ...]


Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run one command and see that it read only the database, and wrote nothing."""

    def run(root: Path, *words: str) -> Answer:
        before = contents(tmp_path)
        with watching() as opened:
            code = main(list(words))
        said = capsys.readouterr()
        assert any(str(root) in path for path in opened)  # the watch does see the database
        assert not [path for path in opened if SECRET in path]
        assert contents(tmp_path) == before
        return Answer(code, said.out, said.err, tuple(opened))

    return run


def contents(folder: Path) -> dict[str, str]:
    """Every file below with its hash, every folder and link."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in folder.rglob("*")
    }


def check(ask: Ask, name: str, root: Path, variant: str = "") -> Answer:
    return ask(root, "data", "check", name, "--root", str(root), "--variant", variant)


def expect_refused(
    ask: Ask, name: str, root: Path, told: str, variant: str = "", code: int = 2
) -> None:
    """Both commands say ``told``: the check as a finding, the evaluation as its one error."""
    answer = check(ask, name, root, variant)
    assert answer.code == code
    assert told in answer.out + answer.err
    words = ["--data", name, "--root", str(root), "--method", "majority", "--workers", "1"]
    words += ["--variant", variant] if variant else []
    words += ["--store", str(root.parent / "store"), "--out", str(root.parent / "run")]
    answer = ask(root, "evaluate", *words)
    assert answer.code == code
    assert told in answer.err
    assert answer.err.startswith("merkit: ")
    assert answer.err.count("merkit: ") == 1
    assert "wanted: " in answer.err
    assert "Traceback" not in answer.out + answer.err


# --- changing a sheet -----------------------------------------------------------------------


def set_cell(
    path: Path, column: str | int, value: object, *, sheet: int = 0, below: int = 1
) -> str:
    """Write ``value`` into a data row, the first by default, of a column by its header or number;
    returns the cell's name, such as D2."""
    book = openpyxl.load_workbook(path)
    ws = book.worksheets[sheet]
    row, place = 1, column
    if isinstance(column, str):
        found = next(c for cells in ws.iter_rows() for c in cells if c.value == column)
        row, place = found.row + below, found.column
    cell = ws.cell(row, int(place))
    cell.value = value
    book.save(path)
    return str(cell.coordinate)


def replace_xml(path: Path, old: bytes, new: bytes) -> None:
    """Change the first sheet's XML by hand."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    assert old in parts[name]
    parts[name] = parts[name].replace(old, new, 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)


@pytest.fixture
def casme2(tmp_path: Path) -> Path:
    return write_casme2(tmp_path / "db", every=True)


# --- formulas -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "formula"),
    [
        ("OnsetFrame", "=5+5"),
        ("Filename", "=cmd|' /C calc'!A0"),
        ("Estimated Emotion", '=WEBSERVICE("http://localhost/?"&A2)'),
        ("Subject", "='[other.xlsx]Sheet1'!A1"),
    ],
)
def test_formulas_without_a_value(casme2: Path, ask: Ask, column: str, formula: str) -> None:
    set_cell(casme2 / CASME2_SHEET, column, formula)
    expect_refused(ask, "casme2", casme2, f"row 2: column '{column}' holds the formula '{formula}'")


def test_a_formula_counts_as_its_stored_value(casme2: Path, ask: Ask) -> None:
    cell = set_cell(casme2 / CASME2_SHEET, "OnsetFrame", "=5+5")
    store_values(casme2 / CASME2_SHEET, {"sheet1": {cell: 10}})
    answer = check(ask, "casme2", casme2)
    assert answer.code == 0
    assert "6 clips, 4 subjects" in answer.out


def test_the_stored_value_of_a_formula_is_checked_like_any_name(
    casme2: Path, outside: Path, ask: Ask
) -> None:
    cell = set_cell(casme2 / CASME2_SHEET, "Filename", "=HYPERLINK(A1)")
    store_values(casme2 / CASME2_SHEET, {"sheet1": {cell: f"../../{SECRET}"}})
    # a string result needs its own cell type, as spreadsheet programs write it
    replace_xml(casme2 / CASME2_SHEET, b'r="B2">', b'r="B2" t="str">')
    expect_refused(ask, "casme2", casme2, f"'../../{SECRET}' cannot be the name")


def test_text_that_would_run_in_a_spreadsheet_program(tmp_path: Path, ask: Ask) -> None:
    rows = ["=cmd|' /C calc'!A0,p,frames,,,,,,,,,,,"]
    told = "row 2: \"=cmd|' /C calc'!A0\" cannot be the name"
    expect_refused(ask, "manifest", write_manifest(tmp_path / "db", rows), told)


# --- the wrong sheet, empty rows, merged cells ----------------------------------------------


@pytest.mark.thorough
def test_100000_empty_rows_are_read_as_none(casme2: Path, ask: Ask) -> None:
    empty = "".join(
        f'<row r="{r}"><c r="A{r}" s="0"/><c r="B{r}" s="0"/></row>' for r in range(9, 100_009)
    )
    replace_xml(casme2 / CASME2_SHEET, b"</sheetData>", empty.encode() + b"</sheetData>")
    start = time.process_time()
    answer = check(ask, "casme2", casme2)
    assert answer.code == 0
    assert "6 clips, 4 subjects" in answer.out
    assert time.process_time() - start < 10.0


def test_empty_rows_above_the_table(tmp_path: Path, ask: Ask) -> None:
    header = ",,\n" * 100_000 + "clip,subject,media"
    root = write_manifest(tmp_path / "db", ["a,p,frames"], header)
    expect_refused(ask, "manifest", root, "no sheet has the columns")


def test_a_wrong_sheet_first_is_passed_over_and_alone_refused(casme2: Path, ask: Ask) -> None:
    path = casme2 / CASME2_SHEET
    book = openpyxl.load_workbook(path)
    book.create_sheet("Read me", 0).append(["Subject", "what this is"])
    book.save(path)
    assert check(ask, "casme2", casme2).code == 0
    del book["Sheet1"]
    book.save(path)
    expect_refused(ask, "casme2", casme2, "'Read me': ['Subject', 'what this is']")


def test_of_two_sheets_with_the_columns_the_named_one_is_read(tmp_path: Path, ask: Ask) -> None:
    root = write_samm(tmp_path / "db", every=True)
    path = root / "SAMM_Micro_FACS_Codes_v2.xlsx"
    book = openpyxl.load_workbook(path)
    copy = book.copy_worksheet(book["MICRO_ONLY"])
    copy.delete_rows(15, 3)
    book.move_sheet(copy, -1)
    book.save(path)
    answer = check(ask, "samm", root)
    assert answer.code == 0
    assert "5 clips, 4 subjects" in answer.out


def test_of_two_sheets_with_data_neither_is_chosen(casme2: Path, ask: Ask) -> None:
    book = openpyxl.load_workbook(casme2 / CASME2_SHEET)
    book.copy_worksheet(book["Sheet1"]).title = "Mine"
    book.save(casme2 / CASME2_SHEET)
    expect_refused(ask, "casme2", casme2, "2 sheets have the columns and data: ['Sheet1', 'Mine']")


def test_rows_far_below_the_table(casme2: Path, ask: Ask) -> None:
    book = openpyxl.load_workbook(casme2 / CASME2_SHEET)
    book["Sheet1"]["A3000"] = "01"
    book.save(casme2 / CASME2_SHEET)
    expect_refused(ask, "casme2", casme2, "the data go on in row 3000")


def test_merged_cells(casme2: Path, ask: Ask) -> None:
    book = openpyxl.load_workbook(casme2 / CASME2_SHEET)
    book["Sheet1"].merge_cells("A2:A3")
    book.save(casme2 / CASME2_SHEET)
    expect_refused(ask, "casme2", casme2, "the cells A2:A3 are merged")


def test_the_sheet_of_2014_beside_the_images_of_2019_is_in_order(casme2: Path, ask: Ask) -> None:
    folder = casme2 / "CASME2_RAW_selected" / "sub07" / "EP06_01"
    for image in folder.iterdir():
        image.unlink()
    write_images(folder, range(56, 117), "img{}.jpg")
    answer = check(ask, "casme2", casme2)
    assert answer.code == 0
    assert "not in order" not in answer.out


# --- other bytes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("gb18030", "not UTF-8"), ("cp1252", "not UTF-8"), ("utf-16", "not UTF-8")],
)
def test_csv_in_another_encoding(tmp_path: Path, ask: Ask, encoding: str, told: str) -> None:
    root = write_manifest(tmp_path / "db", [])
    text = "clip,subject,media,room\na,p,frames,caf\u00e9\n"
    (root / "manifest.csv").write_bytes(text.encode(encoding))
    told = f"which is {told}"
    expect_refused(ask, "manifest", root, told)


def test_entities_that_would_read_a_file(casme2: Path, outside: Path, ask: Ask) -> None:
    target = (outside / "secret.txt").as_uri()
    kind = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]><worksheet '
    replace_xml(casme2 / CASME2_SHEET, b"<worksheet ", kind.encode())
    replace_xml(casme2 / CASME2_SHEET, b"</sheetData>", b"&e;</sheetData>")
    expect_refused(ask, "casme2", casme2, "cannot be read as a workbook")


def test_entities_that_would_fill_the_memory(casme2: Path, ask: Ask) -> None:
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 50}">' for i in range(12))
    replace_xml(
        casme2 / CASME2_SHEET, b"<worksheet ", f"<!DOCTYPE x [{levels}]><worksheet ".encode()
    )
    replace_xml(casme2 / CASME2_SHEET, b"</sheetData>", b"&e11;</sheetData>")
    expect_refused(ask, "casme2", casme2, "cannot be read as a workbook")


# --- names that lead elsewhere --------------------------------------------------------------


def in_workbook(
    file: str, column: str | int, *, sheet: int = 0, below: int = 1
) -> Callable[[Path, str], None]:
    def change(root: Path, name: str) -> None:
        set_cell(root / file, column, name, sheet=sheet, below=below)

    return change


def in_smic_e(root: Path, name: str) -> None:
    path = root / "HS_long" / "SMIC-HS-E_annotation.xlsx"
    set_cell(path, "Filename", name)
    store_values(path, {"sheet1": {"E2": 100020}})  # lost when the workbook was written again


def in_text(file: str, old: str) -> Callable[[Path, str], None]:
    def change(root: Path, name: str) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, name, 1))

    return change


def write_meview_csv(root: Path) -> Path:
    root.mkdir()
    row = "1,sub01-9,5,15,x.mp4,100,110,10,1.2,happy,"
    (root / "MEVIEW.csv").write_text(",".join(MEVIEW_HEADER) + f"\n{row}\n")
    return root


def write_composite(root: Path) -> Path:
    for name, write in (("casme2", write_casme2), ("smic", write_smic), ("samm", write_samm)):
        write(root / name)
    (root / "combined_3class_gt.csv").write_text("casme2,sub01,EP99_02,1\nsamm,6,006_9_8,0\n")
    return root


def write_own(root: Path) -> Path:
    return write_manifest(root, ["clip1,person1,media1,,,,,,,,,,,"])


@dataclass(frozen=True)
class Place:
    """A cell that names a subject, a clip or its media. ``before``: how a name must begin."""

    id: str
    database: str
    write: Callable[[Path], Path]
    change: Callable[[Path, str], None]
    variant: str = ""
    before: str = ""


_SAMM, _SAMM_LONG = "SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM_LongVideos_V2_Release.xlsx"
_CASME3 = "part_A/annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
_4DME = "4DME_Labelling_Micro_release v1.xlsx"
_CCAC = "annotation/training_full_with_AU.xlsx"
_SQUARED = "CAS(ME)^2code_final.xlsx"
PATHS = in_text("manifest.csv", "media1")
PLACES = [
    Place("casme2", "casme2", write_casme2, in_workbook(CASME2_SHEET, "Filename")),
    Place("samm", "samm", write_samm, in_workbook(_SAMM, "Filename")),
    Place("smic-e", "smic-e", write_smic_e, in_smic_e),
    Place("casme3", "casme3", write_casme3, in_workbook(_CASME3, "Filename")),
    Place("4dme", "4dme", write_4dme, in_workbook(_4DME, "fold_name")),
    Place("4dme-subject", "4dme", write_4dme, in_workbook(_4DME, "sub_ID")),
    Place("meview", "meview", write_meview_csv, in_text("MEVIEW.csv", "sub01-9")),
    Place("dfme", "dfme", write_dfme, in_workbook(_CCAC, "Filename"), before="sub0003_"),
    Place(
        *("dfme-full", "dfme", write_dfme_full),
        in_workbook("DFME_full.xlsx", "Filename", below=3),
        *("full", "sub0301-"),
    ),
    Place("mmew", "mmew", write_mmew, in_workbook("MMEW_Micro_Exp.xlsx", "Filename")),
    Place("samm-long", "samm-long", write_samm_long, in_workbook(_SAMM_LONG, "Filename")),
    Place("casme-squared", "casme-squared", write_casme_squared, in_workbook(_SQUARED, 2)),
    Place(
        *("casme-squared-folder", "casme-squared", write_casme_squared),
        in_workbook(_SQUARED, 2, sheet=1),
    ),
    Place("megc2019", "megc2019", write_composite, in_text("combined_3class_gt.csv", "006_9_8")),
    Place("flow-maps", "flow-maps", write_flow_flat, in_text(FLOW_INDEX, "EP98_01f"), "flat"),
    Place("manifest-media", "manifest", write_own, PATHS),
    Place("manifest-clip", "manifest", write_own, in_text("manifest.csv", "clip1")),
    Place("manifest-subject", "manifest", write_own, in_text("manifest.csv", "person1")),
    Place("name", "name", write_own, PATHS),
]


@pytest.mark.parametrize("way", ["up", "absolute"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.id)
def test_no_cell_of_any_database_leads_out(
    tmp_path: Path, outside: Path, ask: Ask, place: Place, way: str
) -> None:
    root = place.write(tmp_path / "db")
    place.change(root, place.before + {"up": f"x/../../../{SECRET}", "absolute": str(outside)}[way])
    # media of a manifest is a path, of which the first part that leads elsewhere is told
    told = "cannot be the name" if place.change is PATHS else SECRET
    expect_refused(ask, place.database, root, told, place.variant)


@pytest.mark.parametrize(
    "name",
    ["..", ".", "a/b", "..\\canary", "C:\\canary", "\\\\host\\share", "~/x/../canary", "a\x1b[2Jb"],
)
def test_names_that_are_no_plain_name(tmp_path: Path, outside: Path, ask: Ask, name: str) -> None:
    root = write_manifest(tmp_path / "db", [f"{name},p,frames,,,,,,,,,,,"])
    expect_refused(ask, "manifest", root, "cannot be the name")


# --- links ----------------------------------------------------------------------------------


def swap(path: Path, target: Path) -> None:
    """Put a link in the place of a folder or file."""
    path.rename(path.with_name(path.name + "_away"))
    path.symlink_to(target)


def test_a_clip_that_is_a_link_out_of_the_root(casme2: Path, outside: Path, ask: Ask) -> None:
    swap(casme2 / "CASME2_RAW_selected" / "sub01" / "EP99_02", outside)
    expect_refused(ask, "casme2", casme2, f"EP99_02 is a link that leads to {outside}")


def test_an_image_that_is_a_link_out_of_the_root(casme2: Path, outside: Path, ask: Ask) -> None:
    image = casme2 / "CASME2_RAW_selected" / "sub01" / "EP99_02" / "img50.jpg"
    image.unlink()
    image.symlink_to(outside / "img50.jpg")
    expect_refused(ask, "casme2", casme2, f"img50.jpg is a link that leads to {outside}")


def test_a_link_among_folders_that_are_the_annotation(
    tmp_path: Path, outside: Path, ask: Ask
) -> None:
    """SMIC has no sheet: a link out of the root is no clip."""
    root = write_smic(tmp_path / "db")
    negative = root / "SMIC_all_raw" / "HS" / "s3" / "micro" / "negative"
    (negative / "s3_ne_02").symlink_to(outside)
    answer = check(ask, "smic", root)
    assert answer.code == 0
    assert "3 clips, 2 subjects" in answer.out


def test_media_of_a_manifest_that_is_a_link(tmp_path: Path, outside: Path, ask: Ask) -> None:
    root = write_manifest(tmp_path / "db", ["a,p,link,,,,,,,,,,,"])
    (root / "link").symlink_to(outside)
    expect_refused(ask, "manifest", root, f"link is a link that leads to {outside}")


def test_a_sheet_that_is_a_link_is_not_there(tmp_path: Path, outside: Path, ask: Ask) -> None:
    header: Sequence[str] = ("Subject", "Filename")
    write_xlsx(outside / CASME2_SHEET, {"Sheet1": [header]})
    root = tmp_path / "db"
    root.mkdir()
    (root / CASME2_SHEET).symlink_to(outside / CASME2_SHEET)
    expect_refused(ask, "casme2", root, "no annotation file below", code=3)
