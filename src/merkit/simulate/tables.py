"""Which shapes of a face model make an action unit, and which units make an emotion.

``data/action_units.csv``: au, shape (without side), low, high. A unit of height 1 gives the shape a
share of its full height that is drawn evenly from low to high. ``data/emotions.csv``: class,
emotion, aus (numbers with spaces between), weight (how often, within its class). Both have a
``source`` column. A user's own tables have the same columns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from merkit.errors import ConfigError, MissingDataError
from merkit.labels import GENERIC_MAPS
from merkit.types import F32, F64

#: classes of an emotion, in the order of their indices; of the MEGC2019 task
CLASSES = GENERIC_MAPS["3"].classes
#: index of the class of a map on which nobody does anything
NOTHING = len(CLASSES)
#: action units that labels are given for
LABELLED_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
#: the unit that a blink is
EYES_CLOSED = 43

_COLUMNS = {
    "action_units": ("au", "shape", "low", "high", "source"),
    "emotions": ("class", "emotion", "aus", "weight", "source"),
}


@dataclass(frozen=True, slots=True)
class UnitShape:
    """A unit of height 1 gives ``shape`` a share between ``low`` and ``high`` of its height."""

    unit: int
    shape: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prototype:
    """Units that together make an emotion; ``weight``: how often within its class."""

    label: int
    emotion: str
    units: tuple[int, ...]
    weight: float


@dataclass(frozen=True)
class Tables:
    """Both tables, checked against each other."""

    shapes: tuple[UnitShape, ...]
    prototypes: tuple[Prototype, ...]

    @classmethod
    def load(cls, action_units: Path | None = None, emotions: Path | None = None) -> Tables:
        """The shipped tables, or a user's own.

        Raises:
            MissingDataError: no such file.
            ConfigError: names the file, the row and what is wrong with it; an emotion with a unit
                that has no shape; a class without an emotion.
        """
        shapes = tuple(_unit_shape(*row) for row in _rows("action_units", action_units))
        prototypes = tuple(_prototype(*row) for row in _rows("emotions", emotions))
        tables = cls(shapes, prototypes)
        used = {unit for p in prototypes for unit in p.units} | {*LABELLED_UNITS, EYES_CLOSED}
        if missing := sorted(used - set(tables.units)):
            where = action_units or "action_units.csv"
            raise ConfigError(f"{where} has no shape for action units {missing}", "a row for each")
        if empty := [c for i, c in enumerate(CLASSES) if not tables.of_class(i)]:
            where = emotions or "emotions.csv"
            raise ConfigError(f"{where} has no emotion of class {', '.join(empty)}", "one or more")
        return tables

    @cached_property
    def units(self) -> tuple[int, ...]:
        """Every unit that has a shape, in rising order."""
        return tuple(sorted({s.unit for s in self.shapes}))

    @cached_property
    def labelled(self) -> list[int]:
        """Place of each labelled unit in ``units``."""
        return [self.units.index(unit) for unit in LABELLED_UNITS]

    def of_class(self, label: int) -> tuple[Prototype, ...]:
        return tuple(p for p in self.prototypes if p.label == label)

    def choices(self, label: int) -> tuple[F32, F64]:
        """Prototypes of a class: which units each moves (K,A), and its probability (K,)."""
        chosen = self.of_class(label)
        moved = np.array([[unit in p.units for unit in self.units] for p in chosen], np.float32)
        weights = np.array([p.weight for p in chosen])
        return moved, weights / weights.sum()

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse tables that name a shape which a face model lacks.

        Raises:
            ConfigError: names the shape.
        """
        known = set(names)
        for row in self.shapes:
            if sides(row.shape, known) == ():
                raise ConfigError(
                    f"AU {row.unit} uses the shape '{row.shape}', which the face model lacks",
                    f"one of its {len(known)} shapes, or a pair '{row.shape}_L' and '_R'",
                    "choose another --face-model, or give a table of your own by --action-units",
                )


def sides(shape: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names of a shape's left and right half, its one name where it has no sides, or none."""
    pair = f"{shape}_L", f"{shape}_R"
    if all(name in names for name in pair):
        return pair
    return (shape,) if shape in names else ()


def _rows(table: str, given: Path | None) -> list[tuple[str, Mapping[str, str]]]:
    """Rows of a table, each with the words that an error names it by."""
    if given is None:
        text = files("merkit.simulate").joinpath(f"data/{table}.csv").read_text("utf-8")
    elif given.is_file():
        text = given.read_text("utf-8-sig", errors="replace")
    else:
        raise MissingDataError(f"there is no table {given}", ", ".join(_COLUMNS[table]))
    where = str(given or f"{table}.csv")
    reader = csv.DictReader(text.splitlines())
    if set(_COLUMNS[table]) - set(reader.fieldnames or ()):
        found = ", ".join(reader.fieldnames or ()) or "nothing"
        raise ConfigError(f"{where} has columns {found}", ", ".join(_COLUMNS[table]))
    rows: list[tuple[str, Mapping[str, str]]] = []
    for number, row in enumerate(reader, start=2):
        rows.append((f"{where}, row {number}", {name: row[name] or "" for name in _COLUMNS[table]}))
    if not rows:
        raise ConfigError(f"{where} has no rows", "one or more")
    return rows


def _unit_shape(where: str, row: Mapping[str, str]) -> UnitShape:
    low, high = _numbers(where, (row["low"], row["high"]))
    if not 0 <= low <= high:
        raise ConfigError(f"{where}: low {low:g}, high {high:g}", "0 <= low <= high")
    return UnitShape(_units(where, row["au"])[0], row["shape"].strip(), low, high)


def _prototype(where: str, row: Mapping[str, str]) -> Prototype:
    if row["class"] not in CLASSES:
        raise ConfigError(f"{where}: class '{row['class']}'", f"one of: {', '.join(CLASSES)}")
    (weight,) = _numbers(where, (row["weight"],))
    if weight <= 0:
        raise ConfigError(f"{where}: weight {weight:g}", "above 0")
    units = _units(where, row["aus"])
    return Prototype(CLASSES.index(row["class"]), row["emotion"], units, weight)


def _units(where: str, cell: str) -> tuple[int, ...]:
    words = cell.split()
    if not words or not all(word.isdecimal() for word in words):
        raise ConfigError(f"{where}: action units '{cell}'", "numbers with spaces between")
    return tuple(map(int, words))


def _numbers(where: str, cells: Sequence[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = [np.nan]
    if not np.isfinite(numbers).all():
        raise ConfigError(f"{where}: {' and '.join(map(repr, cells))}", "finite numbers")
    return numbers
