"""Optical strain: how much the skin is stretched or sheared, whatever the head does."""

from __future__ import annotations

import numpy as np

from merkit.errors import ConfigError
from merkit.types import F32


def optical_strain(flow: F32) -> F32:
    """Magnitude of the infinitesimal strain tensor of a flow field.

    ε_xx = ∂u/∂x, ε_yy = ∂v/∂y, ε_xy = ε_yx = (∂u/∂y + ∂v/∂x)/2 and
    |ε| = sqrt(ε_xx² + ε_yy² + ε_xy² + ε_yx²) (Shreve et al. 2011; Liong et al. 2019, STSTNet),
    by central differences, one-sided at the border. Zero for any translation and, to first
    order, any rotation.

    Args:
        flow: (H,W,2) in pixels, H and W at least 2.

    Returns:
        F32 (H,W), without unit.

    Raises:
        ConfigError: a field of another shape.
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise ConfigError(f"flow field of shape {flow.shape}", "(H, W, 2), H and W at least 2")
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    shear = (du_dy + dv_dx) / 2
    strain: F32 = np.sqrt(du_dx**2 + dv_dy**2 + 2 * shear**2).astype(np.float32)
    return strain
