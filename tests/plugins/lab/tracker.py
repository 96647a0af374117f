"""A face that is always in the middle of the picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from merkit.face import DetectedFace, FaceTracker
from merkit.face.align import MEAN_FACE


class Middle(FaceTracker):
    name: ClassVar[str] = "middle"
    title: ClassVar[str] = "the middle of the picture"

    def __init__(self, config):
        pass

    def landmarks(self, frame, quick=False):
        height, width = frame.rgb.shape[:2]
        points = MEAN_FACE * 0.3 * width + np.array([width / 2, 0.4 * height], np.float32)
        box = np.array([*points.min(0), *points.max(0)], np.float32)
        return (DetectedFace(points.astype(np.float32), box),)
