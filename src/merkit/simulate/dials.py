"""Everything that the simulator varies, in groups that can be switched off one by one.

Units: ``_rad``; ``_eyes`` shares of the distance between the eye centres; ``_share`` shares of the
crop; ``_px`` pixels of the pictures; ``_levels`` grey levels of 255; ``chance`` of a map. Heights
of units and shapes are in shares of what ``data/action_units.csv`` gives. A pair is drawn evenly
from low to high; ``sd`` is the standard deviation of a normal, ``log_sd`` that of the logarithm of
a log-normal draw. Values without a source were chosen by eye, wide rather than narrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from merkit.errors import ConfigError
from merkit.simulate.picture_dials import (
    Estimators,
    GeometricNoise,
    Illumination,
    Pair,
    Picture,
    SensorNoise,
)
from merkit.simulate.sequence_dials import Aside, Clip, Courses, RegionNoise


@dataclass(frozen=True)
class Identity:
    """Who: identity shapes in standard deviations of the face model's people."""

    sd: float = 1.0


@dataclass(frozen=True)
class Pose:
    """How the head of somebody who looks at a screen is held."""

    yaw_sd_rad: float = 0.12
    pitch_sd_rad: float = 0.10
    roll_sd_rad: float = 0.03


@dataclass(frozen=True)
class CropJitter:
    """Where the crop lies about its place; landmarks of one picture err by about this much."""

    shift_x_sd_share: float = 0.02
    shift_y_sd_share: float = 0.025
    size_log_sd: float = 0.05


@dataclass(frozen=True)
class LandmarkJitter:
    """The crop of the second picture against that of the first, where each was cut by landmarks of
    its own. A shift is lost in a map; a zoom looks like an expression of the whole face."""

    chance: float = 0.3
    shift_sd_eyes: float = 0.003
    zoom_sd: float = 0.002


@dataclass(frozen=True)
class HeadMotion:
    """Rigid motion between the pictures. Each map has a size of its own, exponential with mean 1,
    that all of these are times: mostly still, sometimes several times as much."""

    shift_sd_eyes: float = 0.0019
    turn_sd_rad: float = 0.003
    roll_sd_rad: float = 0.0015
    zoom_sd: float = 0.0015


@dataclass(frozen=True)
class Amplitude:
    """How far the skin moves: the 99th percentile over the face, log-evenly from low to high.
    Off: always the middle."""

    range_eyes: Pair = (0.0055, 0.05)

    def __post_init__(self) -> None:
        if self.range_eyes[0] <= 0:
            raise ConfigError(f"dials.amplitude.range_eyes is {self.range_eyes}", "above 0")


@dataclass(frozen=True)
class Heights:
    """Partial actions: how high each unit, and each shape of the face model, goes."""

    unit_log_sd: float = 0.35
    shape_log_sd: float = 0.15


@dataclass(frozen=True)
class Asymmetry:
    """Both sides move, not alike: of a unit, and of each shape in it."""

    unit_log_sd: float = 0.25
    shape_log_sd: float = 0.10


@dataclass(frozen=True)
class OneSided:
    """One side stays behind in all units but those on the midline."""

    chance: float = 0.25
    weaker: Pair = (0.0, 0.35)


@dataclass(frozen=True)
class CoOccurring:
    """One more unit, that is no part of the emotion and mostly too low to be coded."""

    chance: float = 0.15
    height: Pair = (0.05, 0.3)
    log_sd: float = 0.3


@dataclass(frozen=True)
class WrongApex:
    """The second picture was not taken at the apex: the whole is at a share of its height, and each
    unit at a share of its own, since units rise and decay at different times. Labels stay: they are
    those of the clip."""

    chance: float = 0.2
    whole: Pair = (0.4, 1.0)
    unit: Pair = (0.3, 1.0)


@dataclass(frozen=True)
class Blink:
    """Lids at another height in the second picture; below 0: they were lower in the first."""

    chance: float = 0.2
    height: Pair = (-0.15, 1.0)
    side_log_sd: float = 0.2


@dataclass(frozen=True)
class Gaze:
    """Lids that follow the eyes: where the gaze shifts, each look shape has ``shape_chance``."""

    chance: float = 0.15
    shape_chance: float = 0.4
    height: Pair = (0.0, 0.5)


@dataclass(frozen=True)
class Talk:
    """Jaw and lips: each shape that speech uses moves a little, by itself."""

    shape_chance: float = 0.04
    height: Pair = (0.0, 0.08)


@dataclass(frozen=True)
class Classes:
    """How often each class is drawn where somebody does something, relative to the others: the
    square roots of the published counts of MEGC2019 (See et al. 2019: 250, 109, 83), between faces
    as they come and classes that count alike, as every score of this field has them. Off: evenly.
    """

    negative_share: float = 0.45
    positive_share: float = 0.29
    surprise_share: float = 0.26

    @property
    def chances(self) -> tuple[float, ...]:
        """Of each of ``tables.CLASSES``; they sum to 1.

        Raises:
            ConfigError: all are 0.
        """
        each = (self.negative_share, self.positive_share, self.surprise_share)
        if not sum(each):
            raise ConfigError("dials.classes are all 0", "one share above 0 or more")
        return tuple(share / sum(each) for share in each)


@dataclass(frozen=True)
class Nothing:
    """Maps on which nobody does anything: ``share`` of all; the rest is the classes'. What else was
    drawn stays in ``residue_chance`` of them, at ``residue`` of its amplitude."""

    share: float = 0.1
    residue_chance: float = 0.3
    residue: float = 0.05


#: what switches a group off; pictures and estimators are always there
OFF: Mapping[str, Mapping[str, Any]] = {
    "identity": {"sd": 0.0},
    "pose": {"yaw_sd_rad": 0.0, "pitch_sd_rad": 0.0, "roll_sd_rad": 0.0},
    "crop": {"shift_x_sd_share": 0.0, "shift_y_sd_share": 0.0, "size_log_sd": 0.0},
    "landmarks": {"chance": 0.0},
    "head": dict.fromkeys(("shift_sd_eyes", "turn_sd_rad", "roll_sd_rad", "zoom_sd"), 0.0),
    "amplitude": {"range_eyes": (0.016, 0.016)},
    "heights": {"unit_log_sd": 0.0, "shape_log_sd": 0.0},
    "asymmetry": {"unit_log_sd": 0.0, "shape_log_sd": 0.0},
    "one_sided": {"chance": 0.0},
    "co_occurring": {"chance": 0.0},
    "wrong_apex": {"chance": 0.0},
    "blink": {"chance": 0.0},
    "gaze": {"chance": 0.0},
    "talk": {"shape_chance": 0.0},
    "classes": dict.fromkeys(("negative_share", "positive_share", "surprise_share"), 1.0),
    "nothing": {"share": 0.0},
    "illumination": dict.fromkeys(
        ("gain_sd", "offset_sd_levels", "field_chance", "shading_chance"), 0.0
    ),
    "noise": {"levels": (0.0, 0.0)},
    "geometric": {"strength": 0.0, "still_chance": 0.0, "smooth": (0.0, 0.0)},
    "courses": {
        **dict.fromkeys(("hold", "lag", "left"), (0.0, 0.0)),
        **dict.fromkeys(("apex_sd_share", "power_log_sd", "left_chance"), 0.0),
    },
    "clip": {"ends_sd_share": 0.0},
    "regions": {
        **dict.fromkeys(("brow_gain", "eyelid_gain", "nose_gain", "mouth_gain"), 1.0),
        "inner_mouth_gain": 1.0,
        "gain_sd": 0.0,
        "px": 0.0,
        "landmark_sd_px": 0.0,
    },
}


@dataclass(frozen=True)
class Dials:
    """All groups. ``Dials().without("blink", "gaze")`` switches some off.

    Raises:
        ConfigError: a value out of its range.
    """

    identity: Identity = field(default_factory=Identity)
    pose: Pose = field(default_factory=Pose)
    crop: CropJitter = field(default_factory=CropJitter)
    landmarks: LandmarkJitter = field(default_factory=LandmarkJitter)
    head: HeadMotion = field(default_factory=HeadMotion)
    amplitude: Amplitude = field(default_factory=Amplitude)
    heights: Heights = field(default_factory=Heights)
    asymmetry: Asymmetry = field(default_factory=Asymmetry)
    one_sided: OneSided = field(default_factory=OneSided)
    co_occurring: CoOccurring = field(default_factory=CoOccurring)
    wrong_apex: WrongApex = field(default_factory=WrongApex)
    blink: Blink = field(default_factory=Blink)
    gaze: Gaze = field(default_factory=Gaze)
    talk: Talk = field(default_factory=Talk)
    classes: Classes = field(default_factory=Classes)
    nothing: Nothing = field(default_factory=Nothing)
    picture: Picture = field(default_factory=Picture)
    illumination: Illumination = field(default_factory=Illumination)
    noise: SensorNoise = field(default_factory=SensorNoise)
    estimators: Estimators = field(default_factory=Estimators)
    geometric: GeometricNoise = field(default_factory=GeometricNoise)
    courses: Courses = field(default_factory=Courses)
    clip: Clip = field(default_factory=Clip)
    aside: Aside = field(default_factory=Aside)
    regions: RegionNoise = field(default_factory=RegionNoise)

    def __post_init__(self) -> None:
        for group in fields(self):
            _check_group(group.name, getattr(self, group.name))

    def without(self, *names: str) -> Dials:
        """The same with these groups off.

        Raises:
            ConfigError: a name that is no group which can be off.
        """
        if unknown := sorted(set(names) - set(OFF)):
            raise ConfigError(f"dials {unknown}", f"some of: {', '.join(OFF)}")
        off = {name: replace(getattr(self, name), **OFF[name]) for name in names}
        return replace(self, **off)


def _check_group(group: str, dials: Any) -> None:
    """Ranges that follow from the names of the fields."""
    for item in fields(dials):
        name, value = item.name, getattr(dials, item.name)
        if value == ():
            raise ConfigError(f"dials.{group}.{name} is empty", "one value or more")
        if isinstance(value, tuple) and len(value) == 2 and value[0] > value[1]:
            raise ConfigError(f"dials.{group}.{name} is {value}", "low, then high")
        if name.endswith(("chance", "share")) and not (0 <= value <= 1):
            raise ConfigError(f"dials.{group}.{name} is {value}", "0 to 1")
        if "sd" in name.split("_") and value < 0:
            raise ConfigError(f"dials.{group}.{name} is {value}", "0 or more")
