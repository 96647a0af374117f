"""What sequences vary beside maps; :mod:`merkit.simulate.dials` says how units are written."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.errors import ConfigError
from merkit.simulate.picture_dials import Pair


@dataclass(frozen=True)
class Courses:
    """How long an expression takes, and how its units rise and fall.

    ``duration_s``: from onset to offset; 1/25 to 1/2 s is how micro-expressions are defined (Yan et
    al. 2013, doi:10.1007/s10919-013-0159-8). Shares are of it: the apex comes after ``rise``
    and is held for ``hold``; each unit begins later by ``lag`` and ends earlier by
    another, and its apex lies ``apex_sd_share`` beside. Rise and fall are raised cosines to a power
    of ``power_log_sd``. In ``left_chance`` of the clips the share ``left`` of the height is still
    there at the offset.
    """

    duration_s: Pair = (0.04, 0.5)
    rise: Pair = (0.25, 0.65)
    hold: Pair = (0.0, 0.2)
    lag: Pair = (0.0, 0.2)
    apex_sd_share: float = 0.04
    power_log_sd: float = 0.25
    left_chance: float = 0.3
    left: Pair = (0.0, 0.5)


@dataclass(frozen=True)
class Clip:
    """What of the course is seen: ``fps_hz`` one of these; first and last frame beside onset and
    offset by normal draws of ``ends_sd_share`` of the duration."""

    fps_hz: tuple[float, ...] = (30.0, 100.0, 200.0)
    ends_sd_share: float = 0.05

    def __post_init__(self) -> None:
        if min(self.fps_hz, default=0) < 1:
            raise ConfigError(f"dials.clip.fps_hz is {self.fps_hz}", "one or more, of 1 or above")


@dataclass(frozen=True)
class Aside:
    """Courses of what is no part of the expression: a blink takes ``blink_s`` (Kwon et al. 2013,
    doi:10.1098/rsif.2013.0227: about a third of a second), eyes jump within ``gaze_s``, lips move
    at ``talk_hz``, the head at ``head_hz``."""

    blink_s: Pair = (0.15, 0.4)
    gaze_s: Pair = (0.03, 0.1)
    talk_hz: Pair = (2.0, 6.0)
    head_hz: Pair = (0.2, 2.5)


@dataclass(frozen=True)
class RegionNoise:
    """What DIS makes of the motion of regions, measured on painted pictures: 240 clips of 40 people
    at 256 px under the default dials of light and noise, the estimate against the exact motion.

    ``*_gain``: slope of the estimate, by parts of the face (measured 0.84 to 0.97 at brows, 0.8 to
    0.9 at eyelids, 0.65 to 0.77 at the wings of the nose, 0.85 to 0.96 at the mouth and 0.73 to
    0.83 in it); ``gain_sd``: of each region from person to person (0.05 at brows, 0.2 at lips).
    ``px``: size of the error, ``px_log_sd`` from clip to clip (0.1 to 0.5 px from clean to grainy
    pictures). It is correlated 0.5 in time, as all flow is against one first frame
    (``still_share``), and 0.85 within a part and 0.4 to 0.7 between parts, as the motion of one
    nose tip is taken off (``common_share`` and ``part_share``).
    """

    brow_gain: float = 0.93
    eyelid_gain: float = 0.83
    nose_gain: float = 0.70
    mouth_gain: float = 0.89
    inner_mouth_gain: float = 0.78
    gain_sd: float = 0.12
    px: float = 0.16
    px_log_sd: float = 0.6
    still_share: float = 0.5
    common_share: float = 0.45
    part_share: float = 0.40

    def __post_init__(self) -> None:
        if self.common_share + self.part_share > 1:
            found = f"dials.regions: common_share and part_share are {self.common_share} and "
            raise ConfigError(found + f"{self.part_share}", "at most 1 together")
