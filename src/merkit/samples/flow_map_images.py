"""Published flow images (STSTNet, HTNet, CausalNet) as arrays, in the order models read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from merkit.errors import VideoError
from merkit.types import U8
from merkit.video.images import read_image

#: Side of the images, pixels.
SIDE = 28


def load_flow_map(path: Path) -> U8:
    """One flow image as (3, 28, 28) in the order blue, green, red: optical strain, vertical v,
    horizontal u, each scaled to 0..255 by itself.

    This is the order in which OpenCV loads the files, and so in which STSTNet was trained.

    Raises:
        VideoError: not a readable image, or not 28x28.
    """
    rgb = read_image(path)
    if rgb.shape != (SIDE, SIDE, 3):
        raise VideoError(
            f"'{path}' is {rgb.shape[1]}x{rgb.shape[0]}",
            f"a flow image of {SIDE}x{SIDE} pixels",
            "a recipe that reads videos cannot be used on flow maps, nor the other way round",
        )
    return np.ascontiguousarray(rgb[:, :, ::-1].transpose(2, 0, 1))
