"""A clip as a model sees it, with the face to draw on and where the facial regions lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merkit.face import align_points, transforms
from merkit.face.regions import (
    RegionWindows,
    inner_eye_distance,
    region_indices,
    region_layout,
    region_names,
)
from merkit.flow import clip_flow
from merkit.flow.config import FlowConfig
from merkit.flow.crop import cut, face_crop
from merkit.samples.build import (
    choose_numbers,
    clip_frame_numbers,
    find_face,
    first_landmarks,
    make_sample,
    read_numbers,
)
from merkit.samples.recipe import Recipe
from merkit.types import F32, F64, I64, U8, Clip, FaceTrack, Frames, Sample

#: Inner eye corners lie this far apart in the face that region sizes are stated for.
_INNER_EYE_PX = 64.0
#: The choice without whole brows and whole mouth, so that regions hardly overlap.
_PICTURE_REGIONS = 14
#: Frames of a clip that the motion figure reads at most.
_MOTION_FRAMES = 64


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


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of regions: ``flow`` F32 (T,R,2) in pixels of the normalised face, ``time_ms``
    (T,), the grey ``picture`` (S,S) and the ``boxes_px`` (R,4) it was measured in."""

    flow: F32
    displacement: F32
    time_ms: F64
    picture: U8
    boxes_px: F64
    regions: tuple[str, ...]


def open_view(clip: Clip, recipe: Recipe) -> ClipView:
    """Read a clip, make its sample, and find the regions on its face.

    Raises:
        VideoError, MissingDataError: the media cannot be read.
        FaceError: the face is found in too few frames.
    """
    frames = read_numbers(clip, choose_numbers(clip, clip_frame_numbers(clip), recipe))
    face = find_face(frames, recipe, whole=recipe.kind == "rgb")
    sample = make_sample(clip.clip_id, frames, face, recipe)
    time_ms = (frames.time_s - frames.time_s[0]) * 1000
    if recipe.kind == "rgb":
        points = align_points(face.landmarks_px, transforms(face, recipe.align))[0]
        picture = np.ascontiguousarray(sample.arrays["rgb"][0].transpose(1, 2, 0))
        boxes = _scaled_boxes(points.astype(np.float64), len(picture))
        return ClipView(clip, sample, picture, boxes, region_names(_PICTURE_REGIONS), time_ms)
    picture, boxes = _flow_face(frames, face, recipe.flow)
    names = region_names(recipe.flow.regions)
    return ClipView(clip, sample, picture, boxes, names, time_ms)


def open_motion(view: ClipView, recipe: Recipe) -> Motion:
    """Motion of the clip's regions: what the model reads, or for a model that reads pictures
    the motion of all frames (64 at most) against the first one.

    Raises:
        VideoError, FaceError: as ``open_view``.
    """
    if recipe.kind == "roi_flow":
        flow = np.asarray(view.sample.arrays["flow"], np.float32)
        moved = flow if recipe.flow.reference == "first" else flow.cumsum(axis=0)
        return Motion(flow, moved, view.time_ms, view.picture, view.boxes_px, view.regions)
    config = FlowConfig(reference="first", regions=recipe.flow.regions)
    numbers = clip_frame_numbers(view.clip)
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), _MOTION_FRAMES))
    frames = read_numbers(view.clip, numbers[np.round(places).astype(int)])
    face = find_face(frames, recipe, whole=False)
    flow = clip_flow(frames.rgb, first_landmarks(face), config)
    picture, boxes = _flow_face(frames, face, config)
    time_ms = (frames.time_s - frames.time_s[0]) * 1000
    return Motion(flow, flow, time_ms, picture, boxes, region_names(config.regions))


def _flow_face(frames: Frames, face: FaceTrack, config: FlowConfig) -> tuple[U8, F64]:
    """The face crop that flow is measured in (grey), and the regions in it."""
    landmarks = first_landmarks(face)
    crop = face_crop(landmarks, config)
    layout = region_layout(crop.points(landmarks), config.windows, config.crop_size_px)
    boxes = layout.boxes_px[list(region_indices(config.regions))]
    return cut(frames.rgb[0], crop), boxes.astype(np.float64)


def _scaled_boxes(points: F64, size_px: int) -> F64:
    """Regions of an aligned face, (R,4): laid out at the size they are stated for, then scaled
    to this picture."""
    scale = _INNER_EYE_PX / inner_eye_distance(points)
    layout = region_layout(points * scale, RegionWindows(), math.ceil(size_px * scale))
    boxes: F64 = layout.boxes_px[list(region_indices(_PICTURE_REGIONS))] / scale
    return np.clip(boxes, 0, size_px)
