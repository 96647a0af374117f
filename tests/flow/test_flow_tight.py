"""The tight crop: eyes and mouth come to lie where the settings of the crop say."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError
from merkit.flow.config import FlowConfig
from merkit.flow.crop import crop_layout, cut, follow
from merkit.flow.estimate import estimate_flow
from merkit.flow.roi import clip_flow_map
from merkit.flow.tight import TightCrop, tight_crop
from merkit.samples.recipes import FlowMapRecipe, RegionFlowRecipe

TIGHT = FlowConfig(crop="tight")
PARTS = (slice(36, 42), slice(42, 48), slice(48, 68))
#: shares 0.20 and 0.80, 0.22 and 0.68 of 256 px, whose first pixel's centre is 0
EYES_PX = [[50.7, 55.82], [204.3, 55.82]]
MOUTH_Y_PX = 173.58


def placed(
    landmarks: np.ndarray, tilt_deg: float, scale: tuple[float, float], at: tuple[float, float]
) -> np.ndarray:
    """The drawn face stretched, turned about its middle and put somewhere in a picture."""
    turn = np.deg2rad(tilt_deg)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (landmarks - 127.5) * scale @ spin.T + at


def centres(points: np.ndarray) -> np.ndarray:
    return np.array([points[part].mean(axis=0) for part in PARTS])


def dotted(places: np.ndarray) -> np.ndarray:
    """A picture of 400x480 with a soft bright dot at each place."""
    y, x = np.mgrid[0:400, 0:480]
    spots = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 4.0**2)) for px, py in places]
    return np.rint(20 + 230 * np.clip(sum(spots), 0, 1)).astype(np.uint8)


def bright_near(gray: np.ndarray, at: np.ndarray, reach: int = 24) -> np.ndarray:
    """Centre of what is bright around a place (x, y)."""
    left, top = (int(v + 0.5) - reach for v in at)
    part = gray[max(top, 0) : top + 2 * reach + 1, max(left, 0) : left + 2 * reach + 1]
    weight = np.clip(part.astype(float) - 60, 0, None)
    y, x = np.indices(part.shape)
    found = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
    return found + np.array([max(left, 0), max(top, 0)])


PLACES = [
    (0.0, (1.0, 1.0), (240.0, 200.0)),
    (18.0, (1.0, 1.0), (240.0, 200.0)),
    (-25.0, (0.7, 0.9), (150.0, 260.0)),
    (8.0, (1.2, 0.8), (120.0, 130.0)),  # reaches beyond the left edge
    (0.0, (0.4, 0.4), (420.0, 340.0)),
]


@pytest.mark.parametrize(("tilt", "scale", "at"), PLACES)
def test_eyes_and_mouth_lie_where_they_should(
    landmarks: np.ndarray, tilt: float, scale: Any, at: Any
) -> None:
    source = placed(landmarks, tilt, scale, at)
    crop = tight_crop(source, TIGHT)
    found = crop.points(centres(source))
    np.testing.assert_allclose(found[:2], EYES_PX, atol=1e-6)
    assert found[2, 1] == pytest.approx(MOUTH_Y_PX, abs=1e-6)
    picture = cut(dotted(centres(source)), crop)
    for place in found:
        assert bright_near(picture, place) == pytest.approx(place, abs=1.0)


def test_the_picture_s_own_axes_hold_where_eyes_are_not_levelled(landmarks: np.ndarray) -> None:
    source = placed(landmarks, 10, (1.0, 1.0), (240.0, 200.0))
    crop = tight_crop(source, FlowConfig(crop="tight", crop_upright=False))
    assert crop.matrix[0, 1] == crop.matrix[1, 0] == 0
    left, right, mouth = crop.points(centres(source))
    assert (left[0], right[0], mouth[1]) == pytest.approx((50.7, 204.3, MOUTH_Y_PX))
    assert (left[1] + right[1]) / 2 == pytest.approx(55.82)
    assert right[1] - left[1] > 10  # turned to the right: the eye on the right is lower


def test_another_size_has_the_same_shares(landmarks: np.ndarray) -> None:
    crop = tight_crop(landmarks, FlowConfig(crop="tight", crop_size_px=100))
    left, right, mouth = crop.points(centres(landmarks))
    assert (*left, *right, mouth[1]) == pytest.approx((19.5, 21.5, 79.5, 21.5, 67.5))


def test_brows_lie_near_the_upper_edge(landmarks: np.ndarray) -> None:
    brows = tight_crop(landmarks, TIGHT).points(landmarks[17:27])
    assert 0 < brows[:, 1].min() < 0.15 * 256


def test_beyond_the_picture_its_border_is_repeated(face: np.ndarray, landmarks: np.ndarray) -> None:
    crop = tight_crop(landmarks, TIGHT)
    moved = crop.moved(60, 0)
    assert moved.points(np.array([[60.0, 0.0]])) == pytest.approx(crop.points(np.zeros((1, 2))))
    edge = int(np.ceil(moved.points(np.array([[255.0, 0.0]]))[0, 0])) + 2
    assert edge < 240
    beyond = cut(face, moved)[:, edge:].astype(int)
    assert (beyond == beyond[:, :1]).all()
    with pytest.raises(FaceError, match="overlaps the 256x256 image"):
        cut(face, crop.moved(400, 0))


def test_motion_has_its_sign_and_the_scale_of_each_axis(
    face: np.ndarray, landmarks: np.ndarray, move: Any
) -> None:
    crop = tight_crop(landmarks, TIGHT)
    across, down = crop.matrix[0, 0], crop.matrix[1, 1]
    assert across != pytest.approx(down, rel=0.05)  # the aspect is not kept
    flow = estimate_flow(cut(face, crop), cut(move(face, (1.5, -1.0)), crop))
    inner = flow[40:-40, 40:-40].reshape(-1, 2)
    assert np.median(inner, axis=0) == pytest.approx((1.5 * across, -1.0 * down), abs=0.15)


def test_motion_of_a_tilted_face_is_along_its_own_axes(
    face: np.ndarray, landmarks: np.ndarray, move: Any
) -> None:
    turn = cv2.getRotationMatrix2D((127.5, 127.5), -30, 1.0)  # clockwise in the picture
    frames = [
        cv2.warpAffine(f, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
        for f in (face, move(face, (0, 2.0)))
    ]
    crop = tight_crop(placed(landmarks, 30, (1.0, 1.0), (127.5, 127.5)), TIGHT)
    flow = estimate_flow(cut(frames[0], crop), cut(frames[1], crop))
    down = 2.0 * tight_crop(landmarks, TIGHT).matrix[1, 1]
    inner = flow[60:-60, 60:-60].reshape(-1, 2)
    assert np.median(inner, axis=0) == pytest.approx((0, down), abs=0.25)


def test_the_crop_follows_the_nose(face: np.ndarray, landmarks: np.ndarray) -> None:
    def frame(left: int, top: int) -> np.ndarray:
        canvas = np.full((340, 340), 90, np.uint8)
        canvas[top : top + 256, left : left + 256] = face
        return canvas

    crop, layout = crop_layout(np.add(landmarks, [40, 40]), TIGHT)
    assert isinstance(crop, TightCrop)
    moved, gray = follow(frame(44, 37), crop, cut(frame(40, 40), crop), layout, TIGHT)
    np.testing.assert_allclose(moved.in_source(*(moved.place_px - crop.place_px)), (4, -3))
    np.testing.assert_allclose(gray, cut(frame(40, 40), crop).astype(float), atol=1)


def test_a_bump_on_the_mouth_shows_at_the_mouth(
    face: np.ndarray, landmarks: np.ndarray, move: Any
) -> None:
    x, y = landmarks[48]
    frames = [np.stack([f] * 3, -1) for f in (face, move(face, (0, 0), (x, y, 12.0, 0.0, -3.0)))]
    image = clip_flow_map(frames[0], frames[1], landmarks, TIGHT)
    lowest = np.unravel_index(image[1].argmin(), (28, 28))  # v is least where skin moves up
    expected = (tight_crop(landmarks, TIGHT).points(landmarks[48:49])[0] + 0.5) / 256 * 28 - 0.5
    assert lowest[::-1] == pytest.approx(expected, abs=1.5)


def test_a_face_without_a_mouth_below_its_eyes_is_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(FaceError, match="the mouth -"):
        tight_crop(landmarks * [1, -1], TIGHT)
    sideways = placed(landmarks, 90, (1.0, 1.0), (127.5, 127.5))
    tight_crop(sideways, TIGHT)
    with pytest.raises(FaceError, match=r"eyes 0\.0 px apart"):
        tight_crop(sideways, FlowConfig(crop="tight", crop_upright=False))


def test_it_is_for_flow_maps_and_changes_the_key_of_no_other_recipe() -> None:
    square, tight = (FlowMapRecipe(flow=FlowConfig(crop=crop)) for crop in ("square", "tight"))
    assert square.key() == FlowMapRecipe().key() != tight.key()
    assert FlowMapRecipe(flow=FlowConfig(estimator="tvl1")).key() == "47c5d7ebe60a6fd8"
    with pytest.raises(ConfigError, match=r"recipe\.flow\.crop is 'tight'"):
        RegionFlowRecipe(flow=TIGHT)
