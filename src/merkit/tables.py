"""Tables: as Parquet for merkit, and with cells that are safe to open in a spreadsheet program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from merkit.files import atomic_file


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table, whole or not at all. By a handle: in a path, a colon makes an address."""
    with atomic_file(path) as temporary, temporary.open("wb") as handle:
        table.to_parquet(handle, index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """A table that ``write_parquet`` wrote; its errors are OSError, ValueError and KeyError."""
    with path.open("rb") as handle:
        return pd.read_parquet(handle)


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with no text that a spreadsheet program would run as a formula: an apostrophe
    stands before it, as OWASP advises ("CSV injection"). Numbers stay numbers. What UTF-8 cannot
    hold, as in a file's name that is no Unicode, is written as an escape."""

    def safe(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.encode("utf-8", "backslashreplace").decode("utf-8")
        risky = text.startswith(("=", "+", "-", "@", "\t", "\r"))
        return f"'{text}" if risky and not _is_number(text) else text

    return table.map(safe).rename(columns=safe)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
