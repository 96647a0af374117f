"""Tables of events: a fixed form, whole or not at all, refused before any work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from merkit.errors import ConfigError
from merkit.export import write_events
from merkit.export.events import COLUMNS, check_target
from merkit.inference.recognizer import Analysis
from merkit.types import Event

CLASSES = ("negative", "positive")
EVENT = Event(1.23456, 1.4, 1.6, "positive", 0.87654, 2.5, {"negative": 0.12346, "positive": 0.87654}, 0.5)  # fmt: skip  # noqa: E501
FULL = Analysis(Path('a, "b".mp4'), (EVENT,), 6.0, 0.9)
EMPTY = Analysis(Path("none.mp4"), (), 2.0, 0.0, "none.mp4: no face found")


def test_csv_has_one_row_an_event(tmp_path: Path) -> None:
    write_events([FULL, EMPTY, FULL], CLASSES, tmp_path / "e.csv")
    text = (tmp_path / "e.csv").read_text(encoding="utf-8")
    lines = list(csv.reader(text.splitlines()))
    assert lines[0] == [*COLUMNS, "p_negative", "p_positive"]
    row = ['a, "b".mp4', "1.235", "1.400", "1.600", "positive", "0.8765", "2.500", "0.500"]
    assert lines[1:] == [[*row, "0.1235", "0.8765"]] * 2
    assert "\r" not in text


def test_a_table_without_events_keeps_its_header(tmp_path: Path) -> None:
    write_events([EMPTY], CLASSES, tmp_path / "e.csv")
    assert (tmp_path / "e.csv").read_text() == ",".join([*COLUMNS, "p_negative", "p_positive\n"])


def test_json_keeps_full_precision_and_the_reason(tmp_path: Path) -> None:
    write_events([FULL, EMPTY], CLASSES, tmp_path / "e.json")
    full, empty = json.loads((tmp_path / "e.json").read_text())
    assert full["events"][0]["onset_s"] == 1.23456
    assert full["events"][0]["probabilities"] == {"negative": 0.12346, "positive": 0.87654}
    assert full["duration_s"] == 6.0
    assert (empty["events"], empty["problem"]) == ([], "none.mp4: no face found")


def test_a_failed_write_leaves_the_old_table(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("old")
    with pytest.raises(KeyError):
        write_events([FULL], ("no such class",), tmp_path / "e.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["e.csv"]
    assert (tmp_path / "e.csv").read_text() == "old"


def test_targets_that_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "folder.csv").mkdir()
    for name, match in {
        "e.txt": r"\.csv or \.json",
        "e": r"\.csv or \.json",
        "old.csv": "exists",
        "folder.csv": "exists",
        "old.csv/e.csv": "no folder",
    }.items():
        with pytest.raises(ConfigError, match=match):
            check_target(tmp_path / name, overwrite=False)
    with pytest.raises(ConfigError, match="exists"):
        check_target(tmp_path / "folder.csv", overwrite=True)
    check_target(tmp_path / "old.csv", overwrite=True)
    check_target(tmp_path / "new" / "e.json", overwrite=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.csv", "old.csv"]
