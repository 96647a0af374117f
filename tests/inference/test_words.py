"""What moved, in words: directions are those of the picture, sides those of the person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.inference.words import DIRECTIONS, direction, region_words
from merkit.types import RegionMotion


@pytest.mark.parametrize(
    ("right_px", "down_px", "wanted"),
    [
        (1, 0, "to the right"),
        (1, -1, "up and to the right"),
        (0, -1, "up"),
        (-1, -1, "up and to the left"),
        (-1, 0, "to the left"),
        (-1, 1, "down and to the left"),
        (0, 1, "down"),
        (1, 1, "down and to the right"),
        (0.4, -1, "up"),  # 21.8 degrees from straight up, nearer to it than to the diagonal
        (0.42, -1, "up and to the right"),  # 22.8 degrees
        (1, 0.001, "to the right"),
        (0, 0, ""),
        (np.nan, 1, ""),
    ],
)
def test_eight_directions(right_px: float, down_px: float, wanted: str) -> None:
    assert direction(right_px, down_px) == wanted


@given(st.floats(0.01, 40), st.integers(0, 7), st.floats(-22, 22))
def test_a_direction_is_the_nearest(length: float, eighth: int, off_deg: float) -> None:
    angle = np.radians(45 * eighth + off_deg)
    told = direction(length * np.cos(angle), -length * np.sin(angle))
    assert told == DIRECTIONS[eighth]


@pytest.mark.parametrize(
    ("region", "wanted"),
    [
        (RegionMotion("mouth corner", "left", 0.0, -1.84), "left mouth corner up 1.8 px"),
        (RegionMotion("upper lip", "", 3.0, 4.0), "upper lip down and to the right 5.0 px"),
        (RegionMotion("chin", "", np.nan, np.nan), "chin"),
    ],
)
def test_a_region_in_words(region: RegionMotion, wanted: str) -> None:
    assert region_words(region) == wanted
