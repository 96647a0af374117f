"""What every adapter does with a row: keep it as distributed, and read its action units."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from pathlib import Path

from merkit.datasets.action_units import coded_action_units
from merkit.datasets.sheets import Row, fingerprint, is_date
from merkit.types import ActionUnit

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@cache
def audited_sheets() -> dict[str, str]:
    """Fingerprint -> which sheet it is, for the files that the published counts were taken from.

    Another fingerprint is no error, but then the counts want a new look.
    """
    text = files("merkit.datasets").joinpath("data/fingerprints.csv").read_text("utf-8")
    return {row["sha256_prefix"]: row["what"] for row in csv.DictReader(text.splitlines())}


def sheet_version(path: Path) -> str:
    """File name and fingerprint: the version of the sheet that a score should name."""
    mark = fingerprint(path)
    known = audited_sheets().get(mark)
    return f"{path.name} sha256:{mark}" + (f" ({known})" if known else "")


def raw_fields(row: Row, version: str) -> dict[str, str]:
    """The row as distributed, plus ``sheet`` and ``sheet_row`` that it came from.

    Adapters may add ``objective_class`` (I to VII), and ``doubtful:<field>`` with the reason
    why a field is not as it seems.
    """
    return dict(row.values) | {"sheet": version, "sheet_row": str(row.number)}


def read_action_units(cell: str, raw: dict[str, str]) -> tuple[ActionUnit, ...] | None:
    """The cell's units, or None where nothing is coded; unreadable codes are noted in ``raw``."""
    units = coded_action_units(cell)
    if is_date(cell):
        raw["doubtful:action_units"] = f"a spreadsheet program made the date {cell[5:]} of the code"
    elif units is None and any(c.isdigit() for c in cell):
        raw["doubtful:action_units"] = f"'{cell}' cannot be read as action units"
    return units


def objective_class(cell: str) -> str:
    """Objective class as a Roman numeral, from "3", "III" or "iii"; "" when there is none."""
    text = cell.strip().upper()
    if text in ROMAN:
        return text
    return ROMAN[int(text) - 1] if text.isdecimal() and 1 <= int(text) <= len(ROMAN) else ""
