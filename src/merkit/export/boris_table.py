"""BORIS's table of events, tab-separated, for scripts that read BORIS's own.

Columns are those of its "Export events > Tabular" (BORIS 10.0, ``export_observation.py``), which
writes one file an observation; here all stand in one, told apart by ``Observation id``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from merkit.export.boris import media_path
from merkit.export.boris_marks import Observation, observations_of, one_line
from merkit.export.exporter import Exporter
from merkit.inference.analysis import Analysis
from merkit.tables import safe_cells

_NOT_KNOWN = "NA"


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    observations = observations_of(analyses, classes)
    most = max((len(m.modifiers) for one in observations for m in one.marks), default=0)
    now = datetime.now().isoformat(sep=" ", timespec="seconds")
    rows = [row for one in observations for row in _rows(one, most, now, path.parent)]
    table = safe_cells(pd.DataFrame(rows, columns=_columns(most), dtype=object))
    text = table.to_csv(index=False, sep="\t", lineterminator="\n")
    path.write_text(text, encoding="utf-8")


def _columns(modifiers: int) -> list[str]:
    return [
        *("Observation id", "Observation date", "Description", "Observation duration"),
        *("Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS"),
        *("Subject", "Behavior", "Behavioral category"),
        *(f"Modifier #{place}" for place in range(1, modifiers + 1)),
        *("Behavior type", "Time", "Media file name", "Image index", "Image file path", "Comment"),
    ]


def _rows(one: Observation, modifiers: int, now: str, folder: Path) -> Iterator[list[str]]:
    kind, source, media, fps = "Live observation", _NOT_KNOWN, _NOT_KNOWN, _NOT_KNOWN
    length = f"{one.length_s:.3f}"
    if one.info is not None:
        kind, media = "Media file(s)", media_path(one.analysis.video, folder)
        source, fps = f"player #1:{media}", f"{one.info.fps_hz:.3f}"
    described = one_line(one.analysis.problem)
    observation = [one.name, now, described, length, kind, source, "0.0"]
    observation += [_NOT_KNOWN if one.info is None else length, fps]
    for mark in one.marks:
        empty = [""] * (modifiers - len(mark.modifiers))
        index = _NOT_KNOWN if one.info is None else str(mark.frame)
        yield [
            *(*observation, mark.subject, mark.code, ""),
            *(*mark.modifiers, *empty),
            *(mark.status, f"{mark.time_s:.3f}", media, index, _NOT_KNOWN),
            mark.comment,
        ]


BORIS_TABLE = Exporter(
    "boris-table", "events as BORIS tabulates them, tab-separated", (".tsv",), _write
)
