"""A square of the picture that holds a face upright, and the way to and from its coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.types import F32, U8

#: Corners of the two eyes that lie outside, by which a mesh is upright.
OUTER_EYES = (33, 263)
#: A region is this much larger than the box of a detection, or of a mesh.
_SCALE = 1.5


@dataclass(frozen=True)
class FaceRegion:
    """A square of the picture, turned so that the eyes in it are level."""

    x: float  # centre
    y: float
    side_px: float
    angle_rad: float

    def crop(self, rgb: U8, size_px: int, replicate: bool = True) -> U8:
        """u8 (size,size,3); what lies outside the picture repeats its border, or is black."""
        import cv2

        corners = np.array([(-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5), (0.5, 0.5)], np.float32)
        source = self.to_picture(corners)
        target = (corners + 0.5) * size_px
        border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
        matrix = cv2.getPerspectiveTransform(source, target.astype(np.float32))
        return np.asarray(
            cv2.warpPerspective(
                rgb, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=border
            )
        )

    def to_picture(self, points: np.ndarray) -> F32:
        """Points (N,2) of the region, -1/2 to 1/2 in each direction, as pixels of the picture."""
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        turned = points @ np.array([[cos, sin], [-sin, cos]], np.float32)
        placed = self.side_px * turned + np.array([self.x, self.y])
        return np.asarray(placed, np.float32)

    @classmethod
    def around(cls, box_px: F32, right_eye: F32, left_eye: F32) -> FaceRegion:
        """The region of a box (left, top, right, bottom) in which two points are level."""
        middle = (box_px[:2] + box_px[2:]) / 2
        side = _SCALE * float((box_px[2:] - box_px[:2]).max())
        across = left_eye - right_eye
        angle = float(np.arctan2(across[1], across[0]))
        return cls(float(middle[0]), float(middle[1]), side, angle)


def region_of_mesh(mesh_px: F32) -> FaceRegion:
    """Where the face of a mesh (478,2 or 3) is looked for in the next frame."""
    points = mesh_px[:, :2]
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    right, left = OUTER_EYES
    return FaceRegion.around(box, points[right], points[left])
