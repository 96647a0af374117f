"""Files of events: whole or not at all, refused before any work, open to others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from merkit import registry
from merkit.errors import ConfigError, MissingPackageError
from merkit.export import (
    EXPORTERS,
    Exporter,
    check_target,
    choose_exporter,
    held_by,
    write_events,
)
from merkit.inference.analysis import Analysis
from merkit.types import Event

CLASSES = ("negative", "positive")
EVENT = Event(
    "micro", 1.23456, 1.4, 1.6, 37, 42, 48, 2.5, 0.027, 0.4, found_share=0.5,
    label="positive", score=0.87654, probabilities={"negative": 0.12346, "positive": 0.87654},
)  # fmt: skip
FULL = Analysis(Path('a, "b".mp4'), (EVENT,), (), 6.0, 0.9)
EMPTY = Analysis(Path("none.mp4"), (), (), 2.0, 0.0, "none.mp4: no face found")


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
        "e.txt": r"e\.txt\n  wanted: .*\.csv \(a table.*\.json \(one object",
        "e": r"\.csv \(a table.*\.json \(one object",
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


def write_lines(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    path.write_text("".join(f"{a.video}: {len(a.events)} of {classes}\n" for a in analyses))


def write_half(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    path.write_text("half")
    raise OSError("disk full")


LINES = Exporter("lines", "one line a video", (".txt", ".log"), write_lines)
HALF = Exporter("half", "never whole", (".txt",), write_half)
OTHER_CSV = Exporter("semicolons", "for spreadsheets", (".csv",), write_lines)
NO_EXPORTER = OTHER_CSV.write


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Entry points of other packages: append to it, then use the registry."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: list(points))
    monkeypatch.setattr(EXPORTERS, "_found", None)
    monkeypatch.setattr(EXPORTERS, "_loaded", {})
    return points


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value if ":" in value else f"{__name__}:{value}", "merkit.exporters")


def test_an_exporter_of_another_package_is_chosen_by_its_suffix(
    installed: list[EntryPoint], tmp_path: Path
) -> None:
    installed.append(point("lines", "LINES"))
    write_events([FULL, EMPTY], CLASSES, tmp_path / "e.LOG")
    lines = (tmp_path / "e.LOG").read_text().splitlines()
    assert lines == [f"{FULL.video}: 1 of {CLASSES}", f"{EMPTY.video}: 0 of {CLASSES}"]
    with pytest.raises(ConfigError) as caught:
        check_target(tmp_path / "e.xls", overwrite=False)
    assert ".txt or .log (one line a video)" in caught.value.wanted


@pytest.mark.parametrize("broken", ["no.module:X", f"{__name__}:NO_EXPORTER", f"{__name__}:LINES"])
def test_a_broken_exporter_is_in_nobodys_way(
    installed: list[EntryPoint], tmp_path: Path, broken: str
) -> None:
    installed.append(point("broken", broken))
    write_events([FULL], CLASSES, tmp_path / "e.csv")
    write_events([FULL], CLASSES, tmp_path / "e.json")
    assert (tmp_path / "e.csv").read_text().startswith("video,")
    assert json.loads((tmp_path / "e.json").read_text())[0]["duration_s"] == 6.0
    with pytest.raises(ConfigError, match="'broken'"):  # it may be the one of this suffix
        choose_exporter(tmp_path / "e.txt")
    with pytest.raises((ConfigError, MissingPackageError), match="'broken'"):
        choose_exporter(tmp_path / "e.csv", "broken")


def test_two_exporters_of_one_suffix_are_named_and_one_is_chosen(
    installed: list[EntryPoint], tmp_path: Path
) -> None:
    installed.append(point("semicolons", "OTHER_CSV"))
    with pytest.raises(ConfigError, match=r"'csv' of merkit and 'semicolons' of ") as caught:
        choose_exporter(tmp_path / "e.csv")
    assert caught.value.fix == "choose with --format csv or semicolons"
    assert choose_exporter(tmp_path / "e.csv", "semicolons") is OTHER_CSV
    assert choose_exporter(tmp_path / "e.csv", "csv").suffixes == (".csv",)
    assert choose_exporter(tmp_path / "e.tsv", "csv").name == "csv"
    with pytest.raises(ConfigError, match=r"unknown exporter 'cvs'[\s\S]*did you mean 'csv'"):
        choose_exporter(tmp_path / "e.csv", "cvs")


def test_no_exporter_leaves_half_a_file(installed: list[EntryPoint], tmp_path: Path) -> None:
    installed.append(point("half", "HALF"))
    with pytest.raises(ConfigError, match=r"cannot write .*e\.txt: disk full"):
        write_events([FULL], CLASSES, tmp_path / "e.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffixes", [("csv",), (".CSV",), ".csv"])
def test_suffixes_that_no_path_would_match_are_refused(suffixes: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="suffixes"):
        Exporter("x", "x", suffixes, write_lines)


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx", "eaf", "boris", "tsv", "TextGrid"])
def test_a_file_name_that_is_no_unicode_costs_nothing(suffix: str, tmp_path: Path) -> None:
    """Names are bytes on Linux; after an hour of work is no time to find out."""
    odd = replace(FULL, video=tmp_path / "caf\udce9.mp4")
    (file,) = write_events([odd], CLASSES, tmp_path / f"e.{suffix}")
    assert (b"1.235" if suffix not in {"json", "xlsx", "eaf"} else b"") in file.read_bytes()
    file.read_bytes().decode("latin-1" if suffix == "xlsx" else "utf-8")


def test_what_each_file_holds(tmp_path: Path) -> None:
    """A folder with one file, since one of two videos was not read, holds that video alone."""
    read = replace(FULL, video=Path("a.mp4"))
    analyses = [Analysis.unreadable(Path("b.mp4"), "damaged"), read]
    files = write_events(analyses, CLASSES, tmp_path / "codes", "elan")
    assert held_by(files, tmp_path / "codes", analyses) == [(tmp_path / "codes" / "a.eaf", [1])]
    files = write_events(analyses, CLASSES, tmp_path / "e.csv")
    assert held_by(files, tmp_path / "e.csv", analyses) == [(tmp_path / "e.csv", [0, 1])]
