"""How the head is held: a rigid fit of a generic head to the points of the mesh that no expression
moves (forehead, temples, nose).

The head is MediaPipe's canonical face model, which lies in the landmarker's own file (Apache-2.0).
The fit is that of Umeyama 1991. Axes are those of OpenFace's camera: x right, y down, z away from
it; angles are its ``pose_Rx``, ``pose_Ry``, ``pose_Rz`` (R = Rx Ry Rz): positive when the nose goes
down, to the left of the picture, and when the head tilts clockwise in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from merkit.types import F32, F64, Bool

#: Distance between the middles of the two eyes (of the 68-point scheme) in the generic head.
EYE_DISTANCE_CM = 6.3635
#: OpenFace's guess of the focal length where none is given: 500 px for a picture 640 px wide.
FOCAL_SHARE = 500 / 640
_TABLE = Path(__file__).parent / "data" / "generic_head.csv"
_CAMERA = np.array([1.0, -1.0, -1.0])  # the model's y goes up, its z to the viewer


@dataclass(frozen=True)
class HeadFit:
    """Where the generic head stands: a point of it, in eye distances, times ``rotation`` (3,3)
    times ``eye_distance_px``, plus ``centre_px`` (3,), is in the picture. The rotation is against
    the line of sight. The eye distance is the one that a frontal view would have."""

    rotation: F64
    eye_distance_px: float
    centre_px: F64

    def in_head(self, points_px: np.ndarray) -> F64:
        """Points (N,3) of the mesh in axes of the head, in shares of the eye distance."""
        return np.asarray(
            (points_px - self.centre_px) @ self.rotation / max(self.eye_distance_px, 1e-6)
        )

    def in_camera(self, size_px: tuple[int, int]) -> F64:
        """The rotation (3,3) against the camera's axes, as OpenFace has it: a face at the side of a
        picture of this width and height is seen at an angle, for which the focal length is guessed.
        """
        width, height = size_px
        x, y = (self.centre_px[:2] - np.array([width, height]) / 2) / (FOCAL_SHARE * width)
        return _rotation_to(np.array([x, y, 1.0])) @ self.rotation


def fit_head(mesh_px: F32) -> HeadFit:
    """The generic head that lies closest to a mesh (478,3), by least squares."""
    whole, rigid = generic_head()
    model, points = whole[rigid], mesh_px[: len(whole)][rigid].astype(np.float64)
    centre = points.mean(axis=0)
    u, values, v = np.linalg.svd((points - centre).T @ model)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    scale = float((values * signs).sum() / (model**2).sum())
    return HeadFit((u * signs) @ v, scale, centre)


def angles_of(rotation: F64) -> F64:
    """Pitch, yaw, roll (3,) in radians of a rotation (3,3) = Rx Ry Rz."""
    yaw = np.arcsin(np.clip(rotation[0, 2], -1, 1))
    pitch = np.arctan2(-rotation[1, 2], rotation[2, 2])
    return np.array([pitch, yaw, np.arctan2(-rotation[0, 1], rotation[0, 0])])


def rotation_of(angles: np.ndarray) -> F64:
    """Rotations (...,3,3) of pitch, yaw, roll (...,3) in radians: the way back."""
    (sx, sy, sz), (cx, cy, cz) = (np.moveaxis(f(angles), -1, 0) for f in (np.sin, np.cos))
    rows = [
        [cy * cz, -cy * sz, sy],
        [cx * sz + cz * sx * sy, cx * cz - sx * sy * sz, -cy * sx],
        [sx * sz - cx * cz * sy, cz * sx + cx * sy * sz, cx * cy],
    ]
    return np.asarray(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))


def _rotation_to(direction: F64) -> F64:
    """The shortest rotation (3,3) of the axis away from the camera to a direction (3,)."""
    x, y, z = direction / np.linalg.norm(direction)
    cross = np.array([[0, 0, x], [0, 0, y], [-x, -y, 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + z))


@lru_cache(maxsize=1)
def generic_head() -> tuple[F64, Bool]:
    """The 468 points of the generic head (468,3) in eye distances, and which of them are rigid. The
    origin is the middle of the rigid ones."""
    table = np.loadtxt(_TABLE, delimiter=",", skiprows=1)
    points, rigid = table[:, 1:4] * _CAMERA / EYE_DISTANCE_CM, table[:, 4] > 0
    return points - points[rigid].mean(axis=0), rigid
