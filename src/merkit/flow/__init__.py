"""Optical flow features: estimators, region pooling, strain, flow images, spotting.

Names are loaded when first used, so that :mod:`merkit.flow.config` imports without OpenCV.
Spotting is in :mod:`merkit.spotting.spot`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merkit.flow.config import PUBLISHED_FLOW as PUBLISHED_FLOW
    from merkit.flow.config import FlowConfig as FlowConfig
    from merkit.flow.estimate import estimate_flow as estimate_flow
    from merkit.flow.maps import clip_flow_map as clip_flow_map
    from merkit.flow.maps import flow_map as flow_map
    from merkit.flow.mirror import mirror_flow as mirror_flow
    from merkit.flow.mirror import mirror_map as mirror_map
    from merkit.flow.mirror import mirror_motion as mirror_motion
    from merkit.flow.pool import dominant_motion as dominant_motion
    from merkit.flow.roi import clip_flow as clip_flow
    from merkit.flow.roi import roi_flow as roi_flow
    from merkit.flow.strain import optical_strain as optical_strain
    from merkit.flow.stream import RoiFlowStream as RoiFlowStream

_HOME = {
    "PUBLISHED_FLOW": "config",
    "FlowConfig": "config",
    "RoiFlowStream": "stream",
    "clip_flow": "roi",
    "clip_flow_map": "maps",
    "dominant_motion": "pool",
    "estimate_flow": "estimate",
    "flow_map": "maps",
    "mirror_flow": "mirror",
    "mirror_map": "mirror",
    "mirror_motion": "mirror",
    "optical_strain": "strain",
    "roi_flow": "roi",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"merkit.flow.{_HOME[name]}"), name)
    raise AttributeError(f"module 'merkit.flow' has no attribute '{name}'")
