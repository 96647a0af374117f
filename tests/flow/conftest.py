"""A drawn landmark layout and a face whose motion is known."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage import data

#: Left half of a front view in the 256-pixel crop: inner eye corners at 128 +- 32, y 96.
_LEFT = {
    **{i: (20 + 1.6 * i * i, 110 + 17 * i) for i in range(8)},
    **dict(zip(range(17, 22), [(40, 78), (54, 68), (70, 64), (86, 66), (102, 72)], strict=True)),
    36: (48, 97), 37: (62, 88), 38: (82, 88), 39: (96, 96), 40: (82, 103), 41: (62, 103),
    31: (108, 152), 32: (118, 155), 48: (94, 190), 49: (106, 184), 50: (118, 181),
    59: (106, 198), 58: (118, 202), 60: (98, 190), 61: (116, 188), 67: (116, 193),
}  # fmt: skip
_MIDDLE = {8: 246, 27: 100, 28: 113, 29: 127, 30: 140, 33: 157, 51: 182, 57: 204, 62: 189, 66: 194}
_PARTNER = {
    **{i: 16 - i for i in range(8)},
    17: 26, 18: 25, 19: 24, 20: 23, 21: 22, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    31: 35, 32: 34, 48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65,
}  # fmt: skip

Mover = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def landmarks() -> np.ndarray:
    """(68,2) in the 256-pixel crop, symmetric about x = 127.5."""
    points = np.zeros((68, 2))
    for i, (x, y) in _LEFT.items():
        points[i] = x, y
        points[_PARTNER[i]] = 255 - x, y
    for i, y in _MIDDLE.items():
        points[i] = 127.5, y
    return points


@pytest.fixture(scope="session")
def mirrored_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """The landmarks of the crop flipped left to right: points change places too."""
    order = np.arange(68)
    for a, b in _PARTNER.items():
        order[a], order[b] = b, a
    return np.stack([255 - landmarks[order, 0], landmarks[order, 1]], axis=1)


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """Grey u8 (256,256): a photograph's face, enlarged, with skin-like texture added."""
    gray = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)[60:200, 155:295]
    large = cv2.resize(gray, (256, 256), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    texture = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, (256, 256)), (0, 0), 2.0)
    return np.clip(large + texture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def move() -> Mover:
    """(image, translation, bump=(x, y, sigma, u, v)) -> image whose content moved so."""

    def mover(
        image: np.ndarray,
        translation: tuple[float, float] = (0, 0),
        bump: tuple[float, float, float, float, float] | None = None,
    ) -> np.ndarray:
        height, width = image.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        u, v = np.full_like(x, translation[0]), np.full_like(y, translation[1])
        if bump is not None:
            cx, cy, sigma, du, dv = bump
            x0, y0 = x - translation[0], y - translation[1]
            weight = np.exp(-((x0 - cx - du) ** 2 + (y0 - cy - dv) ** 2) / (2 * sigma**2))
            u, v = u + weight * du, v + weight * dv
        # Not cv2.remap: it rounds positions to 1/32 px and shifts the image by one such step.
        warped = map_coordinates(image.astype(np.float64), [y - v, x - u], mode="reflect")
        return np.clip(np.rint(warped), 0, 255).astype(np.uint8)

    return mover
