"""TV-L1 against scikit-image's own, to the bit: stored samples stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.registration import optical_flow_tvl1

from merkit.flow.tvl1 import tvl1

FACE = astronaut()[:200, 130:330, 1].astype(np.float32) / np.float32(255)


@pytest.mark.parametrize(
    ("height", "width"), [(17, 31), (16, 16), (67, 93), (128, 70)], ids=lambda n: f"{n}"
)
def test_a_face_that_moves(height: int, width: int) -> None:
    """Odd sides, one level and several; some warps end early, some do not."""
    first = np.ascontiguousarray(FACE[70 : 70 + height, 70 : 70 + width])
    second = np.ascontiguousarray(FACE[72 : 72 + height, 69 : 69 + width])
    expected = optical_flow_tvl1(first, second, dtype=np.float32)
    found = tvl1(first, second)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert np.abs(expected).max() > 0.5


def test_noise_and_pictures_without_any_gradient() -> None:
    noise = np.random.default_rng(0).random((2, 40, 50), np.float32)
    flat = np.full((2, 40, 50), 0.5, np.float32)
    edge = flat.copy()
    edge[1, :, 25:] = 1
    for first, second in (noise, flat, edge):
        expected = optical_flow_tvl1(first, second, dtype=np.float32)
        np.testing.assert_array_equal(tvl1(first, second), expected)


def test_the_pictures_are_left_as_they_were() -> None:
    first, second = FACE[:40, :40].copy(), FACE[1:41, :40].copy()
    tvl1(first, second)
    np.testing.assert_array_equal(first, FACE[:40, :40])
    np.testing.assert_array_equal(second, FACE[1:41, :40])
