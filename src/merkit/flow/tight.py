"""The tight face crop: eyes and mouth at fixed places of a square, whatever the face's proportions.

Public onset-apex flow images show the face so, from the brows to below the mouth and no wider than
the eyes. Width and height are scaled apart, so motion across and motion down the face are each in
shares of that face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merkit.errors import FaceError
from merkit.face.align import warp
from merkit.face.regions import check_landmarks
from merkit.flow.config import FlowConfig
from merkit.flow.gray import to_gray
from merkit.types import F64, U8

#: Where the eye centres lie from the left, and they and the centre of the mouth from the top, in
#: shares of the side.
EYES_X, EYES_Y, MOUTH_Y = (0.20, 0.80), 0.22, 0.68
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)  # on the picture's left and right
_MOUTH = slice(48, 68)
#: A face turned further away than this has no eyes apart, or no mouth below them, to go by.
_LEAST_PX = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class TightCrop:
    """``matrix`` (2,3) takes x, y of the source to x, y of a square of ``size_px``."""

    matrix: F64
    size_px: int

    def points(self, source_px: npt.NDArray[np.floating]) -> F64:
        """Positions (N,2) in the source as positions in the crop (pixel centres at integers)."""
        moved: F64 = np.asarray(source_px, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved

    def moved(self, right: int, down: int) -> TightCrop:
        """The same crop elsewhere in the source. Whole pixels, so that the source is sampled at the
        same places between its pixels and interpolation adds no motion."""
        matrix = self.matrix.copy()
        matrix[:, 2] -= matrix[:, :2] @ (right, down)
        return replace(self, matrix=matrix)

    @property
    def place_px(self) -> F64:
        """Where the crop lies (2,), in crop pixels; ``moved`` changes it."""
        place: F64 = -self.matrix[:, 2]
        return place

    def in_source(self, u: float, v: float) -> tuple[float, float]:
        """A motion in the crop as one in source pixels."""
        right, down = np.linalg.solve(self.matrix[:, :2], (u, v))
        return float(right), float(down)

    def overlaps(self, image: U8) -> bool:
        """Whether any of the crop may lie on the image."""
        last = self.size_px - 1
        corners = np.array([[0, 0], [last, 0], [0, last], [last, last]], np.float64)
        places = np.array([self.in_source(*(c - self.matrix[:, 2])) for c in corners])
        low, high = places.min(axis=0), places.max(axis=0)
        return bool((high >= 0).all() and (low < (image.shape[1], image.shape[0])).all())

    def cut(self, image: U8) -> U8:
        """Grey u8 (size,size) of a source image (H,W,3) or (H,W); see ``face.align.warp``."""
        return to_gray(warp(image, self.matrix, self.size_px))


def tight_crop(landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> TightCrop:
    """The tight crop around a face.

    The centre of an eye is the mean of its six points, that of the mouth the mean of its twenty:
    corners and lips. With ``config.crop_upright`` the line of the eyes lies level in the crop,
    and the mouth's height counts at right angles to it; without, the picture's own axes hold.

    Args:
        landmarks_px: (68,2) in source pixels.

    Raises:
        FaceError: landmarks of the wrong form, or no mouth below two eyes apart.
    """
    points = check_landmarks(landmarks_px)
    left, right = points[_LEFT_EYE].mean(axis=0), points[_RIGHT_EYE].mean(axis=0)
    middle, across = (left + right) / 2, right - left
    level = across / np.linalg.norm(across) if config.crop_upright else np.array([1.0, 0.0])
    axes = np.array([level, [-level[1], level[0]]])  # to the right and down, of the face
    width, height = float(axes[0] @ across), float(axes[1] @ (points[_MOUTH].mean(axis=0) - middle))
    if min(width, height) < _LEAST_PX:
        raise FaceError(
            f"eyes {width:.1f} px apart and the mouth {height:.1f} px below them",
            f"at least {_LEAST_PX:g} px each",
            "use a recording in which the face is upright and larger, or flow.crop=square",
        )
    size = config.crop_size_px
    scales = np.array([EYES_X[1] - EYES_X[0], MOUTH_Y - EYES_Y]) * size / (width, height)
    turn = scales[:, None] * axes
    target = np.array([sum(EYES_X) / 2, EYES_Y]) * size - 0.5
    return TightCrop(np.column_stack([turn, target - turn @ middle]), size)
