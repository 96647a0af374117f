"""A mean face of 68 points, for alignment over all landmarks.

Measured, not taken from a model's file: the median landmarks of dlib's predictor on each of
nine faces (six in three photographs, among them skimage's astronaut, and three in videos), each
put with its eye centres at (-1/2, 0) and (1/2, 0), averaged, and averaged with its mirror image.
"""

from __future__ import annotations

import numpy as np

from merkit.types import F32

#: Index of the point on the other side of the face, for each of the 68 points.
MIRROR_68: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)

# fmt: off
_POINTS = (
    (-1.146, 0.024), (-1.134, 0.322), (-1.108, 0.618), (-1.055, 0.909),
    (-0.948, 1.186), (-0.771, 1.429), (-0.544, 1.629), (-0.286, 1.784),
    (0.000, 1.829), (0.286, 1.784), (0.544, 1.629), (0.771, 1.429),
    (0.948, 1.186), (1.055, 0.909), (1.108, 0.618), (1.134, 0.322),
    (1.146, 0.024), (-0.930, -0.218), (-0.796, -0.360), (-0.595, -0.414),
    (-0.387, -0.392), (-0.191, -0.315), (0.191, -0.315), (0.387, -0.392),
    (0.595, -0.414), (0.796, -0.360), (0.930, -0.218), (0.000, -0.060),
    (0.000, 0.137), (0.000, 0.334), (0.000, 0.535), (-0.241, 0.651),
    (-0.124, 0.686), (0.000, 0.721), (0.124, 0.686), (0.241, 0.651),
    (-0.695, 0.006), (-0.568, -0.050), (-0.431, -0.051), (-0.299, 0.019),
    (-0.435, 0.038), (-0.572, 0.038), (0.299, 0.019), (0.431, -0.051),
    (0.568, -0.050), (0.695, 0.006), (0.572, 0.038), (0.435, 0.038),
    (-0.510, 0.954), (-0.324, 0.891), (-0.134, 0.866), (0.000, 0.889),
    (0.134, 0.866), (0.324, 0.891), (0.510, 0.954), (0.331, 1.162),
    (0.146, 1.251), (0.000, 1.268), (-0.146, 1.251), (-0.331, 1.162),
    (-0.451, 0.969), (-0.135, 0.953), (0.000, 0.968), (0.135, 0.953),
    (0.451, 0.969), (0.139, 1.110), (0.000, 1.125), (-0.139, 1.110),
)
# fmt: on

#: f32 (68, 2): x to the picture's right, y down; unit: distance between the eye centres;
#: origin: midway between them.
MEAN_FACE: F32 = np.array(_POINTS, np.float32)
MEAN_FACE.setflags(write=False)
