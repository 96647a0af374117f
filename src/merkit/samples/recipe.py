"""Recipes: how a clip becomes a sample, as a frozen dataclass with a stable content hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from merkit.errors import ConfigError
from merkit.face.align import AlignConfig
from merkit.face.tracker import TrackConfig
from merkit.flow.config import FlowConfig

#: Raised when the code behind a recipe changes what it computes, so old samples are not read.
RECIPE_VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the arrays of a sample.

    ``kind``: ``rgb`` aligned frames; ``roi_flow`` motion of facial regions; ``flow_map``
    onset-apex flow image. ``frames``: T, or 0 for every frame of the clip. ``sampling``:
    ``linspace`` reaches the last frame, ``floor`` is the printed i_k = floor(k N/T)
    (docs/methods/sfa-dgat.md). With ``frames=0``: ``stride_hz`` keeps about this many frames a
    second (0: all), ``max_frames`` cuts a longer run there (0: never). ``min_found_share``: a
    clip with the face found in fewer frames is refused.
    """

    kind: Literal["rgb", "roi_flow", "flow_map"] = "rgb"
    frames: int = 8
    sampling: Literal["linspace", "floor"] = "linspace"
    stride_hz: float = 0.0
    max_frames: int = 0
    track: TrackConfig = field(default_factory=TrackConfig)
    align: AlignConfig = field(default_factory=AlignConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    min_found_share: float = 0.5

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("frames", "stride_hz", "max_frames")}
        for name, value in counts.items():
            if not value >= 0:
                raise ConfigError(f"recipe.{name} is {value}", "0 or more")
        if not 0 <= self.min_found_share <= 1:
            raise ConfigError(
                f"recipe.min_found_share is {self.min_found_share}", "a share from 0 to 1"
            )

    def key(self) -> str:
        """Hash of every field that matters for this kind, equal across runs and machines."""
        fields = asdict(self) | {"version": RECIPE_VERSION}
        if self.kind == "rgb":
            del fields["flow"]
        text = json.dumps(fields, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
