"""The recipe of one flow image from onset to apex, measured or as it was published."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from merkit.config import check_settings
from merkit.errors import VideoError
from merkit.face.tracker import FaceTracker
from merkit.flow import mean_flow_map
from merkit.flow.config import FlowConfig
from merkit.media import is_image
from merkit.samples.inputs import Input
from merkit.samples.recipes.base import Arrays, Recipe, first_landmarks
from merkit.samples.recipes.frames import clip_frame_numbers, with_lead
from merkit.types import I64, U8, Clip, FaceTrack, Frames, Sample
from merkit.video.images import read_image


@dataclass(frozen=True, kw_only=True)
class FlowMapRecipe(Recipe):
    """``flow_map`` u8 (3,M,M): the onset-apex flow image, measured or as it was published.

    ``pairs``: flow is the mean of so many pairs of frames, those up to the onset with those around
    the apex. They reach ``spread_s`` to both sides of the apex (at low frame rates, as far as that
    many frames do), but no further than half the way to the onset; and twice as far before the
    onset, which may lie before the clip.
    """

    makes: ClassVar[str] = "flow_map"
    no_flow_image: ClassVar[str] = ""

    flow: FlowConfig = field(default_factory=FlowConfig)
    pairs: int = 1
    spread_s: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {
            "pairs": (1 <= self.pairs <= 15, "1 to 15"),
            "spread_s": (0 <= self.spread_s <= 0.5, "0 to 0.5 seconds"),
        }
        check_settings(self, "recipe", wanted)

    def steady(self) -> FlowMapRecipe:
        """See ``Recipe.steady``. Five: on generated recordings a shift of onset or apex by a frame
        then changes the map by half of what it does with one pair, and seven gain nothing [D]."""
        return replace(self, pairs=max(self.pairs, 5))

    def choose(self, clip: Clip, there: I64 | None = None) -> I64:
        """Onset and apex, or all frames around the one and then all around the other."""
        chosen = super().choose(clip, there)
        if self.pairs == 1:
            return chosen
        reach = self._reach(clip.fps_hz)
        available = clip_frame_numbers(with_lead(clip, 2 * reach), there)
        onset, apex = np.searchsorted(available, chosen)
        before = onset - reach + self._steps(reach)
        around = apex + self._steps(min(reach, max(1, (apex - onset) // 2)))
        before, around = before.clip(0), around.clip(onset + 1, len(available) - 1)
        return np.asarray(available[np.concatenate([before, around])])

    def sample_key(self, clip: Clip) -> str:
        return super().sample_key(with_lead(clip, self.lead(clip.fps_hz)))

    def lead(self, fps_hz: float) -> int:
        """See ``Recipe.lead``."""
        return 0 if self.pairs == 1 else 2 * self._reach(fps_hz)

    def _steps(self, reach: int) -> I64:
        """So many places as there are pairs, from ``-reach`` to ``reach``."""
        return np.rint(np.linspace(-reach, reach, self.pairs)).astype(np.int64)

    def _reach(self, fps_hz: float) -> int:
        """Frames to each side of the apex."""
        return max(self.pairs // 2, round(self.spread_s * fps_hz))

    def pick(self, clip: Clip, available: I64) -> I64:
        """Onset and apex; the middle frame stands for an apex that nobody coded (SMIC)."""
        onset = available[0] if clip.onset_frame is None else clip.onset_frame
        usable = clip.apex_frame is not None and clip.apex_frame > onset
        apex = clip.apex_frame if usable else available[len(available) // 2]
        wanted = np.array([onset, apex])
        nearest = np.abs(available[None, :] - wanted[:, None]).argmin(axis=1)
        return np.asarray(available[nearest])

    def inputs(self) -> tuple[Input, ...]:
        meaning = (
            "optical flow from onset to apex: strain, motion down, motion right, each scaled to 0 "
            "to 255 by itself"
        )
        side = self.flow.map_size_px
        return (Input("flow_map", "uint8", ("B", 3, side, side), meaning),)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        part = slice(self.pairs)  # landmarks jitter, and the crop with them
        seen = face.landmarks_px[part][face.found[part]]
        landmarks = seen.mean(axis=0) if len(seen) else first_landmarks(face)
        return {"flow_map": mean_flow_map(frames.rgb, landmarks, self.flow)}

    def sample(self, clip: Clip, tracker: FaceTracker | None = None) -> Sample:
        """See ``Recipe.sample``; a published image has no frames to follow or measure."""
        if not (clip.media.is_file() and is_image(clip.media)):
            return super().sample(clip, tracker)
        return Sample(clip.clip_id, {"flow_map": load_flow_map(clip.media, self.flow.map_size_px)})


def load_flow_map(path: Path, size_px: int = 28) -> U8:
    """One published flow image (STSTNet, HTNet, CausalNet) as (3,M,M) in the order blue, green,
    red: optical strain, vertical v, horizontal u, each scaled to 0..255 by itself.

    This is the order in which OpenCV loads the files, and so in which STSTNet was trained.

    Raises:
        VideoError: not a readable image, or not of M x M pixels.
    """
    rgb = read_image(path)
    if rgb.shape != (size_px, size_px, 3):
        raise VideoError(
            f"'{path}' is {rgb.shape[1]}x{rgb.shape[0]}",
            f"a flow image of {size_px}x{size_px} pixels (recipe.flow.map_size_px)",
            "a recipe that reads videos cannot be used on flow maps, nor the other way round",
        )
    return np.ascontiguousarray(rgb[:, :, ::-1].transpose(2, 0, 1))
