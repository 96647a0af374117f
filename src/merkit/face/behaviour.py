"""What the measures of single frames mean in time: blink, speech, gaze shift, fast head, cover.

Each answer is Bool (N,) and depends on the frames within ``ActionConfig.rest_s`` around (speech: on
the stretch of mouth movements that it lies in), not on the rest of the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from merkit.config import check_settings
from merkit.face.actions import FaceActions
from merkit.face.pose import rotation_of
from merkit.types import F32, F64, I64, Bool

if TYPE_CHECKING:
    import pandas as pd
    from pandas.core.window import Rolling


@dataclass(frozen=True)
class ActionConfig:
    """When a measure counts as an action; none is fitted to data of a licensed database.

    ``rest_s``: how far to each side the eyes are looked at to know how they are when open; four
    times as long as a blink, so that lowered eyes are a new rest and not a blink. ``blink_share``:
    a blink closes both eyes by this share of that rest; lids of generated faces, which close
    without the lashes meeting, come down by 0.35, a smile narrows eyes by 0.15. ``blink_edge``: it
    begins and ends at this share, three times the jitter of a still lid, or at ``blink_depth`` of
    how far it closes, whichever is more. ``open_lid``: an eye less open than this (height over
    width) at rest is closed or lowered, and neither blinks nor shows where it looks.
    ``blink_rise``: and the blendshape of closing rises by this (0.02 at rest, 0.2 in a blink of a
    generated face, 0.5 in a real one). ``blink_s``: longest blink; longer is closed or lowered
    eyes. ``lip_swing``: opening or closing of the lips that counts, in eye distances; five times
    the jitter of a still mouth, and more where the lips are open. ``lip_pause_s``: longest swing,
    and rest between two, within speech, from 1 Hz of chewing on. ``lip_swings``: from so many on it
    is speech: open, close, open; a smile has one, one word or a yawn two. ``gaze_deg``: turn of the
    eyes within a tenth of a second that counts; slower ones do not move the lids at once.
    ``head_deg_s``, ``head_share_s``: turn of the head in degrees a second, shift in eye distances a
    second, beyond which the skin cannot be read: 40 degrees a second move points of a face by a
    fortieth of the eye distance from one frame to the next at 30 Hz, as much as a micro-expression
    does. ``covered``: share of a quarter of the face that is covered; open faces that laugh, turn
    and blink stay below 0.36. ``outside``: share of the points beyond the picture.
    ``eye_distance_px``: least that shows a brief movement: 1 px of a face 256 px wide is a third of
    a pixel there. ``min_hz``: half a second has ten frames. ``speech_hole_s``: pauses between words
    that belong to speech. ``hole_s``, ``least_s``: shorter holes in a stretch are closed, shorter
    stretches dropped: within a fifth of a second nothing could be said of the frames between.
    """

    rest_s: float = 1.2
    blink_share: float = 0.22
    blink_edge: float = 0.06
    blink_depth: float = 0.15
    open_lid: float = 0.15
    blink_rise: float = 0.05
    blink_s: float = 0.6
    lip_swing: float = 0.015
    lip_pause_s: float = 0.5
    lip_swings: int = 3
    gaze_deg: float = 5.0
    head_deg_s: float = 40.0
    head_share_s: float = 1.5
    covered: float = 0.4
    outside: float = 0.1
    eye_distance_px: float = 30.0
    min_hz: float = 20.0
    hole_s: float = 0.2
    speech_hole_s: float = 0.8
    least_s: float = 0.2

    def __post_init__(self) -> None:
        wanted = {name: (getattr(self, name) > 0, "above 0") for name in self.__dataclass_fields__}
        for name in ("hole_s", "speech_hole_s", "least_s", "outside"):
            wanted[name] = (getattr(self, name) >= 0, "0 or more")
        check_settings(self, "actions", wanted)


#: Speeds are read over this time to each side of a frame, at least one frame.
_SPEED_S = 0.05
#: Of lips and eyes the median over this time to each side is read, which is a frame at 30 Hz.
_JITTER_S = 0.045
#: Gap between the lips, in eye distances, at which a swing has to be twice that of closed lips: the
#: points of open lips, as in laughter, jitter more.
_AJAR = 0.1
#: Lips that do not swing within this time to each side are still, and what they did before has no
#: say in what they do next: so the same speech is told in a part of a video, and in a stream.
STILL_S = 1.0


def is_blinking(actions: FaceActions, config: ActionConfig) -> Bool:
    """Both eyes close and open again."""
    left, right = (_closing(actions, lid, config) for lid in (actions.lid_left, actions.lid_right))
    closing = np.minimum(left, right)
    shapes = np.minimum(actions.blink_left, actions.blink_right)
    rise = shapes - rest_of(shapes, actions.time_s, config.rest_s)
    blink = np.zeros(len(actions), bool)
    for first, last in runs(closing > config.blink_edge):
        deepest = closing[first : last + 1].max()
        if deepest < config.blink_share:
            continue
        # a smile may go on narrowing the eyes when the blink is over
        for a, b in runs(closing[first : last + 1] > config.blink_depth * deepest):
            inside = slice(first + a, first + b + 1)
            long_s = actions.time_s[first + b] - actions.time_s[first + a]
            known = np.isfinite(rise[inside]).any()
            blink[inside] = (
                long_s <= config.blink_s
                and closing[inside].max() >= config.blink_share
                and not (known and np.nanmax(rise[inside]) < config.blink_rise)
            )
    return blink


def is_talking(actions: FaceActions, config: ActionConfig) -> Bool:
    """The lips open and close again and again: speech or chewing. Not told of a covered mouth."""
    talk = np.zeros(len(actions), bool)
    seen = ~(covered_lower(actions) >= config.covered)
    lips = rest_of(np.where(seen, actions.lip_gap, np.float32(np.nan)), actions.time_s, _JITTER_S)
    course = (_AJAR * np.log1p(np.maximum(lips, 0) / _AJAR)).astype(np.float32)
    still = _range_of(course, actions.time_s, STILL_S) < config.lip_swing
    ends = turning_points(np.where(still, np.nan, course), config.lip_swing).ravel()
    apart = np.flatnonzero(np.diff(actions.time_s[ends]) > config.lip_pause_s) + 1
    for group in np.split(np.arange(len(ends)), apart):
        swings = (
            group[:-1] % 2
        ).sum()  # each from the last place of a turn to the next one's first
        if swings >= config.lip_swings:
            begin, end = group[0] | 1, group[-1] & ~1  # without the rest before and after
            talk[ends[begin] : ends[end] + 1] = True
    return talk


def is_gaze_shift(actions: FaceActions, config: ActionConfig) -> Bool:
    """The eyes turn quickly within the head; not told while the lids cover them."""
    steady = [rest_of(eye, actions.time_s, _JITTER_S) for eye in (actions.eye_x, actions.eye_y)]
    eyes = np.degrees(np.stack(steady, axis=1))
    before, after = _around(actions.time_s, _SPEED_S)
    turn = np.linalg.norm(eyes[after] - eyes[before], axis=1)
    open_lids = np.minimum(actions.lid_left, actions.lid_right) >= config.open_lid
    clear = open_lids & ~is_blinking(actions, config)
    clear = clear & clear[before] & clear[after]
    return np.asarray((turn >= config.gaze_deg) & clear)


def is_head_fast(actions: FaceActions, config: ActionConfig) -> Bool:
    """The head turns or shifts too fast for its skin to be read."""
    turn, shift = head_speed(actions)
    return np.asarray((turn > config.head_deg_s) | (shift > config.head_share_s))


def is_occluded(actions: FaceActions, config: ActionConfig) -> Bool:
    """Something stands before the face."""
    return np.asarray(covered(actions) >= config.covered)


def covered(actions: FaceActions) -> F32:
    """F32 (N,): how covered the most covered quarter of the face is, 0 to 1."""
    return np.fmax(covered_upper(actions), covered_lower(actions))


def covered_upper(actions: FaceActions) -> F32:
    """The same of the upper quarters."""
    return np.fmax(actions.covered_upper_left, actions.covered_upper_right)


def covered_lower(actions: FaceActions) -> F32:
    """The same of the lower quarters."""
    return np.fmax(actions.covered_lower_left, actions.covered_lower_right)


def head_speed(actions: FaceActions) -> tuple[F64, F64]:
    """Turn in degrees a second and shift in eye distances a second, each F64 (N,); NaN where it is
    not known. Without a mesh the turn is not known."""
    before, after = _around(actions.time_s, _SPEED_S)
    took_s = np.maximum(actions.time_s[after] - actions.time_s[before], 1e-9)
    rotations = rotation_of(
        np.stack([actions.pitch, actions.yaw, actions.roll], axis=1).astype(np.float64)
    )
    traces = np.einsum("nij,nij->n", rotations[after], rotations[before])
    turn = np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1)))
    moved = np.hypot(
        actions.head_x[after] - actions.head_x[before],
        actions.head_y[after] - actions.head_y[before],
    )
    return turn / took_s, np.asarray(moved / actions.eye_distance_px / took_s, np.float64)


def rest_of(values: F32, time_s: F64, reach_s: float) -> F32:
    """F32 (N,): the median of the values within ``reach_s`` to each side; NaN where the value is.

    Half a millisecond more is within, so that rounded times of frames decide nothing.
    """
    medians = _around_each(values, time_s, reach_s).median()
    return np.where(np.isfinite(values), medians, np.nan).astype(np.float32)


def _range_of(values: F32, time_s: F64, reach_s: float) -> F64:
    """F64 (N,): the greatest less the least value within ``reach_s`` to each side."""
    around = _around_each(values, time_s, reach_s)
    return np.asarray(around.max() - around.min())


def _around_each(values: F32, time_s: F64, reach_s: float) -> Rolling[pd.Series[float]]:
    """Windows of a time to each side of every value, as ``rest_of`` has them."""
    import pandas as pd

    index = pd.to_timedelta(np.round(time_s * 1e6).astype(np.int64), unit="us")
    window = pd.Timedelta(microseconds=round(2e6 * (reach_s + 5e-4)))
    series = pd.Series(values, index=index)
    return series.rolling(window, center=True, closed="both", min_periods=1)


def turning_points(values: F32, swing: float) -> I64:
    """Where a curve turns, I64 (K,2): first and last place of each high and low, in order, that
    differs by ``swing`` or more from those beside it. A gap in the values starts anew."""
    turns: list[tuple[int, int]] = []
    for first, last in runs(np.isfinite(values)):
        found = _turns(values[first : last + 1].tolist(), swing)
        turns += [(first + a, first + b) for a, b in found]
    return np.array(turns, np.int64).reshape(-1, 2)


def _turns(values: list[float], swing: float) -> list[tuple[int, int]]:
    turns: list[tuple[int, int]] = []
    ends = {1: (0, 0), -1: (0, 0)}  # where the curve was highest, and lowest, since the last turn
    heading = 0
    for i, value in enumerate(values):
        for way, (first, last) in ends.items():
            beyond = way * (value - values[first])
            if way != -heading and -beyond >= swing:
                turns.append((first, last))
                heading = -way
                ends = {1: (i, i), -1: (i, i)}
                break
            if beyond > -swing / 5:  # it stays there, or goes on
                ends[way] = (i if beyond > swing / 5 else first, i)
    return [*turns, ends[heading]] if heading else []


def runs(mask: Bool) -> list[tuple[int, int]]:
    """First and last place, inclusive, of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _closing(actions: FaceActions, lid: F32, config: ActionConfig) -> F32:
    """By which share of its rest an eye is closed; 0 where not known, or where it is not open."""
    rest = rest_of(lid, actions.time_s, config.rest_s)
    closing = np.nan_to_num(1 - lid / np.maximum(rest, 1e-6), nan=0.0)
    return np.where(rest >= config.open_lid, closing, 0.0).astype(np.float32)


def _around(time_s: F64, reach_s: float) -> tuple[I64, I64]:
    """For each frame the ones before and after it that a speed is read from, N each."""
    places = np.arange(len(time_s))
    before = np.searchsorted(time_s, time_s - reach_s - 1e-9)
    after = np.searchsorted(time_s, time_s + reach_s + 1e-9, side="right") - 1
    last = max(len(time_s) - 1, 0)
    return np.clip(np.minimum(before, places - 1), 0, None), np.clip(
        np.maximum(after, places + 1), None, last
    )
