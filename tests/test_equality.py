"""Values in which a number may be missing are equal where they say the same, on every Python."""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import merkit
from merkit.scoring.intervals import Interval
from merkit.types import Event, RegionMotion


def nan() -> float:
    """A new object each time, as when a file is read."""
    return float("nan")


def event(score: float, moved_px: float = 1.0, unsure: float = 0.5) -> Event:
    regions = (RegionMotion("mouth corner", "left", nan(), moved_px),)
    probabilities = {"negative": nan(), "positive": unsure}
    return Event(
        "micro", 1.0, 1.1, 1.2, 30, 33, 36, 2.0, nan(), 0.3, regions, score=score,
        probabilities=probabilities,
    )  # fmt: skip


def test_events_that_say_the_same_are_equal() -> None:
    assert event(nan()) == event(nan())
    assert [event(nan())] == [event(nan())]
    assert event(nan()) != event(0.5)
    assert event(0.5) != event(nan())
    assert event(nan(), moved_px=2.0) != event(nan())
    assert event(nan(), unsure=0.4) != event(nan())
    assert event(nan()) != replace(event(nan()), probabilities={"negative": nan()})
    assert event(nan()) != "an event"


def test_intervals_that_say_the_same_are_equal() -> None:
    known = Interval(0.5, nan(), nan(), 0.95, "percentile", 1)
    assert known == replace(known, low=nan())
    assert known != replace(known, value=nan())


def with_missing_numbers() -> Iterator[type]:
    """Every dataclass of merkit that has a ``Number``."""
    for found in pkgutil.walk_packages(merkit.__path__, "merkit."):
        module = importlib.import_module(found.name)
        for one in vars(module).values():
            if is_dataclass(one) and isinstance(one, type) and one.__module__ == found.name:
                kinds = [str(f.type) for f in fields(one)]
                if any(re.search(r"\bNumber\b", kind) for kind in kinds):
                    yield one


def test_every_value_that_may_lack_a_number_compares_so() -> None:
    """Two that have nothing but missing numbers."""
    kinds = [*with_missing_numbers()]
    assert {Event, Interval, RegionMotion} < set(kinds)
    for kind in kinds:
        one, other = object.__new__(kind), object.__new__(kind)
        for name in (f.name for f in fields(kind)):
            object.__setattr__(one, name, nan())
            object.__setattr__(other, name, nan())
        assert one == other, kind
        object.__setattr__(other, fields(kind)[-1].name, math.pi)
        assert one != other, kind
