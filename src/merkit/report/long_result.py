"""A finished run on long videos, written and read in one place.

metrics.json, and four tables: recordings, truth (annotated events), events and stretches. Their
columns are a contract (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.errors import StoreError
from merkit.files import write_json
from merkit.report.result import AGAIN, read_document, read_metrics, read_task
from merkit.scoring.long_videos import LongScores
from merkit.tables import read_parquet, write_parquet

TABLES = ("recordings", "truth", "events", "stretches")


@dataclass(frozen=True)
class LongResult:
    """``document`` of run.json, ``scores`` of metrics.json, and the tables by name."""

    folder: Path
    document: Mapping[str, Any]
    scores: LongScores
    tables: Mapping[str, pd.DataFrame]

    @property
    def settings(self) -> Mapping[str, Any]:
        return dict(self.document["settings"])

    def write(self) -> None:
        """Write metrics.json and the tables, each whole or not at all."""
        for name in TABLES:
            write_parquet(self.folder / f"{name}.parquet", self.tables[name])
        write_json(self.folder / "metrics.json", asdict(self.scores))


def read_long_result(folder: Path) -> LongResult:
    """A finished run of task ``spotting`` or ``spot-recognise``.

    Raises:
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
    """
    document = read_document(folder, read_task(folder))
    scores = read_metrics(folder, LongScores)
    try:
        tables = {name: read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{folder} cannot be read: {error}", "a finished run", AGAIN) from None
    return LongResult(folder, document, scores, tables)
