"""Colour frames made grey, as flow reads them."""

from __future__ import annotations

from typing import cast

import numpy as np

from merkit.flow.config import FlowConfig
from merkit.types import U8


def weighed(rgb: U8, config: FlowConfig) -> U8:
    """Colour frames (...,3) in the order in which ``config`` wants them made grey; grey ones (H,W)
    as they are."""
    return rgb[..., ::-1] if config.gray_order == "bgr" and rgb.ndim > 2 else rgb


def to_gray(image: U8) -> U8:
    """Grey u8 (H,W) of an RGB image (H,W,3); a grey one comes back as it is."""
    import cv2

    if image.ndim == 2:
        return image
    return cast(U8, cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))
