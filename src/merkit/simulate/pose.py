"""A person's face turned towards the camera, and the rectangle of the picture that is cut out.

Picture axes: x to the right, y down, z towards the camera; lengths in the model's unit. The
person's left is at the right of the picture. Projection is orthographic, as of a face at some
distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast

import numpy as np
from scipy.spatial.transform import Rotation

from merkit.simulate.dials import CropJitter, Dials
from merkit.simulate.face_model import LEFT_EYE, MOUTH, RIGHT_EYE, FaceModel
from merkit.types import F32

#: where the tight crop of MEGC2019's flow maps has eyes and mouth, in shares of its sides
EYES_U, EYES_V, MOUTH_V = (0.20, 0.80), 0.22, 0.68
#: the camera looks against z, and pictures count downwards
_DOWN = np.diag([1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Crop:
    """A rectangle on the picture plane, in the model's unit."""

    left: float
    top: float
    width: float
    height: float

    @property
    def size(self) -> F32:
        """(2,) width and height."""
        return np.array([self.width, self.height], np.float32)

    def shares(self, points: F32) -> F32:
        """Picture points (...,2 or 3) as shares (u, v) of the crop: 0 at left and top, 1 at right
        and bottom."""
        corner = np.array([self.left, self.top], np.float32)
        return cast(F32, (points[..., :2] - corner) / self.size)

    def scaled(self, across: float, down: float, about: F32) -> Crop:
        """Width times ``across`` and height times ``down``; the point ``about`` keeps its share."""
        u, v = map(float, self.shares(about))
        width, height = self.width * across, self.height * down
        return Crop(float(about[0]) - u * width, float(about[1]) - v * height, width, height)

    def shifted(self, u: float, v: float) -> Crop:
        """Moved by shares of its sides."""
        left, top = self.left + u * self.width, self.top + v * self.height
        return Crop(left, top, self.width, self.height)


#: from 68 landmarks (68,2) on the picture plane to what is cut out
CropRule: TypeAlias = Callable[[F32], Crop]


def tight_crop(landmarks: F32) -> Crop:
    """The crop of onset-apex maps: eye centres at u 0.20 and 0.80, v 0.22, mouth at v 0.68. The
    aspect of the face is not kept."""
    right, left, mouth = (landmarks[s].mean(0) for s in (RIGHT_EYE, LEFT_EYE, MOUTH))
    centre = (right + left) / 2
    width = float(np.linalg.norm(left - right)) / (EYES_U[1] - EYES_U[0])
    height = float(mouth[1] - centre[1]) / (MOUTH_V - EYES_V)
    return Crop(float(centre[0]) - width / 2, float(centre[1]) - EYES_V * height, width, height)


@dataclass(frozen=True, eq=False)
class PosedFace:
    """One person, turned. ``vertices``: (V,3) in picture axes; ``rotation``: (3,3) from model to
    picture axes."""

    model: FaceModel
    vertices: F32
    rotation: F32

    @classmethod
    def turned(
        cls, model: FaceModel, person: F32, yaw: float = 0, pitch: float = 0, roll: float = 0
    ) -> PosedFace:
        """Angles in radians: ``yaw`` towards the person's left, then ``pitch`` down, then ``roll``
        counter-clockwise in the picture."""
        turn = Rotation.from_euler("yxz", [yaw, pitch, roll]).as_matrix()
        rotation = (_DOWN @ turn).astype(np.float32)
        return cls(model, person @ rotation.T, rotation)

    @cached_property
    def points(self) -> F32:
        """(P,3) dense points."""
        dense: F32 = self.model.densify @ self.vertices
        return dense

    @cached_property
    def normals(self) -> F32:
        """(P,3) outward normals at the dense points."""
        upright = self.model.normals(self.vertices @ self.rotation)
        dense: F32 = self.model.densify @ (upright @ self.rotation.T)
        return dense

    @cached_property
    def landmarks(self) -> F32:
        """(68,2) on the picture plane."""
        return self.vertices[self.model.landmarks, :2]

    @cached_property
    def eye_centre(self) -> F32:
        """(2,) between the eyes."""
        return cast(F32, (self.landmarks[RIGHT_EYE].mean(0) + self.landmarks[LEFT_EYE].mean(0)) / 2)

    @cached_property
    def eye_distance(self) -> float:
        """Between the eye centres on the picture plane, in the model's unit."""
        apart = self.landmarks[LEFT_EYE].mean(0) - self.landmarks[RIGHT_EYE].mean(0)
        return float(np.linalg.norm(apart))


def draw_face(model: FaceModel, dials: Dials, rng: np.random.Generator) -> PosedFace:
    """A person and a pose."""
    who = rng.standard_normal(len(model.identity)) * dials.identity.sd
    pose = dials.pose
    angles = rng.standard_normal(3) * (pose.yaw_sd_rad, pose.pitch_sd_rad, pose.roll_sd_rad)
    return PosedFace.turned(model, model.person(who.astype(np.float32)), *map(float, angles))


def jittered(crop: Crop, face: PosedFace, dials: CropJitter, rng: np.random.Generator) -> Crop:
    """The crop as inexact landmarks would have it."""
    across, down = np.exp(rng.standard_normal(2) * dials.size_log_sd)
    u, v = rng.standard_normal(2) * (dials.shift_x_sd_share, dials.shift_y_sd_share)
    return crop.scaled(float(across), float(down), face.eye_centre).shifted(float(u), float(v))
