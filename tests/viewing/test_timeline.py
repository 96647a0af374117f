"""The timeline: rows, lanes, and how much could be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merkit.inference.analysis import Analysis
from merkit.types import Event, EventKind, Stretch
from merkit.viewing.curves import Curve
from merkit.viewing.drawing import CURVE_LANE, LEFT, RIGHT, Band, nice_top, path_of
from merkit.viewing.timeline import Row, judged, numbers_of, timeline


def event(kind: EventKind, onset_s: float, offset_s: float) -> Event:
    apex_s = (onset_s + offset_s) / 2
    frames = (round(30 * t) for t in (onset_s, apex_s, offset_s))
    return Event(kind, onset_s, apex_s, offset_s, *frames, 1.0, 0.01, 0.3)


LONG = Analysis(
    Path("long.mp4"),
    (event("micro", 5.0, 5.3), event("blink", 59.9, 60.2), event("micro", 130.0, 130.4)),
    (
        Stretch("speech", 10.0, 20.0, 300, 600, "lower face"),
        Stretch("no face", 15.0, 30.0, 450, 900),
        Stretch("occluded", 25.0, 40.0, 750, 1200),
    ),
    150.0,
    0.9,
)


def test_a_long_video_has_rows_of_a_minute_with_the_same_lanes() -> None:
    rows = timeline(LONG)
    assert [(row.first_s, row.last_s) for row in rows] == [(0, 60), (60, 120), (120, 180)]
    titles = ["micro", "macro", "blink", "speech (lower face)", "no face", "occluded"]
    assert [[lane.title for lane in row.lanes] for row in rows] == [titles] * 3
    assert [[mark.kind for mark in row.marks if mark.is_event] for row in rows] == [
        ["micro", "blink"],
        ["blink"],  # it goes on over the minute
        ["micro"],
    ]
    assert [mark.number for row in rows for mark in row.marks if mark.kind == "micro"] == [1, 2]


def test_a_short_video_is_one_row_that_ends_with_it() -> None:
    (row,) = timeline(Analysis(Path("a.mp4"), duration_s=12.5))
    assert (row.first_s, row.last_s) == (0.0, 12.5)
    assert [lane.title for lane in row.lanes] == ["micro", "macro"]


def test_numbers_count_by_kind() -> None:
    assert numbers_of(LONG.events) == [1, 1, 2]


def test_overlapping_stretches_are_not_counted_twice() -> None:
    judged_s, upper_s = judged(LONG)
    assert judged_s == pytest.approx(150 - 25)  # 15 to 40
    assert upper_s == pytest.approx(5)  # 10 to 15


def test_times_lie_between_the_ends_of_a_band() -> None:
    band = Band(Row(60.0, 120.0, ()))
    assert (band.x_of(60.0), band.x_of(120.0)) == (LEFT, RIGHT)
    assert (band.x_of(0.0), band.x_of(999.0)) == (LEFT, RIGHT)
    assert [tick.text for tick in band.ticks][:3] == ["1:00", "1:05", "1:10"]
    assert len(band.ticks) <= 14
    (placed,) = band.placed(timeline(LONG)[1].marks)
    assert placed.apex
    assert placed.x >= LEFT


def test_a_path_breaks_where_nothing_is_known_and_ends_at_the_top() -> None:
    band = Band(Row(0.0, 4.0, ()))
    curve = Curve("", "px", np.arange(5.0), np.array([0.0, 9.0, np.nan, 1.0, 1.0]))
    path = path_of(curve, band, 0.0, 2.0)
    assert path.count("M") == 2
    assert f"l{(RIGHT - LEFT) // 4} -{CURVE_LANE - 6}" in path
    level = Curve("", "px", np.linspace(0, 4, 100), np.ones(100))
    assert path_of(level, band, 0.0, 2.0).count("l") == 1


@pytest.mark.parametrize(("most", "top"), [(0.4, 2.0), (2.1, 3.0), (7.0, 8.0), (11.0, 15.0)])
def test_the_top_of_a_lane_is_round(most: float, top: float) -> None:
    assert nice_top(most, 2.0) == top
