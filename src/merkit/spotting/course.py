"""How a movement came and went: onset, apex and offset, measured against its own apex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merkit.spotting.config import SpotConfig
from merkit.spotting.look import Look
from merkit.spotting.motion import motion_between
from merkit.spotting.signal import Candidate, Scale
from merkit.types import F64

#: A flank is read between these shares of the height.
_LOW, _HIGH = 0.2, 0.8
#: How much further out than 20 % a smooth rise begins, in times from 20 to 80 %: a raised cosine
#: passes 20 % at 0.295 of its rise and 80 % at 0.705.
_BEFORE_LOW = 0.72
#: Least share of the frames of a course that must be known.
_LEAST_KNOWN = 0.7
#: The height is also read against so many seconds' worth of lags before the onset.
_REST_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Movement:
    """A movement that was followed; places are frames of the run, not whole ones.

    ``regions`` (R,2): from rest to the apex, in pixels of the normalised face; ``height_px``:
    the lesser of the ways there and back of the regions it was found by; ``returned``: the lesser
    over the greater of the two.
    """

    onset: float
    apex: int
    offset: float
    regions: F64
    height_px: float
    threshold_px: float
    returned: float
    long: bool

    def overlaps(self, other: Movement) -> bool:
        return self.onset <= other.offset and other.onset <= self.offset

    def contains(self, place: float) -> bool:
        return self.onset <= place <= self.offset


def follow(
    candidate: Candidate, looks: Mapping[int, Look | None], scale: Scale, config: SpotConfig
) -> Movement | None:
    """The movement that a candidate belongs to; None where it does not come and go within reach.

    Every frame around is compared with that of the candidate itself, so nothing adds up over time.

    Args:
        looks: of the frames of the run, at least ``scale.half_course`` on either side where the
            run has them; None where there is no face.
    """
    places = _places(candidate.place, looks, scale)
    centre = looks[candidate.place]
    ends = min(looks), max(looks)
    motions = {
        place: motion_between(centre, looks[place], config.head).regions
        for place in sorted({int(np.clip(place, *ends)) for place in places})
    }
    motion = np.stack([motions[int(np.clip(place, *ends))] for place in places])
    back = -candidate.along(motion)  # grows from about 0 at the apex to the height at rest
    known = np.isfinite(back)
    if known.mean() < _LEAST_KNOWN:
        return None
    back = np.interp(places, np.asarray(places)[known], back[known])
    at = _lowest(back, places.index(candidate.place), scale)
    left, right = back[: at + 1][::-1] - back[at], back[at:] - back[at]
    ways = _rest(left), _rest(right)
    lesser, greater = min(ways), max(ways)
    wanted = config.return_share * greater if config.there_and_back else 0.0
    if lesser < max(candidate.threshold_px * _LEAST_WAY, wanted, 1e-6):
        return None
    onset, offset = (
        edge(flank / way, config.whole_flanks)
        for flank, way in zip((left, right), ways, strict=True)
    )
    if onset is None or offset is None:
        return None
    return Movement(
        onset=max(0.0, places[at] - onset * scale.stride),
        apex=int(np.clip(places[at], *ends)),
        offset=min(places[at] + offset * scale.stride, float(ends[1])),
        regions=_from_rest(motion, at, onset, scale),
        height_px=lesser,
        threshold_px=candidate.threshold_px,
        returned=lesser / greater,
        long=scale.still_ends,
    )


def _places(centre: int, looks: Mapping[int, Look | None], scale: Scale) -> list[int]:
    """The frames of a course: those of the run, or where its ends count as still beyond them."""
    reach = range(-scale.half_course, scale.half_course + 1)
    places = [centre + by for by in reach if by % scale.stride == 0]
    return places if scale.still_ends else [place for place in places if place in looks]


#: A course may be a little lower than the signal, which takes the greatest of many frames.
_LEAST_WAY = 0.8


def _lowest(back: F64, at: int, scale: Scale) -> int:
    """The apex: where the face is furthest from rest, near the candidate."""
    reach = max(1, scale.lag // (2 * scale.stride))
    low = max(1, at - reach)
    kernel = np.array([0.25, 0.5, 0.25])
    smooth = np.convolve(np.pad(back, 1, mode="edge"), kernel, mode="valid")
    near = smooth[low : at + reach + 1]
    return low + int(near.argmin()) if len(near) else at


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


def _from_rest(motion: F64, at: int, onset: float, scale: Scale) -> F64:
    """(R,2): how far every region moved to the apex from the frames before the onset."""
    start = max(0, at - int(np.ceil(onset)))
    rest = motion[max(0, start - max(1, round(_REST_SHARE * scale.lag / scale.stride))) : start + 1]
    with np.errstate(all="ignore"):
        before = np.nanmean(rest, axis=0) if np.isfinite(rest).any() else motion[start]
    return np.asarray(motion[at] - before)
