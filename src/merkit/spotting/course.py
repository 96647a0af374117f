"""How a movement came and went: onset, apex and offset, measured against its own apex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from merkit.spotting.config import SpotConfig
from merkit.spotting.look import Look
from merkit.spotting.medians import median_of_known
from merkit.spotting.motion import Head, motions
from merkit.spotting.regions import Part, of_part
from merkit.spotting.signal import Candidate, Scale
from merkit.types import F64

#: A flank is read between these shares of the height.
_LOW, _HIGH = 0.2, 0.8
#: How much further out than 20 % a smooth rise begins, in times from 20 to 80 %: a raised cosine
#: passes 20 % at 0.295 of its rise and 80 % at 0.705.
_BEFORE_LOW = 0.72
#: Least share of the frames of a course that must be known.
_LEAST_KNOWN = 0.7
#: Rest before the onset is read over this share of a lag.
_REST_SHARE = 0.5
#: Flanks are measured frame by frame between this share of the height and the rest of it.
_STEEP = 0.1
#: The regions that are told with those that a movement was found by.
_OWN = {"upper": of_part("upper", "eyes"), "lower": of_part("lower")}
#: A course may be a little lower than the signal, which takes the greatest of many frames.
_LEAST_WAY = 0.8


@dataclass(frozen=True, eq=False)
class Movement:
    """A movement that was followed; places are frames of the run, not whole ones.

    ``regions`` (R,2): from rest to the apex, as far as it was taken back, in pixels of the
    normalised face, 0 for those of the other part of the face (the eyes go with the upper one).
    ``height_px``: the lesser of the ways there and back of the regions it was found by;
    ``returned``: the lesser over the greater of the two.
    """

    onset: float
    apex: int
    offset: float
    regions: F64
    height_px: float
    threshold_px: float
    returned: float
    long: bool
    part: Part

    @property
    def lengths_px(self) -> F64:
        """(R,): how far each region moved, 0 where it is not known."""
        return np.asarray(np.nan_to_num(np.hypot(*self.regions.T)))

    def moved(self, places: int) -> Movement:
        """The same among frames that are counted from another one."""
        return replace(
            self, onset=self.onset + places, apex=self.apex + places, offset=self.offset + places
        )

    def overlaps(self, other: Movement) -> bool:
        return self.onset <= other.offset and other.onset <= self.offset

    def contains(self, place: float) -> bool:
        return self.onset <= place <= self.offset


def follow(
    candidate: Candidate, looks: Mapping[int, Look | None], scale: Scale, config: SpotConfig
) -> Movement | None:
    """The movement that a candidate belongs to; None where it does not come and go within reach.

    Frames around are compared with that of the candidate itself, so nothing adds up over time:
    all of those near it and on the flanks of the movement, and elsewhere every ``scale.stride``.

    Args:
        looks: of the frames of the run, at least ``scale.half_course`` on either side where the
            run has them; None where there is no face.
    """
    course = _Course(candidate, looks, scale, config.head)
    if course.known_share < _LEAST_KNOWN:
        return None
    course.measure(_flank_places(course))
    at, left, right = _flanks(course)
    ways = _rest(left), _rest(right)
    lesser, greater = min(ways), max(ways)
    wanted = config.return_share * greater if config.there_and_back else 0.0
    if lesser < max(candidate.threshold_px * _LEAST_WAY, wanted, 1e-6):
        return None
    onset = edge(left / ways[0], config.whole_flanks)
    offset = edge(right / ways[1], config.whole_flanks)
    if onset is None or offset is None:
        return None
    first, last = course.ends
    apex = course.places[at]
    regions = course.there_and_back(apex - onset, apex, apex + offset)
    regions[~_OWN[candidate.part]] = 0.0
    if np.nanmax(np.hypot(*regions.T), initial=0.0) < _LEAST_WAY * candidate.threshold_px:
        return None
    return Movement(
        onset=max(float(first), apex - onset),
        apex=int(np.clip(apex, first, last)),
        offset=min(apex + offset, float(last)),
        regions=regions,
        height_px=lesser,
        threshold_px=candidate.threshold_px,
        returned=lesser / greater,
        long=scale.still_ends,
        part=candidate.part,
    )


class _Course:
    """Motion of all regions from a candidate's look to those around, as far as it was measured.

    ``places``: one after another, ``half_course`` to each side; those of the run, or where its
    ends count as still beyond them too.
    """

    def __init__(
        self, candidate: Candidate, looks: Mapping[int, Look | None], scale: Scale, head: Head
    ) -> None:
        self.candidate, self.scale = candidate, scale
        self._looks, self._head = looks, head
        self.ends = min(looks), max(looks)
        centre, half = candidate.place, scale.half_course
        reach = range(centre - half, centre + half + 1)
        self.places = reach if scale.still_ends else [p for p in reach if p in looks]
        self._measured: dict[int, F64] = {}
        near = [p for p in self.places if abs(p - centre) <= scale.near]
        self.measure([*near, *(p for p in self.places if (p - centre) % scale.stride == 0)])

    def measure(self, places: Sequence[int]) -> None:
        """Measure these too."""
        wanted = sorted({self._inside(p) for p in places} - self._measured.keys())
        found = motions(
            self._looks[self.candidate.place], [self._looks[p] for p in wanted], self._head
        )
        self._measured |= {p: m.regions for p, m in zip(wanted, found, strict=True)}

    def _inside(self, place: int) -> int:
        return min(max(place, self.ends[0]), self.ends[1])

    @property
    def known_share(self) -> float:
        """Share of what was measured in which the candidate's regions are known."""
        along = [self.candidate.along(motion) for motion in self._measured.values()]
        return float(np.isfinite(along).mean())

    def back(self) -> F64:
        """How far the regions are from where the candidate has them, at every place: about 0 at
        the apex, the height at rest. Between what was measured, straight lines."""
        measured = sorted(self._measured)
        along = np.array([-self.candidate.along(self._measured[p]) for p in measured])
        known = np.isfinite(along)
        at = [self._inside(p) for p in self.places]
        return np.asarray(np.interp(at, np.array(measured)[known], along[known]))

    def there_and_back(self, onset: float, apex: int, offset: float) -> F64:
        """(R,2): how far every region moved to the apex, as far as it came back from there."""
        rest = max(1.0, _REST_SHARE * self.scale.lag)
        nearest = min(self._measured, key=lambda p: (abs(p - self._inside(apex)), p))
        there = self._measured[nearest] - self._level(onset - rest, onset)
        back = self._measured[nearest] - self._level(offset, offset + rest)
        along = (there * back).sum(axis=1) / np.maximum((there**2).sum(axis=1), 1e-9)
        return np.asarray(there * np.clip(along, 0, 1)[:, None])

    def _level(self, first: float, last: float) -> F64:
        """(R,2): the median of what was measured from one place to another."""
        inside = [p for p in self._measured if first <= p <= last]
        inside = inside or [min(self._measured, key=lambda p: (abs(2 * p - first - last), p))]
        return median_of_known(np.stack([self._measured[p] for p in inside]).transpose(1, 2, 0))


def _flanks(course: _Course) -> tuple[int, F64, F64]:
    """Where in the course the apex is, and what lies before and after it, outwards from 0."""
    back, scale = course.back(), course.scale
    at = _lowest(back, list(course.places).index(course.candidate.place), scale)
    return at, back[: at + 1][::-1] - back[at], back[at:] - back[at]


def _flank_places(course: _Course) -> list[int]:
    """The places on both flanks, a stride wider, where the edges are read."""
    at, left, right = _flanks(course)
    places = [course.places[at]]
    for flank, step in ((left, -1), (right, 1)):
        way = _rest(flank)
        steep = np.flatnonzero((flank > _STEEP * way) & (flank < (1 - _STEEP) * way))
        if way > 0 and len(steep):
            first = max(0, int(steep[0]) - course.scale.stride)
            last = min(len(flank) - 1, first + 2 * course.scale.lag + course.scale.stride)
            last = min(last, int(steep[-1]) + course.scale.stride)
            places += [course.places[at + step * i] for i in range(first, last + 1)]
    return places


def _lowest(back: F64, at: int, scale: Scale) -> int:
    """The apex: where the face is furthest from rest, near the candidate."""
    reach = max(1, scale.lag // 2)
    low = max(0, at - reach)
    kernel = np.array([0.25, 0.5, 0.25])
    smooth = np.convolve(np.pad(back, 1, mode="edge"), kernel, mode="valid")
    return low + int(smooth[low : at + reach + 1].argmin())


def _rest(flank: F64) -> float:
    """The level at rest of one side: the median of its farther half."""
    away = np.sort(flank[1:])
    return float(np.median(away[len(away) // 2 :])) if len(away) else 0.0


def edge(flank: F64, whole: bool = True) -> float | None:
    """Steps from the apex to where a movement begins or has ended.

    Args:
        flank: 0 at the apex, about 1 at rest, outwards.
        whole: go on from 20 % of the height to where a smooth rise begins.

    Returns:
        None where rest is not reached.
    """
    high, low = _crossing(flank, 1 - _HIGH), _crossing(flank, 1 - _LOW)
    if high is None or low is None:
        return None
    return min(low + (_BEFORE_LOW * (low - high) if whole else 0.0), len(flank) - 1.0)


def _crossing(flank: F64, level: float) -> float | None:
    above = np.flatnonzero(flank >= level)
    above = above[above > 0]
    if not len(above):
        return None
    after = int(above[0])
    before = flank[after - 1]
    return after - 1 + float((level - before) / max(flank[after] - before, 1e-9))
