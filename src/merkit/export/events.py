"""Tables of events: CSV or JSON, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from merkit.errors import ConfigError
from merkit.files import atomic_file, write_json
from merkit.inference.recognizer import Analysis

#: columns before the probabilities of the classes; times in seconds from the video's start
COLUMNS = ("video", "onset_s", "apex_s", "offset_s", "label", "score", "motion_px", "face_found")


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a table that cannot be written, before any work is done.

    Raises:
        ConfigError: a suffix other than .csv and .json, a missing folder, an existing file.
    """
    if path.suffix.lower() not in (".csv", ".json"):
        raise ConfigError(f"--out {path}", "a file name ending in .csv or .json")
    if path.is_dir() or (path.exists() and not overwrite):
        raise ConfigError(f"{path} exists", "a new file", "choose another --out, or --overwrite")
    if path.parent.exists() and not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is no folder", "a folder for the table")


def write_events(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """Write the events of videos; a table without events keeps its header."""
    if path.suffix.lower() == ".json":
        write_json(path, [_document(analysis) for analysis in analyses])
        return
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"p_{name}" for name in classes)])
        for analysis in analyses:
            writer.writerows(_rows(analysis, classes))


def _rows(analysis: Analysis, classes: Sequence[str]) -> list[list[object]]:
    return [
        [
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
        for event in analysis.events
    ]


def _document(analysis: Analysis) -> dict[str, object]:
    return {
        "video": str(analysis.video),
        "duration_s": analysis.duration_s,
        "face_found_share": analysis.found_share,
        "problem": analysis.problem,
        "events": [asdict(event) for event in analysis.events],
    }
