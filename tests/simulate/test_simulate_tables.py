"""The tables of actions and emotions: published counts, and one clear error for each fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import face_models
from merkit.errors import ConfigError, MissingDataError
from merkit.simulate.face_model import FaceModel
from merkit.simulate.tables import CLASSES, LABELLED_UNITS, Tables, sides

#: clips of each objective class in CASME II and SAMM together (Davison, Merghani & Yap 2018)
OBJECTIVE: Mapping[str, int] = {
    "I": 25 + 24, "II": 15 + 13, "III": 99 + 20, "IV": 26 + 8, "V": 20 + 3, "VI": 1 + 7,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables.load()


def test_weights_of_an_objective_class_share_its_published_count() -> None:
    import csv
    from importlib.resources import files

    text = files("merkit.simulate").joinpath("data/emotions.csv").read_text("utf-8")
    found = dict.fromkeys(OBJECTIVE, 0.0)
    for row in csv.DictReader(text.splitlines()):
        assert row["source"]
        name = row["source"].rpartition("class ")[2]
        if name in found:
            found[name] += float(row["weight"])
    for name, count in OBJECTIVE.items():
        assert found[name] == pytest.approx(count, rel=0.2), name


def test_the_shipped_tables_fit_the_real_model(tables: Tables, real_face: FaceModel) -> None:
    tables.check_names(real_face.names)
    assert set(LABELLED_UNITS) <= set(tables.units)
    assert face_models.covers_tables()  # and the tiny one


def test_choices_move_the_units_of_their_rows(tables: Tables) -> None:
    moved, chances = tables.choices(CLASSES.index("positive"))
    assert chances.sum() == pytest.approx(1)
    first = [unit for unit, on in zip(tables.units, moved[0], strict=True) if on]
    assert first == [12]
    assert chances[0] == pytest.approx(25 / 52)
    assert np.array_equal(np.array(tables.units)[tables.labelled], LABELLED_UNITS)


def test_sides_of_a_shape() -> None:
    assert sides("a", {"a_L", "a_R", "a"}) == ("a_L", "a_R")
    assert sides("a", {"a_L", "a"}) == ("a",)
    assert sides("a", {"a_L"}) == ()


def test_a_shape_that_the_model_lacks_is_named(tables: Tables) -> None:
    with pytest.raises(ConfigError, match="'browInnerUp', which the face model lacks"):
        tables.check_names(["jawOpen"])


HEAD = "class,emotion,aus,weight,source\n"
REST = "positive,joy,12,1,x\nsurprise,awe,2,1,x\n"
BAD = {
    "": "has columns nothing",
    "class,aus\n": "has columns class, aus",
    HEAD: "has no rows",
    HEAD + "sad,sadness,1,1,x\n": "row 2: class 'sad'",
    HEAD + "negative,anger,4 x,1,x\n": "row 2: action units '4 x'",
    HEAD + "negative,anger,4,0,x\n": "row 2: weight 0",
    HEAD + "negative,anger,4,nan,x\n": "finite numbers",
    HEAD + "negative,anger\n": "row 2: ",
    HEAD + "negative,anger,4 99,1,x\n" + REST: r"no shape for action units \[99\]",
    HEAD + "negative,anger,4,1,x\n": "no emotion of class positive, surprise",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_table_of_emotions_is_refused(text: str, tmp_path: Path) -> None:
    table = tmp_path / "emotions.csv"
    table.write_text(text)
    with pytest.raises(ConfigError, match=BAD[text]):
        Tables.load(emotions=table)


def test_a_bad_table_of_units_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "units.csv"
    with pytest.raises(MissingDataError, match="no table"):
        Tables.load(action_units=table)
    table.write_text("au,shape,low,high,source\n1,browInnerUp,0.9,0.2,x\n")
    with pytest.raises(ConfigError, match=r"low 0\.9, high 0\.2"):
        Tables.load(action_units=table)


def test_own_tables_are_read(tmp_path: Path) -> None:
    table = tmp_path / "emotions.csv"
    table.write_text("\ufeff" + HEAD + "negative,anger,4 7,3,x\n" + REST, encoding="utf-8")
    tables = Tables.load(emotions=table)
    assert [p.units for p in tables.prototypes] == [(4, 7), (12,), (2,)]
