"""Recipes of pictures or motion over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from merkit.config import check_settings
from merkit.errors import LeftOutError
from merkit.face import align_clip
from merkit.face.align import AlignConfig
from merkit.face.tracker import FaceTracker
from merkit.flow import clip_flow
from merkit.flow.config import FlowConfig
from merkit.media import is_image
from merkit.samples.inputs import Input, mask_over
from merkit.samples.recipes.base import Arrays, Recipe, first_landmarks
from merkit.samples.recipes.frames import clip_frame_numbers, with_lead
from merkit.types import I64, Clip, FaceTrack, Frames, Sample


@dataclass(frozen=True, kw_only=True)
class SequenceRecipe(Recipe):
    """T frames spread over the clip, or all of them.

    ``frames``: T, or 0 for every frame. ``sampling``: ``linspace`` reaches the last frame,
    ``floor`` is the printed i_k = floor(k N/T) (docs/methods/sfa-dgat.md), ``step`` the
    i_k = k floor(N/T) of docs/methods/hlora-mer.md. With ``frames=0``: ``stride_hz`` keeps about
    this many frames a second (0: all), ``max_frames`` cuts a longer run there (0: never).
    ``min_frames``: clips of a database that have fewer are left out (0: none is).
    ``lead_frames``: so many frames of the recording before the clip are read as well, as far as
    there are.
    """

    frames: int = 8
    sampling: Literal["linspace", "floor", "step"] = "linspace"
    stride_hz: float = 0.0
    max_frames: int = 0
    min_frames: int = 0
    lead_frames: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        names = ("frames", "stride_hz", "max_frames", "min_frames", "lead_frames")
        wanted = {name: (getattr(self, name) >= 0, "0 or more") for name in names}
        check_settings(self, "recipe", wanted)

    def choose(self, clip: Clip, there: I64 | None = None) -> I64:
        return super().choose(with_lead(clip, self.lead_frames), there)

    def lead(self, fps_hz: float) -> int:
        """See ``Recipe.lead``."""
        del fps_hz
        return self.lead_frames

    def sample_key(self, clip: Clip) -> str:
        return super().sample_key(with_lead(clip, self.lead_frames))

    def pick(self, clip: Clip, available: I64) -> I64:
        n = len(available)
        if self.frames == 0:
            step = max(1, round(clip.fps_hz / self.stride_hz)) if self.stride_hz else 1
            return available[::step][: self.max_frames or None]
        if self.sampling == "linspace":
            positions = np.round(np.linspace(0, n - 1, self.frames)).astype(np.int64)
        elif self.sampling == "step":
            positions = (np.arange(self.frames) * max(1, n // self.frames)).clip(max=n - 1)
        else:
            positions = np.floor(np.arange(self.frames) * n / self.frames).astype(np.int64)
        return np.asarray(available[positions])

    def sample(self, clip: Clip, tracker: FaceTracker | None = None) -> Sample:
        """See ``Recipe.sample``.

        Raises:
            LeftOutError: the clip has fewer than ``min_frames``.
        """
        if self.min_frames and not is_image(clip.media):
            n = len(clip_frame_numbers(clip))
            if n < self.min_frames:
                raise LeftOutError(
                    f"clip '{clip.clip_id}' has {n} frames and is left out",
                    f"{self.min_frames} or more (recipe.min_frames)",
                )
        return super().sample(clip, tracker)


@dataclass(frozen=True, kw_only=True)
class RgbRecipe(SequenceRecipe):
    """``rgb`` u8 (T,3,S,S): aligned face pictures."""

    makes: ClassVar[str] = "rgb"
    no_flow_image: ClassVar[str] = (
        "this method compares aligned pictures of a face over time, and there is no face in it and "
        "no second picture"
    )
    followed_frames: ClassVar[int | None] = None

    align: AlignConfig = field(default_factory=AlignConfig)

    def inputs(self) -> tuple[Input, ...]:
        frames, side = self.frames or "T", self.align.size_px
        meaning = "aligned face frames, R,G,B from 0 to 255"
        return Input("rgb", "uint8", ("B", frames, 3, side, side), meaning), mask_over(frames)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        aligned = align_clip(frames.rgb, face, self.align)
        return {"rgb": np.ascontiguousarray(aligned.transpose(0, 3, 1, 2))}


@dataclass(frozen=True, kw_only=True)
class RegionFlowRecipe(SequenceRecipe):
    """``flow`` f32 (T,R,2): motion of facial regions, in pixels of the normalised face."""

    makes: ClassVar[str] = "flow"
    no_flow_image: ClassVar[str] = (
        "this method reads how far facial regions move and which way, and it has neither landmarks "
        "nor the zero and the size of its motion: u and v are each scaled to 0..255 by themselves"
    )

    flow: FlowConfig = field(default_factory=FlowConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        holds = self.flow.crop == "square"
        wanted = "square: sizes of regions are in its pixels"
        check_settings(self.flow, "recipe.flow", {"crop": (holds, wanted)})

    def inputs(self) -> tuple[Input, ...]:
        since = "the frame before" if self.flow.reference == "previous" else "the first frame"
        meaning = (
            f"motion of each region since {since}: right, down, "
            f"in pixels of a face in {self.flow.crop_size_px} px"
        )
        frames = self.frames or "T"
        shape = ("B", frames, self.flow.regions, 2)
        return Input("flow", "float32", shape, meaning), mask_over(frames)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        return {"flow": clip_flow(frames.rgb, first_landmarks(face), self.flow)}
