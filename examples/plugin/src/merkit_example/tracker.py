"""``cropped``: pictures that hold a face and nothing else, as some databases give them.

Detectors miss a face whose outline is cut off. Its landmarks are then those of a mean face that
fills the picture: good enough for regions of motion, not for alignment by eyes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from merkit.face import DetectedFace, FaceTracker
from merkit.face.align import MEAN_FACE
from merkit.face.tracker import TrackConfig
from merkit.types import Frame

#: distance of the eyes and their height, in shares of the width and height of the picture
_EYE_DISTANCE, _EYE_Y = 0.4, 0.35


class Cropped(FaceTracker):
    name: ClassVar[str] = "cropped"
    title: ClassVar[str] = "pictures that hold a face and nothing else"

    def __init__(self, config: TrackConfig) -> None:
        """No setting of ``config`` changes what it says."""

    @classmethod
    def version(cls, config: TrackConfig) -> str:
        """Raised when the answers change. They depend on the frame alone, so they are kept for
        other recipes."""
        return "1"

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        height, width = frame.rgb.shape[:2]
        middle = np.array([width / 2, _EYE_Y * height])
        points = (MEAN_FACE * _EYE_DISTANCE * width + middle).astype(np.float32)
        box = np.array([0, 0, width, height], np.float32)
        return (DetectedFace(points, box),)
