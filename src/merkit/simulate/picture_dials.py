"""What pictures and estimators vary; :mod:`merkit.simulate.dials` says how units are written."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.errors import ConfigError

Pair = tuple[float, float]
#: TV-L1 of scikit-image leaves a checkerboard in pictures with a smaller side
TVL1_MIN_PX = 42
#: and no estimator sees much of a face in fewer pixels than a map has
_MIN_PX = 28


@dataclass(frozen=True)
class Mark:
    """A part of the face that is darker than the skin around it (lighter, below 0): by how much,
    how far it reaches from the line of landmarks that it follows, and how wide its edge is."""

    darkness: Pair
    reach_eyes: Pair
    edge_eyes: float

    def __post_init__(self) -> None:
        if self.edge_eyes <= 0:
            raise ConfigError(f"edge_eyes of a mark is {self.edge_eyes}", "above 0")


@dataclass(frozen=True)
class Picture:
    """A grey picture of a face, painted on the mesh: what makes estimators find some movements and
    miss others is where there is texture.

    ``light_x_sd``, ``light_y``, ``light_z``: direction towards the light, right, up and forward;
    ``ambient`` and ``diffuse``: shares of it. ``sclera``: how light the white of the eyes is, times
    ``eye_shade``; ``iris_eyes``: radius of the iris; ``gaze_sd_eyes``: where it is. ``blur_px``: sd
    of the lens. ``*_grain``: strength of three textures whose spectra fall with
    ``grain_exponents``. ``white_levels``: grey of the lightest skin (97th percentile).
    """

    side_px: int = 112
    light_x_sd: float = 0.5
    light_y: Pair = (0.0, 1.0)
    light_z: float = 1.2
    ambient: Pair = (0.4, 0.8)
    diffuse: Pair = (0.2, 0.6)
    brows: Mark = Mark((0.2, 0.7), (0.039, 0.078), 0.019)
    lips: Mark = Mark((-0.05, 0.35), (0.055, 0.086), 0.016)
    mouth_line: Mark = Mark((0.2, 0.6), (0.016, 0.016), 0.012)
    lids: Mark = Mark((0.2, 0.7), (0.023, 0.023), 0.016)
    nostrils: Mark = Mark((0.2, 0.7), (0.055, 0.055), 0.019)
    hair_darkness: Pair = (0.0, 0.8)
    sclera: Pair = (0.5, 0.9)
    iris_darkness: float = 0.75
    iris_eyes: float = 0.058
    eye_shade: Pair = (0.7, 1.0)
    gaze_sd_eyes: float = 0.006
    background: Pair = (0.05, 0.9)
    blur_px: Pair = (0.3, 0.7)
    grain_exponents: tuple[float, float, float] = (2.2, 1.2, 0.6)
    coarse_grain: Pair = (0.0, 0.05)
    middle_grain: Pair = (0.005, 0.035)
    fine_grain: Pair = (0.0, 0.03)
    white_levels: Pair = (120.0, 230.0)

    def __post_init__(self) -> None:
        if not _MIN_PX <= self.side_px <= 1024:
            found = f"dials.picture.side_px is {self.side_px}"
            raise ConfigError(found, f"{_MIN_PX} to 1024")
        if self.blur_px[0] <= 0:
            raise ConfigError(f"dials.picture.blur_px is {self.blur_px}", "above 0")


@dataclass(frozen=True)
class Illumination:
    """Light of the second picture against the first: gain, offset, a smooth field of gain
    (``field_share`` times a 5 x 5 normal draw), and shading of skin that folds or stretches
    (``shading_sd`` times the divergence of the flow, at most ``shading_limit``)."""

    gain_sd: float = 0.01
    offset_sd_levels: float = 1.0
    field_chance: float = 0.5
    field_gain: Pair = (0.0, 0.015)
    shading_chance: float = 0.6
    shading_sd: float = 0.25
    shading_limit: float = 0.15


@dataclass(frozen=True)
class SensorNoise:
    """Noise of each picture: its sd, times one of ``exposures`` (good to bad light), correlated
    over ``correlation_px``, as noise is that a video codec has smoothed."""

    levels: Pair = (0.3, 2.5)
    exposures: tuple[float, ...] = (0.3, 1.0, 1.5)
    correlation_px: Pair = (0.0, 1.2)


@dataclass(frozen=True)
class Estimators:
    """Which estimator makes a map, and sides of the pictures that it is given, in pixels; a side
    that stands twice is drawn twice as often. A share of 0 leaves one out."""

    tvl1_share: float = 0.45
    dis_share: float = 0.25
    farneback_share: float = 0.30
    tvl1_sides_px: tuple[int, ...] = (42, 56, 56, 84)
    dis_sides_px: tuple[int, ...] = (56, 84, 112, 168)
    farneback_sides_px: tuple[int, ...] = (28, 42, 56, 84, 112)

    def __post_init__(self) -> None:
        shares = self.tvl1_share, self.dis_share, self.farneback_share
        if min(shares) < 0 or sum(shares) <= 0:
            raise ConfigError(f"dials.estimators: shares {shares}", "0 or more, not all 0")
        least = {"tvl1": TVL1_MIN_PX, "dis": _MIN_PX, "farneback": _MIN_PX}
        for name, low in least.items():
            sides = getattr(self, f"{name}_sides_px")
            if not sides or min(sides) < low or max(sides) > 1024:
                found = f"dials.estimators.{name}_sides_px is {sides}"
                raise ConfigError(found, f"one or more, {low} to 1024")


@dataclass(frozen=True)
class GeometricNoise:
    """What an estimator does to a flow, imitated: for geometric maps alone.

    ``snr_log_mean`` and ``snr_log_sd``: amplitude of the movement against that of the noise.
    ``background``: how much more noise there is beside the face. ``still_chance``: that patches
    without texture lose movement. ``smooth``: share of a smoothed flow in the result.
    """

    snr_log_mean: float = 1.2
    snr_log_sd: float = 0.8
    scale_log_sd: float = 0.7
    strength: float = 1.0
    background: float = 2.0
    still_chance: float = 0.6
    smooth: Pair = (0.0, 1.0)
