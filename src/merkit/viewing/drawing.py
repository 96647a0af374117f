"""Where things stand in the drawings of a page: whole numbers in the units of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from merkit.viewing.curves import Curve
from merkit.viewing.timeline import Mark, Row
from merkit.viewing.words import clock

#: of a drawing: its width, where its lanes begin and end
WIDTH, LEFT, RIGHT = 2000, 420, 1880
#: height of a lane of the timeline, and of one of curves; of the times below, and above curves
LANE, CURVE_LANE, AXIS = 50, 36, 40
#: narrowest mark that can still be seen
_NARROWEST = 6
#: points of a curve in a row: a fifth of a second each where a row has a minute
BINS = 300
#: seconds between two times that are written, the first of which leaves room for the others
_STEPS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
_MOST_TICKS = 13


@dataclass(frozen=True)
class Tick:
    x: int
    text: str


@dataclass(frozen=True)
class Placed:
    """A mark in its lane: from ``x`` on, so wide; ``apex`` is 0 where it has none in this row."""

    mark: Mark
    x: int
    width: int
    apex: int


@dataclass(frozen=True)
class Band:
    """A row of the video: where its times and marks lie."""

    row: Row

    def x_of(self, time_s: float) -> int:
        share = (time_s - self.row.first_s) / (self.row.last_s - self.row.first_s)
        return round(LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT))

    @property
    def title(self) -> str:
        return f"{clock(self.row.first_s)} to {clock(self.row.last_s)}"

    @property
    def height(self) -> int:
        return LANE * len(self.row.lanes) + AXIS

    def placed(self, marks: Sequence[Mark]) -> list[Placed]:
        return [self._placed(mark) for mark in marks]

    def _placed(self, mark: Mark) -> Placed:
        x, end = self.x_of(mark.first_s), self.x_of(mark.last_s)
        width = max(end - x, _NARROWEST)
        x = min(x, RIGHT - width)
        inside = mark.apex_s is not None and self.row.first_s <= mark.apex_s <= self.row.last_s
        return Placed(mark, x, width, self.x_of(mark.apex_s or 0.0) if inside else 0)

    @property
    def ticks(self) -> list[Tick]:
        """Times that are written below: few enough to be read, at round seconds."""
        first_s, length_s = self.row.first_s, self.row.last_s - self.row.first_s
        step_s = next((s for s in _STEPS_S if length_s / s <= _MOST_TICKS), length_s)
        first = ceil(first_s / step_s - 1e-6)
        last = floor(self.row.last_s / step_s + 1e-6)
        times = [place * step_s for place in range(first, last + 1)]
        return [Tick(self.x_of(t), clock(t) if step_s >= 1 else f"{t:g} s") for t in times]


@dataclass(frozen=True)
class CurveLane:
    """A curve in a lane of its own, whose foot is ``low`` and whose top ``high``; ``path`` of an
    SVG, from the lane's foot at 0 upwards."""

    curve: Curve
    low: float
    high: float
    path: str


def curve_lane(curve: Curve, band: Band, low: float, high: float) -> CurveLane:
    """The part of a curve that lies in a band; what is higher than the lane touches its top."""
    part = curve.between(band.row.first_s, band.row.last_s)
    return CurveLane(part, low, high, path_of(part.thinned(BINS), band, low, high))


def path_of(curve: Curve, band: Band, low: float, high: float) -> str:
    """A line through the values of a curve; broken where nothing is known."""
    steps: list[str] = []
    before: tuple[int, int] | None = None
    points = _points(curve, band, low, high)
    for place, point in enumerate(points):
        if point is not None:
            if before is None:
                steps.append(f"M{point[0]} {point[1]}h0")
            elif not _within_a_level(points, place):
                steps.append(f"l{point[0] - before[0]} {point[1] - before[1]}")
            else:
                continue  # the line goes on as it is
        before = point
    return "".join(steps)


def _points(curve: Curve, band: Band, low: float, high: float) -> list[tuple[int, int] | None]:
    scale = (CURVE_LANE - 6) / (high - low)
    return [
        (band.x_of(t), -round(scale * (min(max(v, low), high) - low))) if isfinite(v) else None
        for t, v in zip(curve.time_s.tolist(), curve.value.tolist(), strict=True)
    ]


def _within_a_level(points: Sequence[tuple[int, int] | None], place: int) -> bool:
    """Whether a point and both beside it are of one height."""
    if not 0 < place < len(points) - 1:
        return False
    before, now, after = points[place - 1 : place + 2]
    return bool(before and now and after and before[1] == now[1] == after[1])


def nice_top(most: float, least: float) -> float:
    """A round number that is not exceeded, and at least so much."""
    most = max(most, least)
    power = 10.0 ** floor(log10(most))
    return next(n * power for n in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * power >= most - 1e-9)
