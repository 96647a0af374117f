"""Settings of spotting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.spotting.motion import Head


@dataclass(frozen=True)
class SpotConfig:
    """How brief and longer movements are found. Nothing is trained; the numbers were looked at on
    generated recordings, none on a database.

    What is looked for: ``micro_min_s`` and ``micro_max_s`` bound a micro-expression (1/25 to 1/2
    second; Yan et al. 2013 give the upper limit from onset to offset); ``macro_max_s``: longer
    movements than this are no expression that comes and goes.

    Signal: motion is read against the frame ``lag_s`` before and after, and for longer movements
    ``long_lags_s`` (none: these are not looked for), each half of the longest movement it sees
    whole.
    ``smooth_s``: sigma of a Gaussian over time. ``top_regions``: a movement counts by the mean of
    so many regions that stand out most, since most muscles move two. ``there_and_back``: a
    movement must go and return; without it what only went is taken too. ``head``: how the motion
    of the head is taken out (see ``motion_between``). ``max_misfit_share``: frames in which the
    bone points fit no rigid motion to this share of the eye distance are not known (a cut, blur).

    Threshold, in shares of the distance between the eye centres: ``floor_share`` for short
    movements and ``long_floor_share`` for long ones. For short ones in a region that is restless,
    median + ``noise_factor`` robust standard deviations of its own signal within
    ``noise_window_s`` around. While the head nods or shakes, ``turn_share`` of how far that moves
    what stands out by one eye distance: the depth of the mesh is not exact.

    Course: ``return_share``: least share of the way there that is taken back. Onset and offset
    lie where a smooth rise through 20 and 80 % of the height begins (``whole_flanks``); without it
    at 20 %. ``ripple_share``: short movements within a longer one of the same regions are ripples
    of it where they have less than this share of its height.

    Kinds: ``name_blinks``, ``name_speech``, ``name_gaze``: a movement is named for the lids, the
    mouth or the eyes where these explain it; brows that rise further than ``blink_reach_share`` do
    so by themselves, not with the lids. ``rate_hz``: frames a second that are looked at; faster
    video is thinned to about this.
    """

    micro_min_s: float = 0.04
    micro_max_s: float = 0.5
    macro_max_s: float = 4.0
    lag_s: float = 0.25
    long_lags_s: tuple[float, ...] = (0.7, 2.0)
    smooth_s: float = 0.025
    top_regions: int = 2
    there_and_back: bool = True
    head: Head = "rigid"
    max_misfit_share: float = 0.04
    floor_share: float = 0.0033
    long_floor_share: float = 0.012
    noise_factor: float = 6.0
    turn_share: float = 0.1
    noise_window_s: float = 10.0
    return_share: float = 0.4
    whole_flanks: bool = True
    ripple_share: float = 0.5
    name_blinks: bool = True
    name_speech: bool = True
    name_gaze: bool = True
    blink_reach_share: float = 0.015
    rate_hz: float = 50.0

    def __post_init__(self) -> None:
        positive = ("micro_max_s", "lag_s", "top_regions", "noise_window_s", "rate_hz")
        wanted = {name: (getattr(self, name) > 0, "above 0") for name in positive}
        for name in ("micro_min_s", "smooth_s", "noise_factor"):
            wanted[name] = (getattr(self, name) >= 0, "0 or more")
        for name in (name for name in vars(self) if name.endswith("_share")):
            wanted[name] = (0 <= getattr(self, name) <= 1, "0 to 1")
        wanted["long_lags_s"] = (all(lag > 0 for lag in self.long_lags_s), "each above 0")
        wanted["macro_max_s"] = (self.macro_max_s > self.micro_max_s, "above micro_max_s")
        wanted["head"] = (self.head in get_args(Head), "rigid, nose or none")
        check_settings(self, "spot", wanted)

    def step(self, fps_hz: float) -> int:
        """Frames of the source from one look to the next.

        Raises:
            ConfigError: a frame rate that is not above 0.
        """
        if not fps_hz > 0:
            raise ConfigError(f"frame rate {fps_hz} Hz", "above 0")
        return max(1, round(fps_hz / self.rate_hz))
