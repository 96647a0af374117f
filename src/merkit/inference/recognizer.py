"""A trained model names the micro-expressions of a video in which movements were spotted.

The video is decoded once more for the frames of those movements. Each is aligned and encoded
once, by the recipe the model was trained with, so a movement is treated exactly as a training
clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from merkit.errors import ConfigError, FaceError
from merkit.face.follow import require_found
from merkit.face.precomputed import PrecomputedTracker
from merkit.face.tracker import TrackConfig
from merkit.face.upright import turned_frames
from merkit.inference.analysis import CUT_CLIP_S, analyse
from merkit.inference.modelfolder import LoadedModel, load_model
from merkit.methods.base import ORACLE_AU
from merkit.progress import Progress, silent
from merkit.samples.batch import Arrays, collate
from merkit.samples.recipes import Recipe
from merkit.spotting import SpotConfig, SpottedVideo, TrackedVideo
from merkit.training.device import choose_device
from merkit.types import I64, Clip, Event, Frame, Frames, Sample
from merkit.video import iter_frames


class Recognizer:
    """A trained model that reads whole videos.

    Raises:
        ConfigError: a model that reads human annotation, or a device that is not there.

    Example:
        >>> recognizer = Recognizer.from_pretrained("model")  # doctest: +SKIP
        >>> for event in recognizer("interview.mp4"):  # doctest: +SKIP
        ...     print(event.onset_s, event.kind, event.label, event.score)
    """

    def __init__(self, loaded: LoadedModel, device: str = "auto") -> None:
        self.method, self.classes = loaded.method, loaded.classes
        self.trained_on = loaded.data
        if ORACLE_AU in self.method.marks():
            raise ConfigError(
                f"this {self.method.name} model reads the action units of a human coder",
                "a model that needs nothing but the video",
                "train it with --set model.au.source=predicted (or none)",
            )
        self.device = torch.device(choose_device(device))
        self.model = loaded.model.to(self.device).eval()

    @property
    def track(self) -> TrackConfig:
        """Tracker settings that the model was trained with."""
        return TrackConfig() if self.method.recipe is None else self.method.recipe.track

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "auto") -> Recognizer:
        """Load a model folder, or a model of the Hugging Face Hub (``user/name``).

        Raises:
            MissingDataError, MissingWeightsError, StoreError: see ``load_model``.
        """
        return cls(load_model(name), device)

    def __call__(self, video: Path | str) -> tuple[Event, ...]:
        """The events of a video, in order of time; ``label`` says which are given a class.

        Raises:
            VideoError, MissingDataError: the video cannot be read.
            FaceError: no face in the whole video.
        """
        analysis = analyse(video, self)
        if analysis.problem:
            raise FaceError(analysis.problem)
        return analysis.events

    def label(
        self, spotted: SpottedVideo, fps_hz: float | None = None, progress: Progress = silent
    ) -> tuple[Event, ...]:
        """The events of a video, the micro-expressions among them with their class.

        A model learned from micro-expressions and has no class for anything else, so whatever it
        said of a longer movement, a blink or a head movement would look like an answer and be
        none: those keep an empty label. So does a micro-expression with too little of the face for
        the model's recipe; a reason says so. A cut clip (``CUT_CLIP_S``) is one event, and named.

        Args:
            fps_hz: frame rate of an image folder.

        Raises:
            VideoError, MissingDataError: the video cannot be read again.
        """
        seen, events = spotted.seen, list(spotted.events)
        if not spotted.problem and spotted.duration_s <= CUT_CLIP_S:
            events = [_whole_clip(seen)]
            named = [0]
        else:
            named = [i for i, event in enumerate(events) if event.kind == "micro"]
        clips = [event_clip(events[i], seen) for i in named]
        samples = self._samples(clips, seen, fps_hz)
        for done, (i, sample) in enumerate(zip(named, samples, strict=True), 1):
            events[i] = self._named(events[i], sample)
            progress(f"recognising {seen.info.path.name}", done, len(named))
        return tuple(events)

    def _samples(
        self, clips: Sequence[Clip], seen: TrackedVideo, fps_hz: float | None
    ) -> Iterator[Sample | FaceError]:
        """A sample of each clip, or why there is none; one without costs the others nothing."""
        while clips:
            done = 0
            try:
                for sample in window_samples(self.method.recipe, clips, seen, fps_hz):
                    done += 1
                    yield sample
            except FaceError as error:
                done += 1
                yield error
            clips = clips[done:]

    def _named(self, event: Event, sample: Sample | FaceError) -> Event:
        if isinstance(sample, FaceError):
            return replace(event, reasons=(*event.reasons, f"not classified: {sample.found}"))
        probabilities = self.probabilities([sample.arrays])[0]
        best = int(probabilities.argmax())
        return replace(
            event,
            label=self.classes[best],
            score=float(probabilities[best]),
            probabilities=dict(zip(self.classes, map(float, probabilities), strict=True)),
        )

    def probabilities(self, clips: Sequence[Arrays]) -> np.ndarray:
        """Class probabilities (N,C) of samples made by this model's recipe."""
        recipe = self.method.recipe
        batch = collate(clips, () if recipe is None else (recipe.makes,))
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        return self.method.probabilities(self.model, inputs)


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
    recipe: Recipe | None, clips: Sequence[Clip], seen: TrackedVideo, fps_hz: float | None
) -> Iterator[Sample]:
    """Samples of windows in order of time, from one more pass over their video: the recipe
    chooses, follows the face and makes as for any clip, so that nothing before the window has a
    part in it. Landmarks of another program are those of the whole video."""
    if recipe is None:
        yield from (Sample(clip.clip_id, {}) for clip in clips)
        return
    plans = [recipe.choose(clip) for clip in clips]
    for clip, frames in zip(clips, _read_plans(plans, seen, fps_hz), strict=True):
        face = seen.face_at(frames.numbers)
        require_found(face, recipe.min_found_share, clip.clip_id)
        if recipe.track.tracker != PrecomputedTracker.name:
            face = recipe.follow(frames, near=face.box_px[0])
        yield recipe.sample_of(clip.clip_id, frames, face)


def _read_plans(plans: Sequence[I64], seen: TrackedVideo, fps_hz: float | None) -> Iterator[Frames]:
    """The frames of each plan, which may overlap; one pass, and no more in memory than the open
    plans want."""
    if not plans:
        return
    waiting = list(plans)
    needed = set(np.concatenate(plans).tolist())
    kept: dict[int, Frame] = {}
    frames = iter_frames(seen.info.path, min(needed), max(needed), fps_hz=fps_hz)
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
