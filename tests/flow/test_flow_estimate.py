from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from merkit.errors import ConfigError
from merkit.flow.config import Estimator
from merkit.flow.estimate import estimate_flow

#: Tolerated mean error in px over a textured image.
TOLERANCE: dict[Estimator, float] = {"dis": 0.06, "tvl1": 0.06, "farneback": 0.04}
INNER = np.s_[24:-24, 24:-24]


@pytest.mark.parametrize("estimator", TOLERANCE)
@pytest.mark.parametrize("motion", [(0.3, 0.2), (-0.7, 0.4), (2.2, -1.4)])
def test_known_translation_is_recovered(
    estimator: Estimator, motion: tuple[float, float], face: np.ndarray, move: Any
) -> None:
    still = face[40:200, 40:200]
    moved = move(face, motion)[40:200, 40:200]
    flow = estimate_flow(still, moved, estimator)[INNER]
    assert np.linalg.norm(flow - motion, axis=-1).mean() < TOLERANCE[estimator]
    assert flow.mean((0, 1)) == pytest.approx(motion, abs=0.05)


@pytest.mark.parametrize("estimator", TOLERANCE)
def test_known_affine_motion_is_recovered(estimator: Estimator, face: np.ndarray) -> None:
    matrix = np.array([[1.01, 0.008, -1.5], [-0.006, 0.992, 1.0]])
    y, x = np.mgrid[0:256, 0:256]
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    source = np.stack([x, y, np.ones_like(x)], -1) @ back.T
    warped = map_coordinates(face.astype(float), [source[..., 1], source[..., 0]], mode="reflect")
    moved = np.clip(np.rint(warped), 0, 255).astype(np.uint8)
    truth = np.stack([x, y, np.ones_like(x)], -1) @ matrix.T - np.stack([x, y], -1)
    part = np.s_[48:208, 48:208]
    flow = estimate_flow(face[part], moved[part], estimator)
    difference = np.linalg.norm(flow - truth[part], axis=-1)[INNER]
    assert difference.mean() < TOLERANCE[estimator] * 1.5


def test_still_images_have_no_motion(face: np.ndarray) -> None:
    for estimator in TOLERANCE:  # Farneback leaves a little at the corners
        flow = np.abs(estimate_flow(face[:96, :96], face[:96, :96], estimator))
        assert np.percentile(flow, 95) < 0.01


def test_estimators_are_the_libraries_own_with_the_stated_parameters(face: np.ndarray) -> None:
    after = np.roll(face, 1, axis=1)
    farneback = cv2.calcOpticalFlowFarneback(face, after, None, 0.5, 3, 15, 5, 7, 1.5, 0)
    np.testing.assert_array_equal(estimate_flow(face, after, "farneback"), farneback)
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(face, after, None)
    np.testing.assert_array_equal(estimate_flow(face, after, "dis", dis_stride_px=3), dis)


def test_wider_stride_of_dis_changes_little(face: np.ndarray, move: Any) -> None:
    after = move(face, (0.7, -0.4), (94, 190, 14, -1.2, -2.0))
    preset, default = (estimate_flow(face, after, "dis", stride)[INNER] for stride in (3, 4))
    difference = np.linalg.norm(default - preset, axis=-1)
    assert 0 < difference.mean() < 0.02


def test_small_images_work_and_leave_no_trace(face: np.ndarray) -> None:
    after = np.roll(face, 1, axis=0)
    before_small = estimate_flow(face, after, "dis")
    small = estimate_flow(face[100:107, 100:105], after[100:107, 100:105], "dis")
    assert small.shape == (7, 5, 2)
    assert np.isfinite(small).all()
    np.testing.assert_array_equal(estimate_flow(face, after, "dis"), before_small)


def test_result_does_not_depend_on_the_number_of_threads(face: np.ndarray, move: Any) -> None:
    after, threads = move(face, (1.3, 0.4)), cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = [estimate_flow(face, after, e) for e in ("dis", "farneback")]
        cv2.setNumThreads(4)
        together = [estimate_flow(face, after, e) for e in ("dis", "farneback")]
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(alone, together)


def test_bad_images_and_names_are_refused(face: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="equal shapes"):
        estimate_flow(face, face[:100], "dis")
    with pytest.raises(ConfigError, match="grey images"):
        estimate_flow(face.astype(np.float32), face.astype(np.float32), "dis")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="grey images"):
        estimate_flow(np.stack([face] * 3, -1), np.stack([face] * 3, -1), "dis")
    with pytest.raises(ConfigError, match="'pyramid'"):
        estimate_flow(face, face, "pyramid")  # type: ignore[arg-type]
