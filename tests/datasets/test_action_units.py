from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.datasets.action_units import (
    format_action_units,
    parse_action_units,
    read_action_units,
)
from merkit.errors import DatasetError
from merkit.types import ActionUnit

AU = ActionUnit


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4+L10", (AU(4), AU(10, "L"))),
        ("12", (AU(12),)),
        ("L12 or L14", (AU(12, "L", "", True), AU(14, "L", "", True))),
        ("R6 or R12", (AU(6, "R", "", True), AU(12, "R", "", True))),
        ("12A", (AU(12, "", "A"),)),
        ("A12", (AU(12, "A"),)),
        ("R14A", (AU(14, "R", "A"),)),
        ("R12+R15", (AU(12, "R"), AU(15, "R"))),
        ("ref(7B)", (AU(7, "", "B", True),)),
        ("4A+ref(7B)", (AU(4, "", "A"), AU(7, "", "B", True))),
        ("10A/B", (AU(10, "", "A", True),)),
        ("A/L12", (AU(12, "A", "", True),)),
        ("soft focus", ()),
        ("12A ", (AU(12, "", "A"),)),
        ("4(B/C)+7B", (AU(4, "", "B", True), AU(7, "", "B"))),
        ("loses AU4", (AU(4, "", "", True),)),
        ("double 45", (AU(45, "", "", True),)),
        ("(17 or 19)", (AU(17, "", "", True), AU(19, "", "", True))),
        ("R12+B28", (AU(12, "R"), AU(28, "B"))),
        ("T20", (AU(20, "T"),)),
        ("1.2", (AU(1), AU(2))),
        ("1,2, 4", (AU(1), AU(2), AU(4))),
        ("1\uff0c2", (AU(1), AU(2))),
        ("1+2+AD38", (AU(1), AU(2), AU(38))),
        ("AD31/38/39", (AU(31, "", "", True), AU(38, "", "", True), AU(39, "", "", True))),
        ("M57+M58", (AU(57), AU(58))),
        ("AU4(k)+L7", (AU(7, "L"),)),
        ("AU4 + AU12", (AU(4), AU(12))),
        ("L AU4", (AU(4, "L"),)),
        ("4+?", (AU(4),)),
        ("14?", (AU(14, "", "", True),)),
        ("4+4", (AU(4),)),
        ("", ()),
    ],
)
def test_every_form_of_the_sheets(text: str, units: tuple[ActionUnit, ...]) -> None:
    assert parse_action_units(text) == units


@pytest.mark.parametrize("text", ["1214", "612", "4+0"])
def test_codes_run_together_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match=text.replace("+", r"\+")):
        parse_action_units(text)


@pytest.mark.parametrize("text", ["", "/", "?", "NULL", "null", " ", "date:2015-02-01", "1214"])
def test_cells_that_code_nothing(text: str) -> None:
    assert read_action_units(text, {}) is None


def test_unreadable_action_units_are_noted() -> None:
    raw: dict[str, str] = {}
    assert read_action_units("1214", raw) is None
    assert "1214" in raw["doubtful:action_units"]
    raw = {}
    assert read_action_units("?", raw) is None
    assert read_action_units("12", raw) == (ActionUnit(12),)
    assert raw == {}


def test_words_alone_are_coded_as_no_unit() -> None:
    assert read_action_units("soft focus", {}) == ()


UNITS = st.builds(
    ActionUnit,
    st.integers(1, 99),
    st.sampled_from(["", "L", "R", "T", "B", "A"]),
    st.sampled_from(["", "A", "B", "C", "D", "E"]),
    st.booleans(),
)


@given(st.lists(UNITS, unique=True, max_size=6))
def test_written_units_are_read_back(units: list[ActionUnit]) -> None:
    assert list(parse_action_units(format_action_units(units))) == units


@given(st.text(alphabet="0123456789LRTBACDEMUorf/?()+,. ", max_size=24))
def test_any_text_gives_units_or_one_clear_error(text: str) -> None:
    try:
        units = parse_action_units(text)
    except DatasetError:
        units = ()
    assert all(1 <= unit.number <= 99 for unit in units)
