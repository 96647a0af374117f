"""A clip as a model sees it, and how the numbers of its sample lie in time and on the face.

There is one :class:`Reading` a class of recipes, so that no figure asks what a model reads.

Shapes: T frames, R regions, S side of the picture; x is a model's input, clips first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from merkit.errors import ConfigError
from merkit.explain import Baseline
from merkit.face import align_points, transforms
from merkit.face.regions import (
    RegionWindows,
    inner_eye_distance,
    region_indices,
    region_layout,
    region_names,
)
from merkit.flow.crop import crop_layout, cut
from merkit.methods.base import Method
from merkit.samples.recipes import (
    FlowMapRecipe,
    Recipe,
    RegionFlowRecipe,
    RgbRecipe,
    first_landmarks,
)
from merkit.types import F64, I64, U8, Clip, FaceTrack, Frames, Sample
from merkit.video import read_frames

#: Inner eye corners lie this far apart in the face that region sizes are stated for.
_INNER_EYE_PX = 64.0
#: The choice without whole brows and whole mouth, so that regions hardly overlap.
_PICTURE_REGIONS = 14


@dataclass(frozen=True, eq=False)
class ClipView:
    """One clip, ready to be explained.

    Attributes:
        clip: what was asked for.
        sample: the arrays that a model of this recipe reads.
        picture: u8 (S,S,3) or grey (S,S), the face in the first frame.
        boxes_px: F64 (R,4), regions as left, top, right, bottom in ``picture``.
        regions: their names.
        time_ms: F64 (T,), of the frames of the sample, from the first one.
    """

    clip: Clip
    sample: Sample
    picture: U8
    boxes_px: F64
    regions: tuple[str, ...]
    time_ms: F64

    @property
    def size_px(self) -> int:
        """Side of ``picture``."""
        return int(self.picture.shape[0])

    @property
    def centres_px(self) -> F64:
        """Middle of every region in ``picture``, (R,2) x, y."""
        centres: F64 = (self.boxes_px[:, :2] + self.boxes_px[:, 2:] - 1) / 2
        return np.clip(centres, 0, self.size_px - 1)

    def region_map(self, size_px: int | None = None) -> I64:
        """Region of each pixel, (S,S); R where there is none. Where regions overlap, a pixel
        belongs to the one whose middle is nearest, so that every pixel counts once."""
        size = size_px or self.size_px
        scale = size / self.size_px
        y, x = np.mgrid[:size, :size]
        distance = np.full((len(self.boxes_px) + 1, size, size), np.inf)
        distance[-1] = np.finfo(float).max
        for r, (box, centre) in enumerate(zip(self.boxes_px, self.centres_px, strict=True)):
            left, top, right, bottom = box * scale
            inside = (x + 0.5 > left) & (x + 0.5 < right) & (y + 0.5 > top) & (y + 0.5 < bottom)
            far = (x - centre[0] * scale) ** 2 + (y - centre[1] * scale) ** 2
            distance[r] = np.where(inside, far, np.inf)
        return np.asarray(distance.argmin(axis=0))


@dataclass(frozen=True)
class Reading(ABC):
    """How the input of a model is read; what stands here holds for pixels with an axis of frames.

    ``recipe`` makes the input; ``rest`` is the name of what lies in no region.
    """

    recipe: Recipe
    rest: ClassVar[tuple[str, ...]] = ("rest of the picture",)

    @abstractmethod
    def face(self, frames: Frames, face: FaceTrack, sample: Sample) -> tuple[U8, F64, int]:
        """``picture`` and ``boxes_px`` of a view, and R."""

    @abstractmethod
    def nothing(self, x: Tensor) -> Mapping[Baseline, tuple[str, Tensor]]:
        """Each baseline of ``ExplainConfig`` in words, and as an input that expands to x."""

    def frames(self, x: Tensor) -> Tensor:
        """Frame of every number, int64 of the shape of x."""
        places = torch.arange(x.shape[1], device=x.device)
        return places.view(1, -1, *(1,) * (x.ndim - 2)).expand_as(x)

    def regions(self, x: Tensor, view: ClipView) -> Tensor:
        """Region of every number, int64 of the shape of x; R for the rest."""
        return torch.from_numpy(view.region_map(x.shape[-1])).to(x.device).expand_as(x)


class Pictures(Reading):
    """``rgb`` (B,T,3,S,S)."""

    recipe: RgbRecipe

    def face(self, frames: Frames, face: FaceTrack, sample: Sample) -> tuple[U8, F64, int]:
        """The first aligned frame. Regions are laid out at the size that they are stated for,
        then scaled to this picture."""
        picture = np.ascontiguousarray(sample.arrays["rgb"][0].transpose(1, 2, 0))
        points = align_points(face.landmarks_px, transforms(face, self.recipe.align))[0]
        points = points.astype(np.float64)
        scale = _INNER_EYE_PX / inner_eye_distance(points)
        layout = region_layout(points * scale, RegionWindows(), math.ceil(len(picture) * scale))
        boxes: F64 = layout.boxes_px[list(region_indices(_PICTURE_REGIONS))] / scale
        return picture, np.clip(boxes, 0, len(picture)), _PICTURE_REGIONS

    def nothing(self, x: Tensor) -> Mapping[Baseline, tuple[str, Tensor]]:
        return {
            "still": ("first frame (no motion)", x[:, :1]),
            "mean": ("mean of the clip", x.mean(dim=(1, 3, 4), keepdim=True)),
            "zero": ("black", torch.zeros_like(x)),
        }


class Flow(Reading):
    """Base of what is read of motion."""

    recipe: RegionFlowRecipe | FlowMapRecipe

    def face(self, frames: Frames, face: FaceTrack, sample: Sample) -> tuple[U8, F64, int]:
        """The crop that flow is measured in."""
        landmarks, config = first_landmarks(face), self.recipe.flow
        crop, layout = crop_layout(landmarks, config)
        boxes = layout.boxes_px[list(region_indices(config.regions))]
        return cut(frames.rgb[0], crop), boxes.astype(np.float64), config.regions


class RegionMotion(Flow):
    """``flow`` (B,T,R,2), whose regions are an axis of their own."""

    rest = ()

    def nothing(self, x: Tensor) -> Mapping[Baseline, tuple[str, Tensor]]:
        return {
            "still": ("clip without motion", torch.zeros_like(x)),
            "mean": ("mean of the clip", x.mean(dim=1, keepdim=True)),
            "zero": ("zero motion", torch.zeros_like(x)),
        }

    def regions(self, x: Tensor, view: ClipView) -> Tensor:
        return torch.arange(x.shape[2], device=x.device).view(1, 1, -1, 1).expand_as(x)


class FlowMap(Flow):
    """``flow_map`` (B,3,M,M), one picture a clip."""

    def nothing(self, x: Tensor) -> Mapping[Baseline, tuple[str, Tensor]]:
        median = x.flatten(2).median(dim=2).values[:, :, None, None]
        return {
            "still": ("median of the map", median),
            "mean": ("mean of the map", x.mean(dim=(2, 3), keepdim=True)),
            "zero": ("zero motion", torch.zeros_like(x)),
        }

    def frames(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x, dtype=torch.int64)


def reading_of(method: Method) -> Reading:
    """How a method reads clips.

    Raises:
        ConfigError: it reads nothing of them, or what no figure can show.
    """
    recipe = method.recipe
    kinds = (RgbRecipe, Pictures), (RegionFlowRecipe, RegionMotion), (FlowMapRecipe, FlowMap)
    for kind, reading in kinds:
        if isinstance(recipe, kind):
            return reading(recipe)
    raise ConfigError(
        f"{method.name} reads {recipe.makes if recipe else 'nothing'} of a clip",
        "a model that reads pictures or motion of a face, which figures can show",
        "choose another --model",
    )


def open_view(clip: Clip, reading: Reading) -> ClipView:
    """Read a clip as training does, and find the regions on its face.

    Raises:
        VideoError, MissingDataError: the media cannot be read.
        FaceError: the face is found in too few frames.
    """
    recipe = reading.recipe
    frames = read_frames(clip.media, numbers=recipe.choose(clip), fps_hz=clip.fps_hz)
    face = recipe.follow(frames, clip)
    sample = recipe.sample_of(clip.clip_id, frames, face)
    picture, boxes, count = reading.face(frames, face, sample)
    time_ms = (frames.time_s - frames.time_s[0]) * 1000
    return ClipView(clip, sample, picture, boxes, region_names(count), time_ms)
