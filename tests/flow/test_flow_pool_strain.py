from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merkit.errors import ConfigError
from merkit.flow.estimate import dominant_motion, optical_strain

FLOATS = st.floats(-8, 8, width=32)


def _ramp() -> np.ndarray:
    """(2,5,2): u is 1..10, v is zero except in the last pixel, whose vector is (6, 8)."""
    flow = np.zeros((2, 5, 2), np.float32)
    flow[..., 0] = np.arange(1, 11).reshape(2, 5)
    flow[1, 4] = 6, 8
    return flow


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (0.2, ((9 + 6) / 2, 8 / 2)),  # the two longest: (9, 0) and (6, 8) of length 10
        (0.3, ((8 + 9 + 6) / 3, 8 / 3)),
        (0.1, (6, 8)),
        (1.0, ((45 + 6) / 10, 0.8)),
        (0.01, (6, 8)),  # never fewer than one pixel
    ],
)
def test_percentile_pooling_by_hand(q: float, expected: tuple[float, float]) -> None:
    whole = np.array([0, 0, 5, 2])
    assert dominant_motion(_ramp(), whole, q) == pytest.approx(expected)


def test_a_box_has_its_own_pixels() -> None:
    first_row, last_pixel = np.array([0, 0, 5, 1]), np.array([4, 1, 5, 2])
    assert dominant_motion(_ramp(), first_row, 0.4) == pytest.approx((4.5, 0))
    assert dominant_motion(_ramp(), last_pixel, 1.0) == pytest.approx((6, 8))


def test_pixels_that_tie_are_all_taken() -> None:
    flow = np.zeros((1, 4, 2), np.float32)
    flow[0, :3] = [[2, 0], [0, 2], [-2, 0]]
    assert dominant_motion(flow, np.array([0, 0, 4, 1]), 0.25) == pytest.approx([0, 2 / 3])


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, (6, 7, 2), elements=FLOATS), st.floats(0.05, 1), st.randoms())
def test_pooling_equals_the_definition_in_any_pixel_order(
    flow: np.ndarray, q: float, random: object
) -> None:
    vectors = flow.reshape(-1, 2)
    squared = np.einsum("ij,ij->i", vectors, vectors)
    kept = vectors[squared >= np.sort(squared)[min(41, int(round(42 * (1 - q), 6)))]]
    shuffled = np.random.default_rng(1).permutation(vectors).reshape(6, 7, 2)
    box = np.array([0, 0, 7, 6])
    pooled = dominant_motion(flow, box, q)
    np.testing.assert_allclose(pooled, kept.astype(np.float64).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(dominant_motion(shuffled, box, q), pooled, atol=1e-5)


@pytest.mark.parametrize("box", [[0, 0, 6, 2], [-1, 0, 2, 2], [3, 0, 3, 2], [0, 2, 5, 2]])
def test_boxes_outside_the_field_are_refused(box: list[int]) -> None:
    with pytest.raises(ConfigError, match="5x2 field"):
        dominant_motion(_ramp(), np.array(box), 0.2)


@pytest.mark.parametrize("q", [0.0, 1.2])
def test_bad_shares_are_refused(q: float) -> None:
    with pytest.raises(ConfigError, match="pooling share"):
        dominant_motion(_ramp(), np.array([0, 0, 5, 2]), q)


def _field(u: str, v: str) -> np.ndarray:
    y, x = np.mgrid[0:9, 0:11].astype(np.float32)
    names = {"x": x, "y": y, "one": np.ones_like(x)}
    return np.stack([eval(u, names), eval(v, names)], -1)


@pytest.mark.parametrize(
    ("u", "v", "strain"),
    [
        ("2.5 * one", "-1.25 * one", 0.0),
        ("0.5 * x", "0 * one", 0.5),
        ("0.25 * x", "0.5 * y", np.hypot(0.25, 0.5)),
        ("0.5 * y", "0 * one", np.sqrt(2) * 0.25),  # pure shear: ε_xy = ε_yx = 0.25
        ("0.125 * y", "-0.125 * x", 0.0),  # infinitesimal rotation
    ],
)
def test_strain_of_known_fields_is_exact(u: str, v: str, strain: float) -> None:
    np.testing.assert_allclose(optical_strain(_field(u, v)), strain, atol=1e-6)


def test_strain_wants_a_field() -> None:
    with pytest.raises(ConfigError, match=r"\(9, 11\)"):
        optical_strain(_field("x", "y")[..., 0])
