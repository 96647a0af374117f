"""Excel: the table as a ``.xlsx`` with numbers as numbers, and a sheet that says what it holds.

No text becomes a formula or an error value: openpyxl makes them of what begins with ``=`` and of
words such as ``#N/A``, so the kind of the cell is set after its value. Unlike in a ``.csv``, no
apostrophe needs to stand before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from merkit import __version__
from merkit.errors import ConfigError
from merkit.export.exporter import Exporter
from merkit.export.tiers import plain
from merkit.inference.analysis import Analysis
from merkit.inference.columns import WORDS, meaning
from merkit.inference.table import table_of

#: rows that a sheet of Excel holds, the header among them
MOST_ROWS = 1_048_576
#: characters that a cell of Excel holds, in units of UTF-16
MOST = 32767
_CUT = " ... [cut here: Excel holds no more]"
_WIDTHS = {"video": 40, "regions": 50, "reasons": 50, "trained_on": 16}
_NOTES = (
    (
        "rows",
        "a row is a movement, a stretch of which nothing can be told, or a video without both",
    ),
    ("calm", "a time that lies in no row was watched, and nothing exceeded the threshold"),
    ("excluded", "a time inside a stretch was not judged, and does not count as calm"),
    ("left, right", "sides of the person, not of the picture; a mirrored video swaps them"),
    ("labels", "a label is a resemblance to training data: no feeling, lie or diagnosis"),
)


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    book = Workbook()
    events = book.active
    assert isinstance(events, Worksheet)
    events.title = "events"
    columns = _fill_events(events, analyses, classes)
    _fill_words(book.create_sheet("read me"), list(_about(analyses, columns)))
    book.save(path)


def _fill_events(
    sheet: Worksheet, analyses: Sequence[Analysis], classes: Sequence[str]
) -> list[str]:
    """The table, its header in view and with filters; returns the names of its columns."""
    table = table_of(analyses, classes)
    if len(table) >= MOST_ROWS:
        raise ConfigError(
            f"the table has {len(table)} rows; a sheet of Excel holds {MOST_ROWS}",
            "fewer videos, or another kind of file",
            "write a .csv",
        )
    columns = [str(name) for name in table]
    for place, name in enumerate(columns, 1):
        _put(sheet, 1, place, name)
        sheet.cell(1, place).font = Font(bold=True)
        width = _WIDTHS.get(name, max(10, len(name) + 3))
        sheet.column_dimensions[get_column_letter(place)].width = width
    for row, cells in enumerate(table.itertuples(index=False), 2):
        for place, (name, text) in enumerate(zip(columns, cells, strict=True), 1):
            _put(sheet, row, place, text if name in WORDS else _number(text))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    return columns


def _fill_words(sheet: Worksheet, rows: Sequence[tuple[str, str]]) -> None:
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 100
    for row, pair in enumerate(rows, 1):
        for place, text in enumerate(pair, 1):
            _put(sheet, row, place, text)
        sheet.cell(row, 1).font = Font(bold=True)
        sheet.cell(row, 2).alignment = Alignment(wrap_text=True, vertical="top")


def _about(analyses: Sequence[Analysis], columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "merkit", __version__
    yield "videos", str(len(analyses))
    trained_on = dict.fromkeys(name for a in analyses for name in a.trained_on)
    yield "model trained on", " ".join(trained_on) or "no model: nothing is named"
    yield from _NOTES
    yield "", ""
    for name in columns:
        yield name, meaning(name)


def _number(text: str) -> float | int | None:
    """The table's number; None of an empty cell."""
    if not text:
        return None
    return int(text) if text.isdecimal() else float(text)


def _held(text: str) -> str:
    """As much of a text as a cell holds, which Excel counts in units of UTF-16."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST:
        return text
    return units[: 2 * (MOST - len(_CUT))].decode("utf-16-le", errors="ignore") + _CUT


def _put(sheet: Worksheet, row: int, column: int, value: str | float | None) -> None:
    """Set a cell; a text stays one whatever it looks like."""
    if isinstance(value, str):
        value = _held(plain(value))
    if value in (None, ""):
        return
    cell = sheet.cell(row, column, value)
    if isinstance(value, str):
        cell.data_type = "s"


XLSX = Exporter("xlsx", "an Excel workbook: the table, and what it means", (".xlsx",), _write)
