"""What spotting keeps of a frame: a small grey picture of the face, and its mesh there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.spotting.regions import EYE_CORNERS, VERTICES
from merkit.types import F32, F64, U8, Bool, Frame

#: Side of the picture, and in it the distance of the eye centres and the height they lie at: the
#: inner corners of the eyes come to lie about 64 px apart, as in the face crop of the recipes.
SIDE_PX = 256
EYE_DISTANCE_PX = 92.0
EYE_HEIGHT_PX = 96.0
#: Pictures are shrunk by averaging from this scale on; above it no pixel is skipped.
_SHRINK_BELOW = 0.75


@dataclass(frozen=True, eq=False)
class Look:
    """The face of one frame, level and scaled.

    ``points`` (V,3): vertices ``VERTICES`` in pixels of the picture, z in the same scale.
    ``inside``: those that lie in the source frame. ``eye_px``: distance of the eye centres in the
    source.
    """

    picture: U8  # (256, 256)
    points: F32  # (V, 3)
    inside: Bool  # (V,)
    eye_px: float


def look_at(frame: Frame, mesh_px: F32) -> Look:
    """The face of a mesh (478,3) in a frame.

    By the corners of the eyes, which a blink leaves where they are.
    """
    matrix, eye_px = levelled(mesh_px)
    turn, scale = matrix[:, :2], EYE_DISTANCE_PX / eye_px
    chosen = mesh_px[VERTICES].astype(np.float64)
    flat = chosen[:, :2] @ turn.T + matrix[:, 2]
    depth = chosen[:, 2:] * scale
    height, width = frame.rgb.shape[:2]
    inside = ((chosen[:, :2] >= 0) & (chosen[:, :2] <= (width - 1, height - 1))).all(axis=1)
    points = np.concatenate([flat, depth], axis=1, dtype=np.float32)
    return Look(_picture(frame.rgb, matrix, scale), points, inside, eye_px)


def levelled(mesh_px: np.ndarray) -> tuple[F64, float]:
    """The transform (2,3) from the picture of a mesh (478,2 or 3) to the small picture, in which
    the face is level and of one size; and the distance of the eye centres in the former."""
    right, left = _eye_centres(mesh_px)
    across = left - right
    eye_px = max(float(np.hypot(*across)), 1e-3)
    cos, sin = across / eye_px * (EYE_DISTANCE_PX / eye_px)
    turn = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([SIDE_PX / 2, EYE_HEIGHT_PX])
    return np.column_stack([turn, middle - turn @ ((right + left) / 2)]), eye_px


def _eye_centres(mesh_px: np.ndarray) -> tuple[F64, F64]:
    corners = mesh_px[list(EYE_CORNERS), :2].astype(np.float64)
    return corners[:2].mean(axis=0), corners[2:].mean(axis=0)


def _picture(rgb: U8, matrix: F64, scale: float) -> U8:
    """Grey and warped; only what lies under the face is touched, whatever the frame's size."""
    import cv2

    back = cv2.invertAffineTransform(matrix)
    corners = np.array([(0, 0), (SIDE_PX, 0), (0, SIDE_PX), (SIDE_PX, SIDE_PX)]) @ back[:, :2].T
    corners = corners + back[:, 2]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
    high = np.maximum(np.ceil(corners.max(axis=0)).astype(int) + 3, low + 1)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ low
    if scale < _SHRINK_BELOW:
        size = np.maximum(np.round(np.array(gray.shape[::-1]) * scale), 1).astype(int)
        share = size / np.array(gray.shape[::-1])
        gray = cv2.resize(gray, tuple(size.tolist()), interpolation=cv2.INTER_AREA)
        # pixel centres: x' = (x + 1/2) share - 1/2
        moved[:, :2] /= share
        moved[:, 2] += moved[:, :2] @ (0.5 - 0.5 * share)
    return np.asarray(
        cv2.warpAffine(
            gray,
            moved,
            (SIDE_PX, SIDE_PX),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )
