from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError, FaceError
from merkit.face.regions import (
    KEEP_14,
    MIRROR_PAIRS,
    REGION_NAMES,
    RegionLayout,
    RegionWindows,
    check_landmarks,
    mirror_order,
    region_indices,
    region_layout,
    region_names,
)

#: Where each of the 68 points goes in a mirrored face.
MIRROR_68 = np.r_[16:-1:-1, 26:16:-1, 27:31, 35:30:-1, 45:41:-1, 47:45:-1, 39:35:-1, 41:39:-1,
                  54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1]  # fmt: skip


def _points() -> np.ndarray:
    """(68,2) whole-numbered points; those that the hand computations need are placed."""
    points = np.full((68, 2), 128.0)
    points[17:22] = [[40, 78], [54, 68], [70, 64], [86, 66], [102, 72]]
    points[22:27] = [[153, 72], [169, 66], [185, 64], [201, 68], [215, 78]]
    points[29:31] = [[127, 127], [129, 140]]
    points[31:36] = [[108, 152], [118, 155], [128, 157], [138, 155], [148, 152]]
    points[36:42] = [[48, 97], [62, 88], [82, 88], [96, 97], [82, 103], [62, 104]]
    points[42:48] = [[160, 96], [174, 88], [194, 88], [208, 96], [194, 104], [174, 104]]
    points[48:68] = [[110 + 2 * i, 190] for i in range(20)]
    points[48], points[54], points[51], points[57] = [94, 190], [162, 190], [128, 182], [128, 204]
    return points


def _random(seed: int, spread: float) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(128 - spread, 128 + spread, (68, 2))
    points[39], points[42] = [96, 96], [160, 96]
    return points


def test_eighteen_names_and_the_choice_of_fourteen() -> None:
    assert len(REGION_NAMES) == len(set(REGION_NAMES)) == 18
    assert set(range(18)) - set(KEEP_14) == {0, 4, 8, 13}
    assert region_names(18) == REGION_NAMES
    names = region_names(14)
    assert len(names) == 14
    assert not {"left brow", "right brow", "mouth", "inner mouth (p62)"} & set(names)


@pytest.mark.parametrize("count", [18, 14])
def test_mirror_order_is_an_involution_that_swaps_sides(count: int) -> None:
    order = mirror_order(count)
    assert [order[i] for i in order] == list(range(count))
    mirrored = [region_names(count)[i] for i in order]
    for name, other in zip(region_names(count), mirrored, strict=True):
        words = {"left": "right", "right": "left"}
        side = name.split()[0]
        assert other.split()[0] == words.get(side, side)
    assert order != tuple(range(count))


def test_mirror_pairs_are_the_published_ones() -> None:
    assert MIRROR_PAIRS == ((0, 4), (1, 5), (2, 6), (3, 7), (9, 10), (14, 15), (16, 17))
    assert [i for i in range(18) if mirror_order(18)[i] == i] == [8, 11, 12, 13]


@pytest.mark.parametrize("count", [0, 16, 17, 19])
def test_other_numbers_of_regions_are_refused(count: int) -> None:
    for function in (region_indices, region_names, mirror_order):
        with pytest.raises(ConfigError, match=f"{count} facial regions"):
            function(count)


def test_symmetric_boxes_by_hand() -> None:
    layout = region_layout(_points(), RegionWindows(), 256)
    boxes = {name: box.tolist() for name, box in zip(REGION_NAMES, layout.boxes_px, strict=True)}
    # Every pixel within 10 px of the landmark: 86 +- 10 is 76 to 96, and 97 is exclusive.
    assert boxes["left brow inner (p20)"] == [76, 56, 97, 77]
    assert boxes["left brow"] == [30, 54, 113, 89]
    assert boxes["left mouth corner (p48)"] == [84, 180, 115, 201]
    assert boxes["right mouth corner (p54)"] == [142, 180, 173, 201]
    assert boxes["left nose wing (p31)"] == [88, 132, 119, 158]
    assert boxes["right nose wing (p35)"] == [138, 132, 169, 158]
    # Eye 48 px wide, middle of its height 96: from 96 + 12 to 96 + 36.
    assert boxes["left lower eyelid"] == [48, 108, 97, 133]
    assert layout.nose_tip_px.tolist() == [114, 114, 143, 154]
    # Flow is estimated 8 px beyond the outermost boxes of each part of the face.
    assert layout.patches_px[0].tolist() == [22, 46, 121, 97]
    assert layout.patches_px[3].tolist() == [80, 106, 177, 166]
    assert layout.patch_of.tolist() == [0] * 4 + [1] * 4 + [2] * 6 + [3, 3, 4, 5, 3]


def test_code_boxes_by_hand() -> None:
    """The slices of the public extractor, worked out for these points."""
    layout = region_layout(_points(), RegionWindows(layout="code"), 256)
    boxes = {name: box.tolist() for name, box in zip(REGION_NAMES, layout.boxes_px, strict=True)}
    patches = layout.patches_px.tolist()
    assert patches[0] == [35, 49, 102, 83]  # left brow: 5 px to the left only
    assert patches[1] == [153, 49, 215, 83]
    assert patches[4] == [48, 108, 96, 132]
    assert patches[6] == [114, 114, 142, 153]
    assert boxes["left brow"] == [45, 59, 92, 73]  # 10 px off every side of the patch
    assert boxes["left brow inner (p20)"] == [76, 56, 96, 76]
    assert boxes["left mouth corner (p48)"] == [84, 180, 114, 200]
    assert boxes["left nose wing (p31)"] == [88, 132, 118, 157]
    assert boxes["left lower eyelid"] == [53, 113, 91, 127]
    assert layout.nose_tip_px.tolist() == [119, 129, 137, 143]
    assert layout.patch_of.tolist() == [0] * 4 + [1] * 4 + [2] * 6 + [3] * 2 + [4, 5, 6]


def test_windows_grow_with_their_settings() -> None:
    small = region_layout(_points(), RegionWindows(), 256)
    large = region_layout(_points(), RegionWindows(margin_px=14, nose_tip_px=16), 256)
    assert (large.boxes_px[1] - small.boxes_px[1]).tolist() == [-4, -4, 4, 4]
    assert (large.nose_tip_px - small.nose_tip_px).tolist() == [-3, -3, 3, 3]


def _check_inside(layout: RegionLayout, size: int) -> None:
    boxes = np.vstack([layout.boxes_px, layout.nose_tip_px])
    owners = layout.patches_px[layout.patch_of]
    for inner, outer in ((boxes, owners), (layout.patches_px, np.array([[0, 0, size, size]]))):
        assert (inner[:, :2] >= outer[:, :2]).all()
        assert (inner[:, 2:] <= outer[:, 2:]).all()
        assert (inner[:, 2:] > inner[:, :2]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(1, 600),
    st.sampled_from(["symmetric", "code"]),
    st.sampled_from([64, 256]),
)
def test_boxes_stay_inside_whatever_the_landmarks(
    seed: int, spread: float, layout: str, size: int
) -> None:
    windows = RegionWindows(layout=layout)  # type: ignore[arg-type]
    _check_inside(region_layout(_random(seed, spread), windows, size), size)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(1, 250))
def test_mirrored_landmarks_have_mirrored_boxes(seed: int, spread: float) -> None:
    points = _random(seed, spread)
    flipped = points[MIRROR_68] * [-1, 1] + [255, 0]
    boxes = region_layout(points, RegionWindows(), 256).boxes_px
    mirrored = region_layout(flipped, RegionWindows(), 256).boxes_px[list(mirror_order(18))]
    expected = np.stack([256 - boxes[:, 2], boxes[:, 1], 256 - boxes[:, 0], boxes[:, 3]], axis=1)
    np.testing.assert_array_equal(mirrored, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:67], r"\(67, 2\)"),
        (lambda p: p.T, r"\(2, 68\)"),
        (lambda p: np.where(np.arange(136).reshape(68, 2) == 21, np.nan, p), "landmark 10 is"),
        (lambda p: p / 100, "0.6 px apart"),
    ],
)
def test_bad_landmarks_are_refused(change: object, message: str) -> None:
    with pytest.raises(FaceError, match=message):
        check_landmarks(change(_points()))  # type: ignore[operator]
