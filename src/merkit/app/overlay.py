"""What is drawn over a frame: the landmarks, and how far each region moved since the onset."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from threading import Lock
from typing import Any

import numpy as np

from merkit.face.mesh478 import MeshTracker
from merkit.face.tracker import TrackConfig
from merkit.spotting.look import EYE_DISTANCE_PX, look_at
from merkit.spotting.motion import motion_between
from merkit.spotting.regions import EYE_CORNERS, REGIONS
from merkit.types import F32, F64, U8, Frame


@dataclass(frozen=True)
class Arrow:
    """A region and how it moved, the head's own motion removed: as ``motion_px`` of the table, in
    pixels of the normalised face, and from where to where in the frame's own pixels."""

    region: str
    motion_px: float
    x: float
    y: float
    right: float
    down: float


class Overlay:
    """Finds the face in single frames; the network is loaded with the first. One at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tracker: MeshTracker | None = None

    def of(self, rgb: U8, onset: U8 | None = None) -> dict[str, Any]:
        """The points of the largest face (68 and the mesh, x and y in pixels of the frame), and,
        where there is an onset, an arrow a region. Nothing where there is no face."""
        height, width = rgb.shape[:2]
        size: dict[str, Any] = {"width": width, "height": height}
        with self._lock:
            here, before = self._mesh(rgb), None if onset is None else self._mesh(onset)
        if here is None:
            return {**size, "mesh": [], "arrows": [], "problem": "no face is found in this frame"}
        mesh = np.round(here[:, :2].astype(np.float64), 1).tolist()
        told = {**size, "mesh": mesh, "arrows": [], "problem": ""}
        if onset is None:
            return told
        if before is None:
            return {**told, "problem": "no face is found in the frame of the onset"}
        arrows = arrows_between(onset, before, rgb, here)
        return {**told, "arrows": [vars(arrow) for arrow in arrows]}

    def _mesh(self, rgb: U8) -> F32 | None:
        self._tracker = self._tracker or MeshTracker(TrackConfig())
        faces = [f for f in self._tracker.landmarks(Frame(0, 0.0, rgb)) if f.mesh_px is not None]
        if not faces:
            return None
        return max(faces, key=lambda f: float(np.prod(f.box_px[2:] - f.box_px[:2]))).mesh_px


def arrows_between(onset: U8, before: F32, rgb: U8, here: F32) -> list[Arrow]:
    """An arrow for each region whose motion is known; meshes (478,3) of the two frames."""
    looks = look_at(Frame(0, 0.0, onset), before), look_at(Frame(1, 0.0, rgb), here)
    moved = motion_between(*looks).regions
    back = _to_frame(here)
    arrows = []
    for region, (right, down) in zip(REGIONS, moved, strict=True):
        if isfinite(right) and isfinite(down):
            x, y = here[list(region.vertices), :2].mean(axis=0)
            along, across = back @ (right, down)
            numbers = (float(np.hypot(right, down)), float(x), float(y), along, across)
            arrows.append(Arrow(region.title, *(round(float(n), 3) for n in numbers)))
    return arrows


def _to_frame(mesh: F32) -> F64:
    """(2,2): from directions of the normalised face to those of the frame."""
    corners = mesh[list(EYE_CORNERS), :2].astype(np.float64)
    right, down = (corners[2:].mean(axis=0) - corners[:2].mean(axis=0)) / EYE_DISTANCE_PX
    return np.array([[right, -down], [down, right]])
