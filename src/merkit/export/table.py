"""The table of what was found (``merkit.inference.table``) as a ``.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.export.exporter import Exporter
from merkit.inference.analysis import Analysis
from merkit.inference.table import table_of
from merkit.tables import safe_cells


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    text = safe_cells(table_of(analyses, classes)).to_csv(index=False, lineterminator="\n")
    path.write_text(text, encoding="utf-8")


CSV = Exporter("csv", "a table, one row an event or stretch", (".csv",), _write)
