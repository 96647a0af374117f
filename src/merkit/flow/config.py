"""Settings of optical flow features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.face.regions import RegionWindows

Estimator = Literal["farneback", "dis", "tvl1"]
Reference = Literal["first", "previous"]
NoseCorrection = Literal["field", "pooled", "none"]
CropKind = Literal["square", "tight"]


@dataclass(frozen=True)
class FlowConfig:
    """Everything that decides motion features (docs/methods/stag.md, and 3 items 1-3).

    Estimation: ``estimator`` (see :func:`merkit.flow.estimate_flow`); ``dis_stride_px``:
    distance of the patches of DIS, 3 for OpenCV's preset medium to the letter; ``reference``:
    motion against the ``first`` frame (cumulative) or the ``previous`` one.

    Head motion: ``nose_correction`` subtracts the mean flow of the nose tip from the flow
    ``field`` before regions are pooled, or from the ``pooled`` vectors as the public extractor
    does, or not at all (``none``). ``follow_nose`` first moves the crop by the rounded nose
    motion, at most ``follow_iterations`` times while its square exceeds ``follow_above_px2``;
    ``follow_scaled``: by that motion in source pixels. False takes crop pixels for source pixels,
    as the public extractor does.

    Pixels: ``gray_order`` ``bgr`` gives blue the weight of red and red that of blue, as the public
    extractor does, which reads B,G,R and converts R,G,B.

    Regions: ``regions`` 18 or 14; ``windows`` their sizes; ``q_*``: share of a region's pixels,
    those that move most, whose mean is its motion (eqs 9-11). The shares are lost in the STAG
    paper; the public extractor has 0.3 for the right brow (whole and points), the whole mouth
    and the eyelids. ``q_nose_tip`` is that of the nose-tip box.

    Crop (eqs 3-4), in units of half the distance g of the inner eye corners:
    ``crop_half_width_g`` to each side, ``crop_above_g`` and ``crop_below_g``, resized to
    ``crop_size_px`` squared. ``crop``: this ``square``, or ``tight``, with eyes and mouth at fixed
    places (:mod:`merkit.flow.tight`), for flow maps alone; ``crop_upright`` levels the eyes in it.
    ``map_size_px``: side of the onset-apex flow image.
    """

    estimator: Estimator = "dis"
    dis_stride_px: int = 4
    reference: Reference = "previous"
    nose_correction: NoseCorrection = "field"
    follow_nose: bool = True
    follow_iterations: int = 3
    follow_above_px2: float = 1.0
    follow_scaled: bool = True
    gray_order: Literal["rgb", "bgr"] = "rgb"
    regions: Literal[18, 14] = 18
    windows: RegionWindows = field(default_factory=RegionWindows)
    q_left_brow: float = 0.2
    q_right_brow: float = 0.2
    q_mouth: float = 0.2
    q_mouth_points: float = 0.2
    q_nose: float = 0.2
    q_eyelids: float = 0.2
    q_nose_tip: float = 0.7
    crop_half_width_g: float = 4.0
    crop_above_g: float = 3.0
    crop_below_g: float = 5.0
    crop_size_px: int = 256
    map_size_px: int = 28
    crop: CropKind = "square"
    crop_upright: bool = True

    def __post_init__(self) -> None:
        allowed = {
            "estimator": get_args(Estimator),
            "reference": get_args(Reference),
            "nose_correction": get_args(NoseCorrection),
            "regions": (18, 14),
            "gray_order": ("rgb", "bgr"),
            "crop": get_args(CropKind),
        }
        wanted = {
            name: (getattr(self, name) in values, f"one of: {', '.join(map(str, values))}")
            for name, values in allowed.items()
        }
        shares = {name: value for name, value in vars(self).items() if name.startswith("q_")}
        wanted |= {n: (0 < value <= 1, "above 0 and at most 1") for n, value in shares.items()}
        wanted |= {
            "dis_stride_px": (1 <= self.dis_stride_px <= 8, "1 to 8"),
            "follow_iterations": (0 <= self.follow_iterations <= 20, "0 to 20"),
            "follow_above_px2": (self.follow_above_px2 > 0, "above 0"),
            "crop_size_px": (64 <= self.crop_size_px <= 1024, "64 to 1024"),
            "map_size_px": (
                4 <= self.map_size_px <= self.crop_size_px,
                f"4 to crop_size_px={self.crop_size_px}",
            ),
        }
        check_settings(self, "flow", wanted)
        height, width = self.crop_above_g + self.crop_below_g, 2 * self.crop_half_width_g
        if width <= 0 or abs(height - width) > 1e-9:
            raise ConfigError(
                f"flow crop {width:g} g wide and {height:g} g high",
                "a square: twice crop_half_width_g = crop_above_g + crop_below_g",
            )

    def shares(self) -> tuple[float, ...]:
        """q of each of the eighteen regions, in their published order."""
        return (
            *[self.q_left_brow] * 4,
            *[self.q_right_brow] * 4,
            self.q_mouth,
            *[self.q_mouth_points] * 5,
            *[self.q_nose] * 2,
            *[self.q_eyelids] * 2,
        )


#: The public MEGC2024 extractor of He's team, which the ``evodyn`` proxy was trained on.
PUBLISHED_FLOW = FlowConfig(
    estimator="farneback",
    reference="first",
    nose_correction="pooled",
    windows=RegionWindows(layout="code"),
    q_right_brow=0.3,
    q_mouth=0.3,
    q_eyelids=0.3,
)
