"""Workbooks and CSV files as plain text cells: nothing is guessed, evaluated or followed.

Every cell becomes text as distributed: whole numbers without ".0", other numbers as Python
prints them, dates marked with ``date:`` (a spreadsheet program makes dates out of codes such
as "1.2"), errors and words such as ``NULL`` or ``/`` as they stand, empty cells "".
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from merkit.errors import DatasetError, MissingDataError

if TYPE_CHECKING:
    import xlrd

#: Rows after which a run of empty ones is taken for the end of the sheet.
EMPTY_RUN = 1_000
#: Empty rows that are gone through to see whether something follows all the same.
MAX_EMPTY = 200_000
MAX_ROWS = 200_000
MAX_UNPACKED_BYTES = 256 * 2**20
DATE_MARK = "date:"
#: Encodings offered in the message about a CSV file that is not UTF-8.
_OTHER_ENCODINGS = ("gb18030", "shift_jis", "cp1252")
#: The cells of one row; () for an empty one.
Cells: TypeAlias = tuple[str, ...]
#: Row from 1 -> column from 0 -> formula.
Formulas: TypeAlias = dict[int, dict[int, str]]


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged range; rows and columns count from 1 and are inclusive."""

    ref: str
    first_column: int
    first_row: int
    last_column: int
    last_row: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of one sheet. ``uncached``: row from 1 -> column from 0 -> formula without a
    value. ``resumes``: number from 1 of the first filled row after the end, 0 for none."""

    name: str
    rows: tuple[Cells, ...]
    merged: tuple[Merged, ...] = ()
    uncached: Formulas = field(default_factory=dict)
    resumes: int = 0


def cell_text(value: object) -> str:
    """One cell as text; see the module's docstring."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime) and value.time() == time(0):
        value = value.date()
    if isinstance(value, date | time):
        return DATE_MARK + value.isoformat()
    return DATE_MARK + str(value) if isinstance(value, timedelta) else str(value)


def read_workbook(path: Path) -> list[Sheet]:
    """All sheets of an ``.xlsx``, ``.xls`` or ``.csv`` file, the kind told by its first bytes.

    Raises:
        MissingDataError: no such file.
        DatasetError: not a workbook, damaged, too large, or a CSV in another encoding.
    """
    if not path.is_file():
        raise MissingDataError(f"{path} is not a file", "an annotation sheet")
    with path.open("rb") as stream:
        magic = stream.read(8)
    try:
        if magic.startswith(b"PK"):
            return _read_xlsx(path)
        if magic.startswith(b"\xd0\xcf\x11\xe0"):
            return _read_xls(path)
    except DatasetError:
        raise
    except Exception as error:  # openpyxl and xlrd raise whatever broken bytes lead them into
        raise DatasetError(
            f"{path.name} cannot be read as a workbook: {error}",
            "a whole .xlsx or .xls file without a password",
            "get the sheet again from the owner, or open it and save it as .xlsx",
        ) from error
    if path.suffix.lower() not in {".csv", ".tsv", ".txt"}:
        raise DatasetError(
            f"{path.name} starts with {magic!r}, which no workbook does",
            "a real .xlsx or .xls file, or text named .csv",
            "get the sheet again from the owner",
        )
    rows, resumes = _read_csv(path)
    return [Sheet(path.stem, rows, resumes=resumes)]


def _until_empty(rows: Iterable[Cells], path: Path) -> tuple[tuple[Cells, ...], int]:
    """Rows up to the first long run of empty ones, and the row where data go on after it."""
    kept: list[Cells] = []
    empty = 0
    for number, row in enumerate(rows, 1):
        filled = any(text.strip() for text in row)
        if filled and empty > EMPTY_RUN:
            return tuple(kept), number
        if filled and number > MAX_ROWS:
            raise DatasetError(
                f"{path.name} has more than {MAX_ROWS} rows", "an annotation sheet", ""
            )
        empty = 0 if filled else empty + 1
        if empty > MAX_EMPTY:
            break
        if empty <= EMPTY_RUN:
            kept.append(row if filled else ())
    return tuple(kept), 0


def _read_xlsx(path: Path) -> list[Sheet]:
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise DatasetError(
                f"{path.name} unpacks to {unpacked / 2**20:.0f} MB",
                f"at most {MAX_UNPACKED_BYTES / 2**20:.0f} MB",
                "delete unused sheets and formatting, or save it as .csv",
            )
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        with zipfile.ZipFile(path) as archive:
            xml = {ws.title: archive.read(ws._worksheet_path) for ws in book.worksheets}
        formulas = _formula_cells(path, {name for name, text in xml.items() if b"<f" in text})
        sheets = []
        for ws in book.worksheets:
            ws.reset_dimensions()  # some writers give a wrong extent, which would cut the sheet
            values = (tuple(map(cell_text, row)) for row in ws.iter_rows(values_only=True))
            rows, resumes = _until_empty(values, path)
            uncached = _uncached(rows, formulas.get(ws.title, {}))
            sheets.append(Sheet(ws.title, rows, _merged(xml[ws.title]), uncached, resumes))
        return sheets
    finally:
        book.close()


def _uncached(rows: Sequence[Cells], formulas: Formulas) -> Formulas:
    """The formulas beside which no value is stored."""
    found: Formulas = {}
    for number, cells in formulas.items():
        values = dict(enumerate(rows[number - 1])) if number <= len(rows) else {}
        lacking = {column: text for column, text in cells.items() if not values.get(column)}
        if lacking:
            found[number] = lacking
    return found


def _formula_cells(path: Path, names: set[str]) -> dict[str, Formulas]:
    """Sheet -> its formulas; the values are read apart, so nothing is computed."""
    import openpyxl

    if not names:
        return {}
    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    found: dict[str, Formulas] = {name: {} for name in names}
    try:
        for name in names:
            book[name].reset_dimensions()
            empty = 0
            for row in book[name].iter_rows():
                filled = [cell for cell in row if cell.value is not None]
                empty = 0 if filled else empty + 1
                if empty > MAX_EMPTY:
                    break
                for cell in filled:
                    if cell.data_type == "f":
                        found[name].setdefault(cell.row, {})[cell.column - 1] = str(cell.value)
    finally:
        book.close()
    return found


def _merged(xml: bytes) -> tuple[Merged, ...]:
    from openpyxl.utils.cell import range_boundaries

    refs = re.findall(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([^"]+)"', xml)
    return tuple(Merged(ref.decode(), *range_boundaries(ref.decode())) for ref in refs)


def _read_xls(path: Path) -> list[Sheet]:
    import xlrd

    book = xlrd.open_workbook(str(path), formatting_info=True)
    sheets = []
    for ws in book.sheets():
        cells = (
            tuple(_xls_text(cell, book.datemode) for cell in ws.row(r)) for r in range(ws.nrows)
        )
        merged = tuple(
            Merged(f"rows {r0 + 1}-{r1}, columns {c0 + 1}-{c1}", c0 + 1, r0 + 1, c1, r1)
            for r0, r1, c0, c1 in ws.merged_cells
        )
        rows, resumes = _until_empty(cells, path)
        sheets.append(Sheet(ws.name, rows, merged, resumes=resumes))
    return sheets


def _xls_text(cell: xlrd.sheet.Cell, datemode: int) -> str:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            return cell_text(xlrd.xldate_as_datetime(cell.value, datemode))
        except (ValueError, OverflowError):
            return DATE_MARK + cell_text(cell.value)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return cell_text(bool(cell.value))
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
    return cell_text(cell.value)


def _read_csv(path: Path) -> tuple[tuple[Cells, ...], int]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _encoding_error(path, data, error.start) from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max((",", ";", "\t"), key=first.count)
    try:
        rows = (tuple(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter))
        return _until_empty(rows, path)
    except csv.Error as error:
        raise DatasetError(
            f"{path.name} is not readable as CSV: {error}",
            "rows of cells divided by commas, quotes in pairs",
            "save the sheet again as CSV UTF-8",
        ) from error


def _encoding_error(path: Path, data: bytes, at: int) -> DatasetError:
    offered = []
    marked = ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else _OTHER_ENCODINGS
    for name in marked:
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        offered.append(name)
    line = data[:at].count(b"\n") + 1
    looks = f"it may be {' or '.join(offered)}; " if offered else ""
    return DatasetError(
        f"{path.name} holds the byte 0x{data[at]:02x} at position {at} (line {line}), "
        "which is not UTF-8",
        "a CSV file in UTF-8",
        f"{looks}save it as 'CSV UTF-8', or use the .xlsx it came from",
    )
