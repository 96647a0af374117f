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
from pydantic import TypeAdapter, ValidationError

from merkit.errors import StoreError
from merkit.files import read_json, write_json
from merkit.report.result import read_document, read_task
from merkit.scoring.long_videos import LongScores
from merkit.tables import read_parquet, write_parquet

TABLES = ("recordings", "truth", "events", "stretches")
_AGAIN = "run the same 'merkit evaluate' again; it goes on where it stopped"


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
    path = folder / "metrics.json"
    if not path.is_file():
        raise StoreError(
            f"{folder} has no metrics.json: the run is not finished", "a finished run", _AGAIN
        )
    content = read_json(path, LongScores.__dataclass_fields__, "JSON written by merkit", _AGAIN)
    try:
        scores = TypeAdapter(LongScores).validate_python(content)
        tables = {name: read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(
            f"{path}: {place} is {first['input']!r}: {first['msg'].lower()}",
            "JSON written by merkit",
            _AGAIN,
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{folder} cannot be read: {error}", "a finished run", _AGAIN) from None
    return LongResult(folder, document, scores, tables)
