"""Training data from a face model: what optical flow shows of actions whose labels are known.

``face_model`` a parametric face from a file; ``tables`` which shapes make an action unit, which
units an emotion; ``dials`` everything that is varied; ``actions`` what is drawn, and its labels;
``view`` one person from one side, as a linear basis of motion; ``movement`` the flow of what was
drawn; ``picture`` and ``moving`` textured pictures before and after it; ``flow_maps`` onset-apex
maps of them; ``courses``, ``pooling``, ``region_noise`` and ``sequences``: motion of facial regions
over whole courses; ``make`` many, in processes. Nothing here needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merkit.simulate.dials import Dials as Dials
    from merkit.simulate.flow_maps import FlowMaps as FlowMaps
    from merkit.simulate.make import Source as Source
    from merkit.simulate.make import make_flow_maps as make_flow_maps
    from merkit.simulate.make import make_sequences as make_sequences
    from merkit.simulate.sequences import Sequences as Sequences

_LAZY = {
    "Dials": "merkit.simulate.dials",
    "FlowMaps": "merkit.simulate.flow_maps",
    "Source": "merkit.simulate.make",
    "make_flow_maps": "merkit.simulate.make",
    "make_sequences": "merkit.simulate.make",
    "Sequences": "merkit.simulate.sequences",
}
__all__ = ["Dials", "FlowMaps", "Sequences", "Source", "make_flow_maps", "make_sequences"]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'merkit.simulate' has no attribute '{name}'")
