"""The movements of a spotted video that a model may name, and what its recipe makes of each.

The video is decoded once more for the frames of those movements; of a stream they were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from merkit.errors import FaceError
from merkit.face.follow import require_found
from merkit.face.precomputed import PrecomputedTracker
from merkit.face.upright import turned_frames
from merkit.inference.analysis import CUT_CLIP_S
from merkit.samples.recipes import Recipe
from merkit.spotting import SpotConfig, SpottedVideo, TrackedVideo
from merkit.types import I64, Clip, Event, Frame, Frames, Sample
from merkit.video.source import FrameSource


def to_name(spotted: SpottedVideo) -> tuple[list[Event], list[int]]:
    """The events of a video, and the places of those that are named.

    A model learned from micro-expressions and has no class for anything else, so whatever it said
    of a longer movement, a blink or a head movement would look like an answer and be none. A cut
    clip (``CUT_CLIP_S``) is one event, and named.
    """
    if not spotted.problem and spotted.duration_s <= CUT_CLIP_S:
        return [_whole_clip(spotted.seen)], [0]
    events = list(spotted.events)
    return events, [i for i, event in enumerate(events) if event.kind == "micro"]


def _whole_clip(seen: TrackedVideo) -> Event:
    """A cut clip as it stands, with the middle frame for an apex; how far it moved is not known."""
    last = len(seen.numbers) - 1
    event = seen.event("micro", 0, (last + 1) // 2, last)
    return replace(
        event,
        kind="micro" if event.duration_s <= SpotConfig().micro_max_s else "macro",
        quality=np.nan,
        reasons=("the whole clip, as it was cut",),
        found_share=seen.face.found_share,
    )


def event_clip(event: Event, seen: TrackedVideo) -> Clip:
    """An event as the clip of its video that it is."""
    return Clip(
        clip_id=f"frames {event.onset_frame} to {event.offset_frame}",
        dataset="",
        subject="",
        media=seen.info.path,
        fps_hz=seen.info.fps_hz,
        emotion="",
        first_frame=event.onset_frame,
        last_frame=event.offset_frame,
        onset_frame=event.onset_frame,
        apex_frame=event.apex_frame,
        offset_frame=event.offset_frame,
    )


def window_samples(
    wanted: Sequence[tuple[Recipe | None, Clip]], seen: TrackedVideo, source: FrameSource
) -> Iterator[Sample | FaceError]:
    """What recipes make of windows in order of time, from one more pass over their frames, or why
    nothing can be made of one. The recipe chooses, follows the face and makes as for any clip, so
    that nothing before the window has a part in it. Landmarks of another program are those of the
    whole video."""
    reading = [(recipe, clip) for recipe, clip in wanted if recipe is not None]
    there = source.numbers() if reading else None
    plans = [recipe.choose(clip, there) for recipe, clip in reading]
    frames = _read_plans(plans, seen, source)
    for recipe, clip in wanted:
        if recipe is None:
            yield Sample(clip.clip_id, {})
        else:
            yield _sample(recipe, clip, next(frames), seen)


def _sample(recipe: Recipe, clip: Clip, frames: Frames, seen: TrackedVideo) -> Sample | FaceError:
    face = seen.face_at(frames.numbers)
    try:
        require_found(face, recipe.min_found_share, clip.clip_id)
        if recipe.track.tracker != PrecomputedTracker.name:
            face = recipe.follow(frames, near=face.box_px[0])
        return recipe.sample_of(clip.clip_id, frames, face)
    except FaceError as error:
        return error


def _read_plans(plans: Sequence[I64], seen: TrackedVideo, source: FrameSource) -> Iterator[Frames]:
    """The frames of each plan, which may overlap; one pass, and no more in memory than the open
    plans want."""
    if not plans:
        return
    waiting = list(plans)
    needed = set(np.concatenate(plans).tolist())
    kept: dict[int, Frame] = {}
    frames = source.frames(min(needed), max(needed))
    for frame in turned_frames(frames, seen.turns):
        if frame.number in needed:
            kept[frame.number] = frame
        while waiting and frame.number >= waiting[0].max():
            chosen = [kept[int(n)] for n in waiting.pop(0)]
            yield Frames(
                np.stack([f.rgb for f in chosen]),
                np.array([f.number for f in chosen]),
                np.array([f.time_s for f in chosen]),
            )
            later = {int(n) for plan in waiting for n in plan}
            kept = {number: f for number, f in kept.items() if number in later}
