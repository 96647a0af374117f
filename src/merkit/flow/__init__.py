"""Optical flow features: estimators, region motion, flow images.

OpenCV and scikit-image are imported on first use. Spotting is :mod:`merkit.spotting`.
"""

from __future__ import annotations

from merkit.flow.config import PUBLISHED_FLOW, FlowConfig
from merkit.flow.estimate import estimate_flow
from merkit.flow.roi import clip_flow, clip_flow_map, mean_flow_map

__all__ = [
    "PUBLISHED_FLOW",
    "FlowConfig",
    "clip_flow",
    "clip_flow_map",
    "estimate_flow",
    "mean_flow_map",
]
