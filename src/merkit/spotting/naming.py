"""What a movement was: an expression, or what the lids, the eyes, the mouth or the head did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.face.actions import FaceActions
from merkit.face.behaviour import (
    ActionConfig,
    is_blinking,
    is_gaze_shift,
    is_head_fast,
    is_occluded,
    is_talking,
    runs,
)
from merkit.spotting.config import SpotConfig
from merkit.spotting.course import Movement
from merkit.spotting.look import EYE_DISTANCE_PX
from merkit.spotting.regions import REGIONS
from merkit.types import Bool, EventKind

#: Regions that move by less than this share of the strongest are not named.
_NAMED_SHARE = 0.4
#: A blink and a gaze shift reach a little beyond their own frames, in seconds.
_AROUND_S = 0.1
#: Lips move before the first sound and after the last one, and in pauses for breath.
SPEECH_AROUND_S = 0.6
#: Lips this far apart, in eye distances, show the teeth; they are at rest, as some people's are,
#: while that changes by less than the second number within a second to each side.
_APART_SHARE, _REST_SHARE, _REST_S = 0.08, 0.05, 1.0
#: Both upper lids come down this far, in shares of the eye distance, when they close.
_LIDS_SHARE = 0.015
#: Speech explains a movement of the mouth from this share of its time on.
_SPEECH_SHARE = 0.25
#: So much of its time must be fast, or covered, for a movement to be no more than that.
_MOST_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What the face as a whole did in each look, Bool (N,) each.

    ``talk`` goes on a little around what was seen of it. ``apart``: the lips are open, and not at
    rest.
    """

    blink: Bool
    gaze: Bool
    talk: Bool
    apart: Bool
    head: Bool
    occluded: Bool

    @classmethod
    def of(cls, actions: FaceActions, config: ActionConfig) -> Behaviour:
        return cls(
            is_blinking(actions, config),
            is_gaze_shift(actions, config),
            _around(is_talking(actions, config), actions, SPEECH_AROUND_S),
            _laughing(actions),
            is_head_fast(actions, config),
            is_occluded(actions, config),
        )


def share(mask: Bool, m: Movement, around: int = 0) -> float:
    """Share of the looks of a movement, and ``around`` it, in which something holds."""
    first = max(0, int(np.floor(m.onset)) - around)
    part = mask[first : int(np.ceil(m.offset)) + around + 1]
    return float(part.mean()) if len(part) else 0.0


def moved(m: Movement) -> list[int]:
    """The regions that moved, the strongest first."""
    far = m.lengths_px
    least = max(m.threshold_px, _NAMED_SHARE * float(far.max()))
    return [int(r) for r in np.argsort(-far, kind="stable") if far[r] >= least]


def kind_of(
    m: Movement, duration_s: float, rate_hz: float, did: Behaviour, config: SpotConfig
) -> EventKind:
    """The kind of a movement: what explains all the regions that moved, or else an expression."""
    if share(did.head, m) >= _MOST_SHARE:
        return "head movement"
    brief = duration_s <= config.micro_max_s
    around = round(_AROUND_S * rate_hz)
    explained: dict[int, EventKind] = {}
    regions = moved(m) or [int(m.lengths_px.argmax())]
    for kind, happens in (
        ("speech", config.name_speech and _speaks(m, brief, did)),
        ("gaze shift", config.name_gaze and brief and share(did.gaze, m, around) > 0),
        ("blink", config.name_blinks and (_lids_close(m) or _blinks(m, brief, around, did))),
    ):
        if happens:
            explained |= {r: kind for r in regions if _explains(kind, r, m, config)}  # type: ignore[misc]
    if all(r in explained for r in regions):
        return explained[regions[0]]
    return "micro" if brief else "macro"


def _speaks(m: Movement, brief: bool, did: Behaviour) -> bool:
    """Whether there is speech, or the lips never meet from onset to offset: then every breath and
    laugh moves the lower face a little, and the jaw for long."""
    jaw = REGIONS[int(m.lengths_px.argmax())].name in ("chin", "lower lip")
    return share(did.talk, m) >= _SPEECH_SHARE or ((brief or jaw) and share(did.apart, m) == 1)


def _blinks(m: Movement, brief: bool, around: int, did: Behaviour) -> bool:
    """Whether the lids close near a brief movement, or at the apex of a longer one."""
    first, last = (m.onset, m.offset) if brief else (m.apex, m.apex)
    return bool(did.blink[max(0, int(first) - around) : int(np.ceil(last)) + around + 1].any())


def _lids_close(m: Movement) -> bool:
    """The motion itself has the signature of a blink: both upper lids come down most."""
    lids = [r for r, region in enumerate(REGIONS) if region.name == "upper lid"]
    brows = [r for r, region in enumerate(REGIONS) if region.part == "upper"]
    down = np.nan_to_num(m.regions[lids, 1])
    return bool(
        down.min() > _LIDS_SHARE * EYE_DISTANCE_PX and down.min() >= m.lengths_px[brows].max() / 2
    )


def _laughing(actions: FaceActions) -> Bool:
    """Where the lips stay apart and move: laughter, a word to come, heavy breath."""
    gap, time_s = np.nan_to_num(actions.lip_gap), actions.time_s
    first = np.searchsorted(time_s, time_s - _REST_S)
    stop = np.searchsorted(time_s, time_s + _REST_S, side="right")
    swing = [np.ptp(gap[a:b]) for a, b in zip(first, stop, strict=True)]
    return np.asarray((gap > _APART_SHARE) & (np.array(swing) > _REST_SHARE))


def _around(mask: Bool, actions: FaceActions, reach_s: float) -> Bool:
    """Where something holds, or held or will hold within so many seconds."""
    wide = mask.copy()
    for first, last in runs(mask):
        near = (actions.time_s >= actions.time_s[first] - reach_s) & (
            actions.time_s <= actions.time_s[last] + reach_s
        )
        wide |= near
    return wide


def _explains(kind: str, r: int, m: Movement, config: SpotConfig) -> bool:
    """Whether speech, a gaze shift or a blink moves a region as this movement does."""
    region = REGIONS[r]
    if kind == "speech":
        return region.part == "lower"
    if region.part == "lower":
        return region.name == "cheek"
    # lids draw the skin above them down; a brow that rises does so by itself
    little = m.lengths_px[r] < config.blink_reach_share * EYE_DISTANCE_PX
    return bool(region.part == "eyes" or little or (kind == "blink" and m.regions[r, 1] > 0))


def is_hidden(m: Movement, did: Behaviour) -> bool:
    """Whether something stood before the face while it moved: then nothing can be told."""
    return share(did.occluded, m) >= _MOST_SHARE
