"""Looking a picture up at fractional places."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from merkit.types import F32, F64

#: OpenCV's stubs ask for a second map that a two-channel first map makes needless
_cv2 = cast(Any, cv2)


def sample(
    picture: npt.NDArray[Any],
    where: F32 | F64,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> npt.NDArray[Any]:
    """(H, W, ...) values of ``picture`` at ``where`` (H, W, 2), x and y in its pixels.

    Beyond the picture's edge lies zero, or what the OpenCV ``border`` says.
    """
    places = where.astype(np.float32, copy=False)
    return cast(
        npt.NDArray[Any],
        _cv2.remap(picture, places, None, interpolation, borderMode=border),
    )
