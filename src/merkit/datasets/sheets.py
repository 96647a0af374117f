"""Annotation tables: the right sheet, the header row, and rows that know where they stand."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from merkit.datasets.workbooks import DATE_MARK, EMPTY_RUN, Sheet, read_workbook
from merkit.errors import DatasetError
from merkit.files import file_hash

#: Cells that stand for "no value" where a number is wanted (compared in lower case).
MISSING = frozenset({"", "/", "-", "?", "null", "nan", "none", "na", "n/a"})
#: Rows in which the header is looked for.
HEADER_WITHIN = 60
#: column of a copy -> what it is called elsewhere (both as ``_loose_key`` makes them)
_SAME_COLUMN = {
    "actionunits": "au",
    "actionunit": "au",
    "aus": "au",
    "estimatedemotion": "emotion",
    "emotions": "emotion",
    "objectiveclasses": "objectiveclass",
    "participant": "subject",
    "subjectid": "subject",
    "subjects": "subject",
    "framerate": "fps",
    "framespersecond": "fps",
    "frameratefps": "fps",
    "frameratehz": "fps",
    "fpshz": "fps",
    "videoname": "filename",
    "clipname": "filename",
    "foldername": "filename",
    "file": "filename",
}
_COMPARE = "compare the row with the sheet as the owner distributes it"
_AS_DISTRIBUTED = "use the annotation file as the owner distributes it"
#: Which sheet of a file: its name, its index, or a test of its name.
SheetChoice: TypeAlias = str | int | Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One data row. ``values``: column -> cell as distributed; ``number`` counts from 1 as
    spreadsheet programs show it; ``row["Column"]`` is the cell without outer spaces;
    ``version``: the sheet that a score should name."""

    values: Mapping[str, str]
    number: int
    source: str
    version: str = ""

    def __getitem__(self, column: str) -> str:
        return self.values[column].strip()

    def get(self, column: str, default: str = "") -> str:
        """The cell without outer spaces, or ``default`` where the sheet lacks the column."""
        return self.values.get(column, default).strip()

    @property
    def where(self) -> str:
        """File, sheet and row, for messages."""
        return f"{self.source}, row {self.number}"

    def raw(self) -> dict[str, str]:
        """The row as distributed, plus ``sheet`` and ``sheet_row`` that it came from."""
        return {**self.values, "sheet": self.version, "sheet_row": str(self.number)}

    def integer(self, column: str) -> int | None:
        """A whole number, or None for an empty or missing-value cell.

        Raises:
            DatasetError: anything else, naming the row.
        """
        text = self.get(column)
        if text.lower() in MISSING:
            return None
        try:
            return int(text.removesuffix(".0"))
        except ValueError:
            found = f"column '{column}' holds '{text[:60]}'"
            raise self.error(found, "a whole number, or an empty cell", _COMPARE) from None

    def error(self, found: str, wanted: str, fix: str = "") -> DatasetError:
        """An error that names the row."""
        return DatasetError(f"{self.where}: {found}", wanted, fix)

    @contextmanager
    def located(self) -> Iterator[None]:
        """Let a DatasetError from within name the row."""
        try:
            yield
        except DatasetError as error:
            raise self.error(error.found, error.wanted, error.fix) from None


def is_date(text: str) -> bool:
    """Whether a cell was stored as a date (often a code that a spreadsheet program changed)."""
    return text.startswith(DATE_MARK)


def frame_rate(text: str) -> float | None:
    """Frames a second, None where the cell holds no number above 0."""
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0 < rate < math.inf else None


def fingerprint(path: Path) -> str:
    """First eight hexadecimal digits of the file's SHA-256, to name a sheet's version by."""
    return file_hash(path)[:8]


@cache
def shipped_table(name: str, package: str = "merkit.datasets") -> tuple[dict[str, str], ...]:
    """The rows of one of merkit's own tables, ``data/<name>.csv`` of a package."""
    text = files(package).joinpath(f"data/{name}.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def sheet_version(path: Path) -> str:
    """File name and fingerprint, and which sheet it is where the published counts were taken
    from it. Another fingerprint is no error, but then the counts want a new look."""
    mark = fingerprint(path)
    known = [row["what"] for row in shipped_table("fingerprints") if row["sha256_prefix"] == mark]
    return f"{path.name} sha256:{mark}" + (f" ({known[0]})" if known else "")


def column_key(name: str) -> str:
    """A column's name for comparison: case, spaces and trailing apostrophes do not count."""
    return " ".join(name.split()).strip("'\u2019 ").casefold()


def read_table(
    path: Path,
    required_columns: Sequence[str] = (),
    *,
    sheet: SheetChoice | None = None,
    prefer: str = "",
    columns: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    spare: Callable[[Row], bool] = lambda row: False,
) -> list[Row]:
    """The data rows of one table, every cell as text.

    Args:
        path: ``.xlsx``, ``.xls`` or ``.csv``.
        required_columns: names that the header must have; the returned rows use these
            spellings. Other columns keep their own; unnamed ones become ``unnamed_<i>``,
            i counted from 0.
        sheet: which to read; None: the sheet with the columns.
        prefer: name of the sheet to take where several have the columns. Without it one of them
            may have data rows.
        columns: names for a sheet without a header, in order; every row is data then.
        optional: names that the returned rows use for columns that may be there.
        spare: rows whose formulas without a stored value are no matter.

    Raises:
        MissingDataError: no such file.
        DatasetError: unreadable file, no sheet with these columns or several, merged cells or
            formulas without a stored value in required columns, data far below the table.
    """
    chosen = _allowed(path, read_workbook(path), sheet, prefer)
    if columns is not None:
        header = dict(enumerate(columns))
        return _rows(path, chosen[0], 0, header, set(header), spare)
    found = [(s, _find_header(s, required_columns)) for s in chosen]
    tables = [(candidate, at) for candidate, at in found if at is not None]
    if not tables:
        raise _no_header(path, chosen, required_columns)
    table, at = _the_one(path, tables, prefer)
    header = _header(table.rows[at], (*required_columns, *optional))
    needed = {i for i, name in header.items() if name in required_columns}
    return _rows(path, table, at + 1, header, needed, spare)


def has_columns(path: Path, columns: Sequence[str]) -> bool:
    """Whether the file can be read and some sheet of it has a header with these columns."""
    try:
        sheets = read_workbook(path)
    except DatasetError:
        return False
    return any(_find_header(sheet, columns) is not None for sheet in sheets)


def complete_rows(rows: Sequence[Row], columns: Sequence[str]) -> list[Row]:
    """Rows with all ``columns`` filled; notes and sums below the table are left out.

    Raises:
        DatasetError: a row inside the table lacks one of them.
    """
    full = [row for row in rows if all(row.get(c) for c in columns)]
    last = full[-1].number if full else 0
    for row in rows:
        lacking = [c for c in columns if not row.get(c)]
        if row.number < last and lacking and len(lacking) < len(columns):
            wanted = f"a value in each of {list(columns)}"
            raise row.error(f"no value in {lacking}", wanted, _COMPARE)
    return full


def _allowed(
    path: Path, sheets: list[Sheet], wanted: SheetChoice | None, prefer: str
) -> list[Sheet]:
    if isinstance(wanted, int):
        found = sheets[wanted : wanted + 1]
    elif isinstance(wanted, str):
        found = [s for s in sheets if column_key(s.name) == column_key(wanted)]
    elif wanted is not None:
        found = [s for s in sheets if wanted(s.name)]
    else:
        found = sheets
    if not found:
        needed = f"a sheet named '{wanted}'" if isinstance(wanted, str) else "the database's sheet"
        needed = f"at least {wanted + 1} sheets" if isinstance(wanted, int) else needed
        names = [s.name for s in sheets]
        raise DatasetError(f"{path.name} has the sheets {names}", needed, _AS_DISTRIBUTED)
    return sorted(found, key=lambda s: column_key(s.name) != column_key(prefer))


def _the_one(path: Path, tables: list[tuple[Sheet, int]], prefer: str) -> tuple[Sheet, int]:
    """The preferred of several tables (sheet and header row), or the only one with data."""
    if len(tables) == 1 or column_key(tables[0][0].name) == column_key(prefer):
        return tables[0]
    filled = [(s, at) for s, at in tables if any(s.rows[at + 1 :]) or s.uncached or s.resumes]
    if len(filled) > 1:
        raise DatasetError(
            f"{path.name}: {len(filled)} sheets have the columns and data: "
            f"{[sheet.name for sheet, _ in filled]}",
            "one, so that the score names its sheet",
            "keep the one you want and move the others into a file elsewhere",
        )
    return (filled or tables)[0]


def _find_header(sheet: Sheet, required: Sequence[str]) -> int | None:
    """Index of the first row with the columns."""
    for place, row in enumerate(sheet.rows[:HEADER_WITHIN]):
        if row and len(_matched(row, required)) == len(required):
            return place
    return None


def _matched(cells: Sequence[str], wanted: Sequence[str]) -> dict[int, str]:
    """Column index -> which of the wanted names it has: as distributed, or in a spelling of copies
    in circulation where one column alone has it."""
    first: dict[str, int] = {}
    for i, cell in enumerate(cells):
        first.setdefault(column_key(cell), i)
    found = {first[column_key(name)]: name for name in wanted if column_key(name) in first}
    loose: dict[str, list[int]] = {}
    for i, cell in enumerate(cells):
        if cell.strip() and i not in found:
            loose.setdefault(_loose_key(cell), []).append(i)
    for name in wanted:
        places = loose.get(_loose_key(name), [])
        if name not in found.values() and len(places) == 1:
            found[places[0]] = name
    return found


def _loose_key(name: str) -> str:
    """A column's name without separators, in the words that copies of sheets use for one thing."""
    key = "".join(c for c in name.casefold() if c.isalnum())
    key = key.removesuffix("number").removesuffix("no")
    key = key.removesuffix("frames").removesuffix("frame") or key
    return _SAME_COLUMN.get(key, key)


def _header(cells: Sequence[str], known: Sequence[str]) -> dict[int, str]:
    """Column index -> name: as known, as distributed, or ``unnamed_<i>``."""
    spelling = _matched(cells, known)
    names: dict[int, str] = {}
    for i, cell in enumerate(cells):
        name = spelling.get(i, cell.strip()) or f"unnamed_{i}"
        names[i] = f"{name}_{i}" if name in names.values() else name
    return names


def _rows(
    path: Path,
    sheet: Sheet,
    start: int,
    header: dict[int, str],
    need: set[int],
    spare: Callable[[Row], bool],
) -> list[Row]:
    source = f"{path.name}, sheet '{sheet.name}'"
    _refuse_far_below(source, sheet, need)
    version = sheet_version(path)
    rows = []
    for number, cells in enumerate(sheet.rows[start:], start + 1):
        formulas = sheet.uncached.get(number, {})
        if not cells and not formulas:
            continue
        full = dict(enumerate(cells))
        values = {
            header.get(i, f"unnamed_{i}"): full.get(i) or formulas.get(i, "")
            for i in range(max(len(cells), len(header)))
        }
        row = Row(values, number, source, version)
        for i in sorted(need & set(formulas)) if not spare(row) else ():
            raise row.error(
                f"column '{header[i]}' holds the formula '{formulas[i][:60]}' "
                "without a stored value",
                "a value (formulas are never computed here)",
                "open the file in a spreadsheet program and save it, so that values are stored",
            )
        rows.append(row)
    if rows:
        _refuse_merged(source, sheet, start + 1, rows[-1].number, need)
    return rows


def _refuse_far_below(source: str, sheet: Sheet, need: set[int]) -> None:
    """Rows that the long run of empty ones above them would cut off."""
    formulas = [r for r, cells in sheet.uncached.items() if r > len(sheet.rows) and need & {*cells}]
    far = min([*formulas, *([sheet.resumes] if sheet.resumes else [])], default=0)
    if far:
        raise DatasetError(
            f"{source}: after more than {EMPTY_RUN} empty rows the data go on in row {far}",
            "one table without a large gap",
            "delete the empty rows, or what stands below them if it is not of the table",
        )


def _refuse_merged(source: str, sheet: Sheet, first: int, last: int, need: set[int]) -> None:
    for merged in sheet.merged:
        columns = set(range(merged.first_column - 1, merged.last_column))
        if merged.last_row >= first and merged.first_row <= last and columns & need:
            raise DatasetError(
                f"{source}: the cells {merged.ref} are merged, so rows lack their own values",
                "one value in each cell",
                "unmerge them and fill every row, or use the sheet as the owner distributes it",
            )


def columns_seen(path: Path, wanted: Sequence[str]) -> str:
    """The sheets of a table file and the columns of each, for messages; in a row of
    ``HEADER_WITHIN`` that is most like the wanted ones."""
    try:
        return f"{path.name} with {_seen(read_workbook(path), wanted)}"
    except DatasetError as error:
        return f"{path.name}, not readable ({error.found})"
    except OSError as error:
        return f"{path.name}, not readable ({error.strerror})"


def _seen(sheets: Sequence[Sheet], wanted: Sequence[str]) -> str:
    seen = []
    for sheet in sheets:
        rows = [row for row in sheet.rows[:HEADER_WITHIN] if any(c.strip() for c in row)]
        best = max(rows, key=lambda row: len(_matched(row, wanted)), default=())
        seen.append(f"'{sheet.name}': {[c.strip() for c in best if c.strip()][:16]}")
    return "; ".join(seen)


def _no_header(path: Path, sheets: list[Sheet], required: Sequence[str]) -> DatasetError:
    return DatasetError(
        f"{path.name}: no sheet has the columns; seen are {_seen(sheets, required)}",
        f"a header row with {list(required)}",
        _AS_DISTRIBUTED,
    )
