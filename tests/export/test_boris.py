"""BORIS: its own code loads the project, and its table has its columns.

BORIS is GPL-3 and needs Python 3.13, so it is no dependency, not even of the tests: name a Python
that has boris-behav-obs in MERKIT_BORIS_PYTHON, and they ask it. Without, the form is held against
what BORIS 10.0.2 was seen to ask for.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from export_analyses import CLASSES, HARD_NAME, faceless, full, still, unread, video

from merkit.export import write_events
from merkit.inference.analysis import Analysis

BORIS_PYTHON = os.environ.get("MERKIT_BORIS_PYTHON", "")
_UNITS = "L1,12"
_HARD = "pos & <neg> 😀"  # no line ends in a modifier
#: subject, behaviour, modifiers, begin and end; of a point twice its time
STATES = [
    ("face 1", "apex", "", 0.3, 0.3),
    ("face 1", "apex", "", 0.5, 0.5),
    ("face 1", "apex", "", 1.4, 1.4),
    ("face 1", "apex", "", 1.8, 1.8),
    ("face 1", "blink", "", 0.2, 0.4),
    ("face 1", "excluded", "head movement|face", 1.5, 2.0),
    ("face 1", "excluded", "speech|lower face", 1.0, 1.9),
    ("face 1", "gaze shift", "", 0.5, 0.533),
    ("face 1", "micro", f"{_HARD}|None", 1.6, 2.0),
    ("face 1", "micro", f"positive|{_UNITS}", 1.235, 1.6),
    ("face 1 overlap 2", "apex", "", 1.5, 1.5),
    ("face 1 overlap 2", "micro", f"positive|{_UNITS}", 1.3, 1.7),
]


@pytest.fixture
def analyses(tmp_path: Path) -> list[Analysis]:
    """A video by a hard name with sound, one without anything, one without a face, two of one name,
    a folder of images, and one that could not be read."""
    (tmp_path / "images").mkdir()
    folder = tmp_path / "re cordings"
    return [
        full(video(folder, HARD_NAME, sound=True)),
        still(video(folder)),
        faceless(video(folder / "day2")),
        full(tmp_path / "images"),
        unread(folder / "broken.mp4"),
    ]


def written(analyses: list[Analysis], path: Path, *classes: str) -> dict[str, Any]:
    write_events(analyses, classes or CLASSES, path)
    return json.loads(path.read_text(encoding="ascii"))  # BORIS reads in the encoding of the system


def paired(project: dict[str, Any], name: str) -> Iterator[tuple[object, ...]]:
    """Subject, behaviour, modifiers, begin and end: each begin with the next row that equals it."""
    kinds = {one["code"]: one["type"] for one in project["behaviors_conf"].values()}
    rows = [(row[0], *row[1:4]) for row in project["observations"][name]["events"]]
    while rows:
        begin, *what = rows.pop(0)
        if kinds[what[1]] == "Point event":
            yield (*what, begin, begin)
        else:
            place = next(i for i, row in enumerate(rows) if list(row[1:]) == what)
            yield (*what, begin, rows.pop(place)[0])


def test_states_pair_whatever_overlaps(analyses: list[Analysis], tmp_path: Path) -> None:
    project = written(analyses, tmp_path / "p.boris")
    name = f"sound {HARD_NAME.removesuffix('.mp4')}"
    assert list(project["observations"]) == [name, "v", "v 2", "images", "broken"]
    assert sorted(paired(project, name)) == STATES
    assert sorted(paired(project, "images")) == STATES
    rows = project["observations"][name]["events"]
    assert rows == sorted(rows, key=lambda row: row[0])
    begin = next(row for row in rows if row[2] == "micro")
    assert begin == [1.235, "face 1", "micro", "positive|L1,12",
                     "score 0.81; quality 0.75; near a blink; a b", 37]  # fmt: skip
    blink = next(row for row in rows if row[2] == "blink")
    assert blink[3:5] == ["", "negative; quality 1.00"]
    assert list(paired(project, "v")) == []
    assert list(paired(project, "v 2")) == [("face 0", "excluded", "no face|face", 0.0, 2.2)]


def test_an_observation_says_what_it_is_of(analyses: list[Analysis], tmp_path: Path) -> None:
    project = written(analyses, tmp_path / "coding" / "p.boris")
    sound, plain, _, images, broken = project["observations"].values()
    for one, has_audio in ((sound, True), (plain, False)):
        (path,) = one["file"]["1"]
        assert path.startswith("../re cordings/")
        assert (tmp_path / "coding" / path).is_file()
        info = one["media_info"]
        assert (info["hasVideo"], info["hasAudio"]) == ({path: True}, {path: has_audio})
        assert info["fps"][path] == pytest.approx(30, abs=0.01)
        assert info["length"][path] == pytest.approx(2.2, abs=0.01)
        assert {len(row) for row in one["events"]} <= {6}
    for one in (images, broken):
        assert (one["type"], one["file"]) == ("LIVE", {})
        assert {len(row) for row in one["events"]} <= {5}
    assert "ends early" in broken["description"]


def test_modifiers_hold_none_of_the_signs_that_part_them(tmp_path: Path) -> None:
    analysis = full(tmp_path / "v.mp4")
    project = written([analysis], tmp_path / "p.boris", "a|b", "c (d), e~`", "  ")
    behaviours = {one["code"]: one for one in project["behaviors_conf"].values()}
    classes, units = behaviours["micro"]["modifiers"].values()
    assert (classes["name"], classes["type"]) == ("class", 0)
    assert classes["values"] == ["a/b", "c [d]; e-'", "?", "negative", "positive", _HARD]
    assert (units["name"], units["type"]) == ("action units", 1)
    assert units["values"] == ["1", "L1", "R1", "4", "L4", "R4", "12", "L12", "R12"]
    assert len({one["key"] for one in behaviours.values()}) == len(behaviours)
    bare = replace(analysis, events=analysis.events[1:2], units=())
    write_events([bare], (), tmp_path / "bare.boris")
    conf = json.loads((tmp_path / "bare.boris").read_text())["behaviors_conf"]
    assert next(one for one in conf.values() if one["code"] == "micro")["modifiers"] == {}


def test_the_table_has_a_row_a_mark(analyses: list[Analysis], tmp_path: Path) -> None:
    write_events(analyses, CLASSES, tmp_path / "p.tsv")
    table = pd.read_csv(tmp_path / "p.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert list(table) == [
        "Observation id", "Observation date", "Description", "Observation duration",
        "Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS", "Subject",
        "Behavior", "Behavioral category", "Modifier #1", "Modifier #2", "Behavior type", "Time",
        "Media file name", "Image index", "Image file path", "Comment",
    ]  # fmt: skip
    one = table[table["Observation id"].str.startswith("sound")]
    named = one[(one.Behavior == "micro") & (one["Modifier #1"] == "positive")]
    told = named[["Subject", "Behavior type", "Time", "Modifier #2", "Image index"]]
    assert told.values.tolist() == [
        ["face 1", "START", "1.235", _UNITS, "37"],
        ["face 1 overlap 2", "START", "1.300", _UNITS, "39"],
        ["face 1", "STOP", "1.600", _UNITS, "48"],
        ["face 1 overlap 2", "STOP", "1.700", _UNITS, "51"],
    ]
    assert one["Behavior type"].value_counts().to_dict() == {"START": 7, "STOP": 7, "POINT": 5}
    (source,) = one.Source.unique()
    assert source == f"player #1:re cordings/sound {HARD_NAME}"
    images = table[table["Observation id"] == "images"]
    assert images[["Observation type", "Source"]].drop_duplicates().values.tolist() == [
        ["Live observation", "NA"]
    ]


@pytest.mark.skipif(not BORIS_PYTHON, reason="MERKIT_BORIS_PYTHON names no Python that has BORIS")
@pytest.mark.parametrize("classes", [CLASSES, ("a|b", "c (d), e~`"), ()])
def test_boris_itself_loads_the_project(
    classes: tuple[str, ...], analyses: list[Analysis], tmp_path: Path
) -> None:
    path = tmp_path / "coding" / "p.boris"
    write_events(analyses, classes, path)
    write_events(analyses, classes, path.with_suffix(".tsv"))
    script = Path(__file__).with_name("boris_reads.py")
    done = subprocess.run(
        [BORIS_PYTHON, str(script), str(path), "-i"],
        check=False, capture_output=True, text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["error"], said["integrity"], said["problem"]) == ("", "", "")
    assert not said["changed"]  # nothing had to be added, so that BORIS asks to save nothing
    table = pd.DataFrame(said["rows"]["data"])
    table.columns = [c if isinstance(c, str) else "/".join(c) for c in said["rows"]["columns"]]
    for name in ("images", f"sound {HARD_NAME.removesuffix('.mp4')}"):
        seen = table[table["Observation id"] == name]
        states = seen[["Subject", "Behavior", "Start (s)", "Stop (s)"]].values.tolist()
        assert sorted(states) == sorted([s, b, start, stop] for s, b, _, start, stop in STATES)
    assert len(said["own tables"]) == 3
    ours = pd.read_csv(path.with_suffix(".tsv"), sep="\t", dtype=str, keep_default_na=False)
    for name, (header, *rows) in said["own tables"].items():
        wanted = pd.DataFrame(rows, columns=header)
        seen = ours[ours["Observation id"] == name][header].reset_index(drop=True)
        long = "Observation duration"  # BORIS writes every digit of a binary fraction
        assert seen[long].astype(float).tolist() == pytest.approx(wanted[long].astype(float))
        columns = [column for column in header if column != long]
        assert seen[columns].values.tolist() == wanted[columns].values.tolist()
