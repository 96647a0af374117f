"""Left-right mirror of motion features. Each function is its own inverse.

A mirrored face moves the other way along x: pixels or regions change places *and* u changes
its sign.
"""

from __future__ import annotations

import numpy as np

from merkit.errors import ConfigError
from merkit.face.regions import mirror_order
from merkit.types import F32, U8


def mirror_flow(flow: F32) -> F32:
    """The flow field (H,W,2) of the mirrored images."""
    return flow[:, ::-1] * np.array([-1, 1], np.float32)


def mirror_motion(motion: F32) -> F32:
    """The region motion (...,R,2) of the mirrored face, R 18 or 14.

    Raises:
        ConfigError: another number of regions.
    """
    if motion.ndim < 2 or motion.shape[-1] != 2:
        raise ConfigError(f"region motion of shape {motion.shape}", "(..., R, 2)")
    order = np.array(mirror_order(motion.shape[-2]))
    return motion[..., order, :] * np.array([-1, 1], np.float32)


def mirror_map(flow_map: U8) -> U8:
    """The flow image (3,H,W), channels B,G,R = strain, v, u, of the mirrored face.

    Scaling to 0-255 turns the changed sign of u into 255 - R (docs/datasets.md).
    """
    mirrored = flow_map[:, :, ::-1].copy()
    mirrored[2] = 255 - mirrored[2]
    return mirrored
