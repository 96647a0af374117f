"""Action-unit cells of annotation sheets, in one grammar for all databases.

    cell   = unit {("+" | "," | "." | ";") unit}
    unit   = choice {("or" | "/") choice}
    choice = ["AU" | "AD" | "M"] [side] number [intensity] ["?"] | words

Sides L R T B A stand before the number, intensities A to E behind it (Ekman, Friesen & Hager
2002), so "B28" is the lower lip and "28B" an intensity. What the databases add:

* ``?`` makes a unit uncertain; alone it says that something was not coded.
* Alternative numbers ("L12 or L14") are all kept, each uncertain. Of alternative sides or
  intensities ("A/L12", "10A/B", "4(B/C)") the first named is kept, the unit uncertain.
* Brackets are read through: "ref(7B)" is 7B. Words beside a number ("ref", "loses AU4",
  "double 45") make it uncertain; words alone ("soft focus") say nothing of units.
* ``(k)`` (4DME) marks a unit held before and after, no part of the expression; left out.
* A number with a point ("1.2", MEVIEW) is a list that a spreadsheet took for a decimal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, cast

from merkit.datasets.sheets import MISSING, is_date
from merkit.errors import DatasetError
from merkit.types import ActionUnit

Side = Literal["", "L", "R", "T", "B", "A"]
Intensity = Literal["", "A", "B", "C", "D", "E"]

_SEPARATOR = re.compile(r"[+,;.&\n]")
_ALTERNATIVE = re.compile(r"\bOR\b|/|(?<=\d)OR(?=[LRTBA]?\d)")
_STATIC = re.compile(r"\(\s*K\s*\)")
_UNIT = re.compile(
    r"(?:\b(?:AU|AD|M)\s*)?(?:\b([LRTBA])\s*(?:AU|AD|M)?\s*|(?<=AU)([LRTBA])\s*)?"
    r"(\d+)(?:\s*([A-E])(?![A-Z]))?"
)
_SIDE_ONLY = re.compile(r"\s*([LRTBA])\s*")
_HIGHEST = 99  # FACS codes end below 100; more digits are two codes run together


def parse_action_units(text: str) -> tuple[ActionUnit, ...]:
    """Action units named in one cell, in the order written.

    Raises:
        DatasetError: a code of three or more digits, or 0.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    units: list[ActionUnit] = []
    for token in _SEPARATOR.split(plain):
        if not _STATIC.search(token):
            units += _parse_unit(token, text)
    return tuple(dict.fromkeys(units))


def read_action_units(cell: str, raw: dict[str, str]) -> tuple[ActionUnit, ...] | None:
    """As :func:`parse_action_units`, but None where the cell codes nothing: empty, ``/``,
    ``?``, ``NULL``, a date that a spreadsheet made of the code, or codes run together. The last
    two are noted in ``raw``."""
    if cell.strip().lower() in MISSING:
        return None
    if is_date(cell):
        raw["doubtful:action_units"] = f"a spreadsheet program made the date {cell[5:]} of the code"
        return None
    try:
        return parse_action_units(cell)
    except DatasetError:
        raw["doubtful:action_units"] = f"'{cell}' cannot be read as action units"
        return None


def format_action_units(units: Iterable[ActionUnit]) -> str:
    """Units as one cell, which :func:`parse_action_units` reads back as they were."""
    return "+".join(f"{u.side}{u.number}{u.intensity}{'?' if u.uncertain else ''}" for u in units)


def _parse_unit(token: str, text: str) -> list[ActionUnit]:
    uncertain = "?" in token
    choices = [re.sub(r"[()\[\]{}?]", " ", part) for part in _ALTERNATIVE.split(token)]
    uncertain |= sum(bool(part.strip()) for part in choices) > 1
    first_side = _SIDE_ONLY.fullmatch(choices[0])
    units: list[ActionUnit] = []
    for part in choices:
        for match in _UNIT.finditer(part):
            side = match[1] or match[2] or ""
            if first_side and not units:
                side = first_side[1]
            units.append(_unit(match, side, uncertain or _has_words(part), text))
    return units


def _has_words(part: str) -> bool:
    return any(c.isalpha() for c in _UNIT.sub("", part))


def _unit(match: re.Match[str], side: str, uncertain: bool, text: str) -> ActionUnit:
    number = int(match[3])
    if not 1 <= number <= _HIGHEST:
        raise DatasetError(
            f"'{text}' names the action unit {number}",
            f"codes from 1 to {_HIGHEST}, divided by '+'",
            "compare the cell with the sheet as the owner distributes it",
        )
    intensity = cast(Intensity, match[4] or "")
    return ActionUnit(number, cast(Side, side), intensity, uncertain)
