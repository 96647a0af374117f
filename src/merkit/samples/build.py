"""Clip and recipe in, sample out: read, track, then align or measure motion."""

from __future__ import annotations

import numpy as np

from merkit.errors import ConfigError, FaceError, VideoError
from merkit.face import align_clip, require_found, track
from merkit.flow import clip_flow, clip_flow_map
from merkit.media import is_image
from merkit.samples.flow_map_images import SIDE, load_flow_map
from merkit.samples.recipe import Recipe
from merkit.types import F32, I64, Clip, FaceTrack, Frame, Frames, Sample
from merkit.video import frame_numbers, read_frames

#: Flow needs the face in the first frame; where it is missed there, these many are tried.
_FIRST_FRAMES = 5


def build_sample(clip: Clip, recipe: Recipe) -> Sample:
    """Make the arrays of one clip (see ``types.Sample`` for their names and shapes).

    Raises:
        VideoError, MissingDataError: the media cannot be read.
        FaceError: the face is found in too few frames.
        ConfigError: the clip is a flow map and the recipe wants frames.
    """
    if is_image(clip.media) and clip.media.is_file():
        return _published_map(clip, recipe)
    frames = read_numbers(clip, choose_numbers(clip, clip_frame_numbers(clip), recipe))
    face = find_face(frames, recipe, whole=recipe.kind == "rgb")
    return make_sample(clip.clip_id, frames, face, recipe)


def find_face(frames: Frames, recipe: Recipe, *, whole: bool) -> FaceTrack:
    """The face in every frame, or in the first ones, which is all that flow needs."""
    count = len(frames.rgb) if whole else _FIRST_FRAMES
    first = zip(frames.numbers[:count], frames.time_s[:count], frames.rgb[:count], strict=True)
    return track((Frame(int(n), float(t), rgb) for n, t, rgb in first), recipe.track)


def _published_map(clip: Clip, recipe: Recipe) -> Sample:
    """A flow image as it was published: there are no frames to track or measure."""
    if recipe.kind != "flow_map" or recipe.flow.map_size_px != SIDE:
        raise ConfigError(
            f"clip '{clip.clip_id}' is a flow image of {SIDE}x{SIDE} pixels, and the recipe makes "
            f"'{recipe.kind}'",
            f"a method that reads flow maps of {SIDE} pixels, such as ststnet",
            "choose another --method, or the database with its frames",
        )
    return Sample(clip.clip_id, {"flow_map": load_flow_map(clip.media)})


def make_sample(name: str, frames: Frames, face: FaceTrack, recipe: Recipe) -> Sample:
    """The arrays of frames whose face is known; for flow, that of the first ones is enough.

    Raises:
        FaceError: the face is found in too few frames.
    """
    require_found(face, recipe.min_found_share, name)
    if recipe.kind == "rgb":
        aligned = align_clip(frames.rgb, face, recipe.align)
        arrays: dict[str, np.ndarray] = {"rgb": np.ascontiguousarray(aligned.transpose(0, 3, 1, 2))}
    elif recipe.kind == "roi_flow":
        arrays = {"flow": clip_flow(frames.rgb, first_landmarks(face), recipe.flow)}
    else:
        onset, apex = frames.rgb[0], frames.rgb[-1]
        arrays = {"flow_map": clip_flow_map(onset, apex, first_landmarks(face), recipe.flow)}
    return Sample(name, arrays | {"time_s": frames.time_s}, face.found_share)


def clip_frame_numbers(clip: Clip) -> I64:
    """Frames of the clip that exist. Fewer than annotated is for ``merkit data check`` to tell.

    Raises:
        VideoError: none of them exists.
    """
    numbers = frame_numbers(clip.media)
    low = numbers[0] if clip.first_frame is None else clip.first_frame
    high = numbers[-1] if clip.last_frame is None else clip.last_frame
    kept = numbers[(numbers >= low) & (numbers <= high)]
    if not len(kept):
        raise VideoError(
            f"clip '{clip.clip_id}': no frame between {low} and {high} in '{clip.media}'",
            f"frames within {numbers[0]} to {numbers[-1]}, which are there",
            "merkit data check shows what else is missing",
        )
    return kept


def choose_numbers(clip: Clip, available: I64, recipe: Recipe) -> I64:
    """Frames that a recipe reads of a clip; repeats where the clip is shorter than T."""
    if recipe.kind == "flow_map":
        return _onset_apex(clip, available)
    return sample_numbers(available, recipe, clip.fps_hz)


def sample_numbers(available: I64, recipe: Recipe, fps_hz: float) -> I64:
    """T frames chosen uniformly (docs/methods/sfa-dgat.md), or all at about ``stride_hz``."""
    n = len(available)
    if recipe.frames == 0:
        step = max(1, round(fps_hz / recipe.stride_hz)) if recipe.stride_hz else 1
        return available[::step][: recipe.max_frames or None]
    if recipe.sampling == "linspace":
        positions = np.round(np.linspace(0, n - 1, recipe.frames)).astype(np.int64)
    else:
        positions = np.floor(np.arange(recipe.frames) * n / recipe.frames).astype(np.int64)
    return np.asarray(available[positions])


def _onset_apex(clip: Clip, available: I64) -> I64:
    """Onset and apex; the middle frame stands for an apex that nobody coded (SMIC)."""
    onset = available[0] if clip.onset_frame is None else clip.onset_frame
    usable = clip.apex_frame is not None and clip.apex_frame > onset
    apex = clip.apex_frame if usable else available[len(available) // 2]
    wanted = np.array([onset, apex])
    nearest = np.abs(available[None, :] - wanted[:, None]).argmin(axis=1)
    return np.asarray(available[nearest])


def read_numbers(clip: Clip, numbers: I64) -> Frames:
    """These frames of a clip, in this order; repeats allowed."""
    return read_frames(clip.media, numbers=numbers, fps_hz=clip.fps_hz)


def first_landmarks(face: FaceTrack) -> F32:
    """Landmarks (68,2) of the first frame in which the face was found.

    Raises:
        FaceError: in none.
    """
    if not face.found.any():
        raise FaceError("no face in the first frames", "a face where the motion begins")
    return np.asarray(face.landmarks_px[int(np.argmax(face.found))])
