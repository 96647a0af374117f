"""From when to when nothing can be told of a face, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merkit.face.actions import FaceActions
from merkit.face.behaviour import (
    ActionConfig,
    covered,
    covered_upper,
    head_speed,
    is_head_fast,
    is_occluded,
    is_talking,
    runs,
)
from merkit.types import Bool, FacePart, Stretch, StretchKind


@dataclass(frozen=True)
class _Kind:
    """``mask``: the frames of this kind. ``reason``: of such frames of a stretch."""

    name: StretchKind
    part: FacePart
    mask: Callable[[FaceActions, ActionConfig], Bool]
    reason: Callable[[FaceActions, Bool, ActionConfig], str]


def stretches(actions: FaceActions, config: ActionConfig) -> tuple[Stretch, ...]:
    """Every stretch in order of its start; those of different kinds may overlap.

    Holes shorter than ``config.hole_s`` (of speech ``config.speech_hole_s``) are closed, and what
    is shorter than ``config.least_s`` is left out.
    """
    found: list[Stretch] = []
    time_s = actions.time_s
    for kind in _KINDS:
        mask = kind.mask(actions, config)
        hole_s = config.speech_hole_s if kind.name == "speech" else config.hole_s
        for first, last in joined(mask, time_s, hole_s):
            if time_s[last] - time_s[first] < config.least_s:
                continue
            inside = np.zeros(len(actions), bool)
            inside[first : last + 1] = mask[first : last + 1]
            found.append(
                Stretch(
                    kind.name,
                    float(time_s[first]),
                    float(time_s[last]),
                    int(actions.numbers[first]),
                    int(actions.numbers[last]),
                    kind.part,
                    kind.reason(actions, inside, config),
                )
            )
    return tuple(sorted(found, key=lambda stretch: (stretch.start_s, stretch.end_s)))


def joined(mask: Bool, time_s: np.ndarray, hole_s: float) -> list[tuple[int, int]]:
    """First and last place, inclusive, of the runs of True, with holes of up to ``hole_s`` between
    two of them closed."""
    found: list[tuple[int, int]] = []
    for first, last in runs(mask):
        near = bool(found) and time_s[first] - time_s[found[-1][1]] <= hole_s
        found.append((found.pop()[0] if near else first, last))
    return found


def _is_slow(actions: FaceActions, config: ActionConfig) -> Bool:
    """Frames on both sides of an interval that is too long."""
    long = np.diff(actions.time_s) > 1.01 / config.min_hz
    return np.asarray(np.concatenate([[False], long]) | np.concatenate([long, [False]]))


def _speed(actions: FaceActions, inside: Bool, config: ActionConfig) -> str:
    turn, shift = (np.nanmax(v[inside], initial=0.0) for v in head_speed(actions))
    if turn > config.head_deg_s:
        return f"the head turns by up to {turn:.0f} degrees a second"
    return f"the head moves by up to {shift:.1f} eye distances a second"


def _cover(actions: FaceActions, inside: Bool, config: ActionConfig) -> str:
    del config
    return f"up to {covered(actions)[inside].max():.0%} of a quarter of the face is covered"


def _rate(actions: FaceActions, inside: Bool, config: ActionConfig) -> str:
    hz = 1 / np.diff(actions.time_s[inside]).max()
    return f"{hz:.3g} frames a second, {config.min_hz:.3g} are wanted"


def _pixels(actions: FaceActions, inside: Bool, config: ActionConfig) -> str:
    px = float(np.median(actions.eye_distance_px[inside]))
    return f"the eyes lie {px:.0f} px apart, {config.eye_distance_px:.0f} are wanted"


def _outside(actions: FaceActions, inside: Bool, config: ActionConfig) -> str:
    del config
    return f"up to {actions.outside[inside].max():.0%} of the face lies outside the picture"


def _reaches_up(actions: FaceActions, config: ActionConfig) -> Bool:
    """Whether what covers the face may reach beyond its lower half: half as much shows it."""
    return np.asarray(covered_upper(actions) >= config.covered / 2)


_KINDS = (
    _Kind("no face", "face", lambda a, c: np.isnan(a.presence), lambda a, i, c: "no face is found"),
    _Kind("occluded", "face", lambda a, c: is_occluded(a, c) & _reaches_up(a, c), _cover),
    _Kind("occluded", "lower face", lambda a, c: is_occluded(a, c) & ~_reaches_up(a, c), _cover),
    _Kind("at the border", "face", lambda a, c: a.outside > c.outside, _outside),
    _Kind("speech", "lower face", is_talking, lambda a, i, c: "the lips open and close repeatedly"),
    _Kind("head movement", "face", is_head_fast, _speed),
    _Kind("too few pixels", "face", lambda a, c: a.eye_distance_px < c.eye_distance_px, _pixels),
    _Kind("too low a frame rate", "face", _is_slow, _rate),
)
