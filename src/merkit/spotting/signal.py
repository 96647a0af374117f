"""Where in a run of frames regions of the face go somewhere and come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.spotting.config import SpotConfig
from merkit.spotting.look import EYE_DISTANCE_PX
from merkit.spotting.medians import median_of_known
from merkit.spotting.regions import REGIONS, Part, of_part
from merkit.types import F64, I64

#: The brows and the lower face are read each for itself, so that speech does not drown a brow. What
#: every blink moves is not read.
PARTS: tuple[Part, ...] = ("upper", "lower")
#: Scale that makes the median absolute deviation a standard deviation of normal noise.
_MAD = 1.4826


@dataclass(frozen=True)
class Scale:
    """Movements up to twice ``lag`` frames.

    ``floor_px``: least height. ``half_window``: frames on either side that the noise is taken from;
    ``noise_factor``: 0 where it is not. ``smooth``: sigma in frames. ``half_course``: frames on
    either side that a movement is followed, all of those up to ``near`` and every ``stride`` of the
    others. ``still_ends``: the face counts as still before the first frame and after the last one.
    """

    lag: int
    floor_px: float
    half_window: int
    noise_factor: float
    smooth: float
    half_course: int
    near: int
    stride: int
    still_ends: bool

    @property
    def reach(self) -> int:
        """Frames behind and ahead that decide whether a frame is a candidate."""
        return self.half_window + 2 * self.lag + int(4 * self.smooth) + 1


def short_scale(config: SpotConfig, rate_hz: float) -> Scale:
    """For micro-expressions."""
    lag = max(1, round(config.lag_s * rate_hz))
    return Scale(
        lag=lag,
        floor_px=config.floor_share * EYE_DISTANCE_PX,
        half_window=round(config.noise_window_s / 2 * rate_hz),
        noise_factor=config.noise_factor,
        smooth=config.smooth_s * rate_hz,
        half_course=round((1.2 * config.micro_max_s + 0.2) * rate_hz),
        near=lag,
        stride=max(1, round(rate_hz / 15)),
        still_ends=False,
    )


def long_scale(lag_s: float, config: SpotConfig, rate_hz: float) -> Scale:
    """For macro-expressions. They may fill the time around them, so what is there is no measure of
    noise."""
    return Scale(
        lag=max(1, round(lag_s * rate_hz)),
        floor_px=config.long_floor_share * EYE_DISTANCE_PX,
        half_window=0,
        noise_factor=0.0,
        smooth=2 * config.smooth_s * rate_hz,
        half_course=round(min(2 * lag_s + 0.5, config.macro_max_s + 0.5) * rate_hz),
        near=max(1, round(config.lag_s * rate_hz)),
        stride=max(1, round(rate_hz / 8)),
        still_ends=True,
    )


@dataclass(frozen=True, eq=False)
class Candidate:
    """A frame at which some regions are away from where they were and will be.

    ``away`` (R,2): displacement there, in pixels of the normalised face; ``weights`` (R,): of the
    regions that stand out, 0 for the others, together 1; ``threshold_px``: what these had to
    exceed.
    """

    place: int
    part: Part
    away: F64
    weights: F64
    threshold_px: float

    def along(self, motion: F64) -> F64:
        """Motion (...,R,2) of the chosen regions in their direction (...), NaN where unknown."""
        chosen = self.weights > 0
        direction = self.away[chosen] / np.linalg.norm(self.away[chosen], axis=1)[:, None]
        return np.asarray(
            ((motion[..., chosen, :] * direction).sum(axis=-1) * self.weights[chosen]).sum(axis=-1)
        )


def displacement(motion: F64, lag: int) -> F64:
    """Where regions are, against the mean of ``lag`` frames before and after (T,R,2).

    Args:
        motion: (T,R,2), from the frame ``lag`` before; NaN where unknown.
    """
    away = np.full(motion.shape, np.nan)
    away[:-lag] = (motion[:-lag] - motion[lag:]) / 2
    return away


def height(motion: F64, away: F64, lag: int, config: SpotConfig) -> F64:
    """(T,R): the lesser of the ways there and back, along the displacement; NaN where unknown."""
    there, back = motion, np.full(motion.shape, np.nan)
    back[:-lag] = -motion[lag:]
    direction = away / np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-9)
    ways = np.stack([(there * direction).sum(axis=2), (back * direction).sum(axis=2)])
    lesser = ways.min(axis=0) if config.there_and_back else ways.mean(axis=0)
    return np.asarray(np.maximum(lesser, 0.0))


def candidates(
    motion: F64, turn_px: F64, first: int, last: int, scale: Scale, config: SpotConfig
) -> list[Candidate]:
    """The candidates of each part at ``first`` to ``last``, both inclusive, in order of time.

    A frame is one where the mean of the regions that exceed their thresholds most, in shares of
    them, is at least 1 and no frame within half a lag has more.

    Args:
        motion, turn_px: (T,R,2) and (T,), see ``Motion``, from the frame a lag before. What lies
            beyond ``scale.reach`` of a frame does not change the answer there.
    """
    smooth = smoothed(motion, scale.smooth)
    away = displacement(smooth, scale.lag)
    heights = height(smooth, away, scale.lag, config)
    margin = max(1, scale.lag // 2)
    low, high = max(0, first - margin), min(len(motion), last + margin + 1)
    turned = config.turn_share * np.nan_to_num(_turned(turn_px, scale.lag)[low:high, None])
    limits = np.maximum(thresholds(heights, low, high, scale), turned)
    ratio = np.nan_to_num(heights[low:high] / limits)
    found = []
    for part in PARTS:
        regions = np.flatnonzero(of_part(part))
        top = np.argsort(-ratio[:, regions], axis=1, kind="stable")[:, : config.top_regions]
        top = regions[top]
        score = np.take_along_axis(ratio, top, axis=1).mean(axis=1)
        for at in _highest(score, margin):
            place = low + at
            if first <= place <= last:
                made = _candidate(place, part, away[place], heights[place], limits[at], top[at])
                found.append(made)
    return sorted(found, key=lambda candidate: candidate.place)


def _highest(score: F64, margin: int) -> list[int]:
    """Where a score is at least 1 and the first of the highest within ``margin`` to each side."""
    found = []
    for at in np.flatnonzero(score >= 1).tolist():
        around = score[max(0, at - margin) : at + margin + 1]
        if around.argmax() == min(at, margin):
            found.append(at)
    return found


def _candidate(place: int, part: Part, away: F64, heights: F64, limits: F64, top: I64) -> Candidate:
    weights = np.zeros(len(REGIONS))
    known = top[heights[top] > 0]
    weights[known] = heights[known] / heights[known].sum()
    return Candidate(place, part, away, weights, float(weights @ np.nan_to_num(limits)))


def _turned(turn_px: F64, lag: int) -> F64:
    """(T,): the greater turn of the head of those towards a frame and away from it."""
    away = np.full(turn_px.shape, np.nan)
    away[:-lag] = turn_px[lag:]
    return np.asarray(np.fmax(turn_px, away))


def thresholds(heights: F64, low: int, high: int, scale: Scale) -> F64:
    """(high - low, R): what a region has to exceed at each of these frames, in pixels."""
    limits = np.full((high - low, heights.shape[1]), scale.floor_px)
    if not scale.noise_factor:
        return limits
    half = scale.half_window
    padded = np.pad(heights, ((half, half), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)[low:high]
    # every few frames of the window are enough for a median, and cost a fraction
    windows = windows[..., half % (step := max(1, half // 60)) :: step]
    median = median_of_known(windows)
    spread = _MAD * median_of_known(np.abs(windows - median[..., None]))
    return np.asarray(np.maximum(limits, np.nan_to_num(median + scale.noise_factor * spread)))


def smoothed(motion: F64, sigma: float) -> F64:
    """Gaussian over time (sigma in frames) that leaves out what is unknown, which stays so."""
    if sigma <= 0:
        return motion
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    known = ~np.isnan(motion)
    total = np.zeros(motion.shape)
    weight = np.zeros(motion.shape)
    filled = np.where(known, motion, 0.0)
    n = len(motion)
    for offset, share in zip(range(-radius, radius + 1), kernel, strict=True):
        into = slice(max(0, -offset), min(n, n - offset))
        from_ = slice(max(0, offset), min(n, n + offset))
        if into.start < into.stop:
            total[into] += share * filled[from_]
            weight[into] += share * known[from_]
    return np.asarray(np.where(known, total / np.maximum(weight, 1e-9), np.nan))
