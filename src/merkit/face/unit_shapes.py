"""Action units, as far as the blendshapes of the mesh stand for them.

A blendshape's coefficient says how far a drawn face would have to be moved to look like this one.
It is no intensity of FACS: nobody coded it, its zero is not this person's face at rest, and a
closed mouth or a turned head moves it too. Its course over time is what is worth looking at.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merkit.face.landmarker import BLENDSHAPES
from merkit.types import F32

#: action unit -> the blendshapes that stand for it: left and right, or the one of both sides
SHAPES_OF_UNITS: Mapping[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("cheekSquintLeft", "cheekSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    9: ("noseSneerLeft", "noseSneerRight"),
    10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    14: ("mouthDimpleLeft", "mouthDimpleRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    17: ("mouthShrugLower",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    24: ("mouthPressLeft", "mouthPressRight"),
    26: ("jawOpen",),
    45: ("eyeBlinkLeft", "eyeBlinkRight"),
}
#: In the order of the columns of ``unit_strengths``.
SHAPED_UNITS = tuple(SHAPES_OF_UNITS)
_WEIGHTS = np.zeros((len(SHAPED_UNITS), len(BLENDSHAPES)), np.float32)
for _row, _names in zip(_WEIGHTS, SHAPES_OF_UNITS.values(), strict=True):
    _row[[BLENDSHAPES.index(name) for name in _names]] = 1 / len(_names)


def unit_strengths(blendshapes: F32) -> F32:
    """Strength of each of ``SHAPED_UNITS`` (U,), 0 to 1, the mean of left and right, of the
    blendshapes (52,) of one face."""
    return np.asarray(_WEIGHTS @ blendshapes, np.float32)
