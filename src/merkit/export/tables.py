"""Tables of events as CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from merkit.export import Exporter
from merkit.files import write_json

if TYPE_CHECKING:
    from merkit.inference.recognizer import Analysis

#: columns before the probabilities of the classes; times in seconds from the video's start
COLUMNS = ("video", "onset_s", "apex_s", "offset_s", "label", "score", "motion_px", "face_found")


def _write_csv(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """One row an event; a table without events keeps its header."""
    rows = [row for analysis in analyses for row in _rows(analysis, classes)]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *(f"p_{name}" for name in classes)])
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _rows(analysis: Analysis, classes: Sequence[str]) -> Iterator[list[str]]:
    for event in analysis.events:
        yield [
            str(analysis.video),
            f"{event.onset_s:.3f}",
            f"{event.apex_s:.3f}",
            f"{event.offset_s:.3f}",
            event.label,
            f"{event.score:.4f}",
            f"{event.motion_px:.3f}",
            f"{event.found_share:.3f}",
            *(f"{event.probabilities[name]:.4f}" for name in classes),
        ]


def _write_json(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """One object a video, also for those without events; numbers in full."""
    write_json(path, [_document(analysis) for analysis in analyses])


def _document(analysis: Analysis) -> dict[str, object]:
    return {
        "video": str(analysis.video),
        "duration_s": analysis.duration_s,
        "face_found_share": analysis.found_share,
        "problem": analysis.problem,
        "events": [asdict(event) for event in analysis.events],
    }


CSV = Exporter("csv", "a table, one row an event", (".csv",), _write_csv)
JSON = Exporter("json", "one object a video, in full precision", (".json",), _write_json)
