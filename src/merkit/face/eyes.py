"""Lids and irises: how far each eye is open, and where it looks."""

from __future__ import annotations

import numpy as np

from merkit.face.pose import HeadFit
from merkit.types import F32, F64

#: Of the 68 points, the eye on the left of the picture, which is the person's right one, first:
#: corner, two of the upper lid, corner, two of the lower lid.
_EYES_68 = (range(36, 42), range(42, 48))
#: Of the mesh: both corners of an eye, and the middle of its iris.
_EYES_MESH = ((33, 133, 468), (362, 263, 473))
#: Radius of the eyeball (12 mm) in widths of the eye, corner to corner (about 30 mm).
_EYEBALL = 0.4
#: How far above the line of the corners the iris rests, in widths of the eye: its middle lies
#: higher than theirs. Measured on a frontal face that looks into the camera.
_REST_Y = -0.075


def lid_openings(landmarks_px: F32) -> tuple[float, float]:
    """Height over width of the person's right and left eye, of the 68 points (Soukupova and Cech
    2016); about 0.3 where open."""

    def opening(eye: F32) -> float:
        heights = np.linalg.norm(eye[[1, 2]] - eye[[5, 4]], axis=1)
        return float(heights.mean() / max(np.linalg.norm(eye[0] - eye[3]), 1e-6))

    right, left = (opening(landmarks_px[points]) for points in _EYES_68)
    return right, left


def eye_angles(mesh_px: F32, head: HeadFit) -> F64:
    """Where the eyes look within the head, radians (2,): to the right of the picture and down of
    straight ahead, the mean of both eyes. From the place of the iris between the corners, so a
    squint of one eye or a lid that hides the iris shows as a turn."""
    offsets = []
    for outer, inner, iris in _EYES_MESH:
        a, b, middle = head.in_head(mesh_px[[outer, inner, iris]])
        offset = (middle - (a + b) / 2)[:2] / max(float(np.linalg.norm(a - b)), 1e-6)
        offsets.append(offset - (0.0, _REST_Y))
    return np.asarray(np.arcsin(np.clip(np.mean(offsets, axis=0) / _EYEBALL, -1, 1)))


def gaze_angles(in_head: F64, rotation: F64) -> F64:
    """OpenFace's ``gaze_angle_x`` and ``gaze_angle_y`` (2,): the direction of the eyes in the axes
    of the camera, radians; 0 straight at the camera's plane, positive right and down in the
    picture.

    Args:
        in_head: of ``eye_angles``.
        rotation: (3,3) of the head in the camera.
    """
    right, down = np.tan(in_head)
    x, y, z = rotation @ np.array([right, down, -1.0])
    return np.array([np.arctan2(x, -z), np.arctan2(y, -z)])
