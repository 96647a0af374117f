"""Databases that a script or another package brings, known by their own entry alone."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from miniatures_more import write_manifest

from merkit.cli import main
from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.audit import check_database
from merkit.datasets.base import Database, Expected
from merkit.datasets.label_maps import class_counts
from merkit.datasets.manifest import load
from merkit.errors import ConfigError
from merkit.labels import LabelMap

TASK = LabelMap(
    "lab-2", ("smile", "other"), {"happiness": "smile", "sadness": "other"}, "us", (1, 1)
)
LAB = Database(
    name="lab",
    title="Recordings of the lab",
    citation="nobody 2026",
    licence="ours",
    request="ask us",
    load=lambda root, variant: tuple(replace(c, dataset="lab") for c in load(root, variant)),
    label_maps=(TASK,),
    expected={"default": Expected(clips=3, source="our notebook")},
)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(DATASETS, "_scripts", {})
    return DATASETS.register(LAB)


def test_its_label_maps_are_found(lab: Database) -> None:
    assert label_map("lab", "lab-2") is TASK
    assert label_map("lab", "3").classes == ("negative", "positive", "surprise")
    with pytest.raises(ConfigError) as caught:
        label_map("lab", "5")
    assert caught.value.wanted == "one of ['lab-2', '3', '4', '7', '8']"


def test_it_is_loaded_and_audited(lab: Database, tmp_path: Path) -> None:
    write_manifest(tmp_path, ["a,p,a,,9,,,,,,happy,,,", "b,q,b,,9,,,,,,sad,,,"])
    clips = load_dataset("lab", tmp_path)
    assert class_counts(label_map("lab", "lab-2"), clips) == (1, 1)
    audit = check_database("lab", tmp_path)
    counts = {count.what: (count.published, count.found) for count in audit.counts}
    assert counts["clips"] == (3, 2)
    assert counts["lab-2: smile"] == (1, 1)


def test_it_is_listed_with_where_it_came_from(
    lab: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "list", "lab"]) == 0
    shown = capsys.readouterr().out
    assert "  from: this script\n" in shown
    assert "classes lab-2: smile 1, other 1 = 2" in shown
    assert main(["data", "list", "casme2"]) == 0
    assert "from:" not in capsys.readouterr().out


def test_one_that_cannot_be_loaded_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = EntryPoint("gone", "no_such_package.db:DATABASE", "merkit.databases")
    monkeypatch.setattr(DATASETS, "_found", {"gone": [point]})
    assert main(["data", "list"]) == 0
    shown = capsys.readouterr()
    assert "casme2: CASME II" in shown.out
    (line,) = shown.err.splitlines()
    assert "database 'gone' of no_such_package.db:DATABASE cannot be loaded" in line
    assert main(["data", "list", "gone"]) == 3
