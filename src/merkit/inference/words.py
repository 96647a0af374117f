"""What moved, in words: "left mouth corner up 1.8 px"."""

from __future__ import annotations

from math import atan2, degrees, isfinite

from merkit.types import RegionMotion

#: eight directions of the picture, from the right against the clock
DIRECTIONS = (
    "to the right",
    "up and to the right",
    "up",
    "up and to the left",
    "to the left",
    "down and to the left",
    "down",
    "down and to the right",
)


def direction(right_px: float, down_px: float) -> str:
    """The nearest of eight directions in the picture; "" of no motion, or of one not known."""
    if not (isfinite(right_px) and isfinite(down_px)) or right_px == down_px == 0:
        return ""
    return DIRECTIONS[round(degrees(atan2(-down_px, right_px)) / 45) % 8]


def region_words(region: RegionMotion) -> str:
    """A region, its side of the person, where it went in the picture, and how far."""
    words = [
        region.side,
        region.region,
        direction(region.right_px, region.down_px),
        f"{region.motion_px:.1f} px" if isfinite(region.motion_px) else "",
    ]
    return " ".join(filter(None, words))
