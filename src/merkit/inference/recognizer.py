"""From a video to its micro-expressions: track, spot, recognise.

The video is decoded once to spot brief movements, and once more for the frames of the
movements found. Each of those frames is aligned and encoded once, by the recipe the model was
trained with, so a window is treated exactly as a training clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from merkit.errors import ConfigError, FaceError
from merkit.face.tracker import TrackConfig
from merkit.face.upright import turned_frames
from merkit.inference.modelfolder import LoadedModel, load_model
from merkit.methods.base import ORACLE_AU
from merkit.progress import Progress, silent
from merkit.samples.batch import Arrays, collate
from merkit.samples.recipes import Recipe
from merkit.spotting import SpotConfig, TrackedVideo, Window, motion_signal, spot, track_video
from merkit.spotting.video import event_of
from merkit.training.device import choose_device
from merkit.types import I64, Clip, Event, Frame, Frames, Sample
from merkit.video import iter_frames


@dataclass(frozen=True)
class Analysis:
    """What was found in one video."""

    video: Path
    events: tuple[Event, ...]
    duration_s: float
    found_share: float
    problem: str = ""  # why there can be no events, such as no face in the whole video
    turned_deg: int = 0  # the pictures were turned left by so much to be upright
    face: int = 0  # place of the face that was followed, from the left
    n_faces: int = 0  # most that were seen at once
    trained_on: tuple[str, ...] = ()  # databases of the model


class Recognizer:
    """A trained model that reads whole videos.

    Raises:
        ConfigError: a model that reads human annotation, or a device that is not there.

    Example:
        >>> recognizer = Recognizer.from_pretrained("model")  # doctest: +SKIP
        >>> for event in recognizer("interview.mp4"):  # doctest: +SKIP
        ...     print(event.onset_s, event.label, event.score)
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
        """The events of a video, in order of time.

        Raises:
            VideoError, MissingDataError: the video cannot be read.
            FaceError: no face in the whole video.
        """
        analysis = self.analyse(Path(video))
        if analysis.problem:
            raise FaceError(analysis.problem)
        return analysis.events

    def analyse(
        self,
        video: Path,
        spot_config: SpotConfig | None = None,
        track: TrackConfig | None = None,
        fps_hz: float | None = None,
        progress: Progress = silent,
    ) -> Analysis:
        """Events of a video, with how much of it shows the face.

        Args:
            track: tracker settings; by default those the model was trained with.
            fps_hz: frame rate of an image folder.
        """
        settings = spot_config or SpotConfig()
        seen = track_video(video, track or self.track, settings, fps_hz=fps_hz, progress=progress)
        duration_s = float(seen.time_s[-1] - seen.time_s[0]) + 1 / seen.rate_hz
        share = seen.face.found_share
        told = 90 * seen.turns, seen.place, seen.n_faces, self.trained_on
        if not seen.face.found.any():
            problem = f"{video}: no face found in any of {len(seen.face.found)} frames"
            return Analysis(video, (), duration_s, share, problem, *told)
        windows = [w for w in _windows(seen, duration_s, settings) if self._usable(w, seen)]
        clips = [window_clip(window, seen) for window in windows]
        samples = window_samples(self.method.recipe, clips, seen, fps_hz)
        events = []
        for window, sample in zip(windows, samples, strict=True):
            events.append(self._event(window, sample, seen))
            progress(f"recognising {video.name}", len(events), len(windows))
        return Analysis(video, tuple(events), duration_s, share, "", *told)

    def _usable(self, window: Window, seen: TrackedVideo) -> bool:
        found = seen.face.found[window.onset : window.offset + 1]
        least = 0.0 if self.method.recipe is None else self.method.recipe.min_found_share
        return bool(found.mean() >= max(least, 1e-9))

    def _event(self, window: Window, sample: Sample, seen: TrackedVideo) -> Event:
        probabilities = self.probabilities([sample.arrays])[0]
        best = int(probabilities.argmax())
        return replace(
            event_of(window, seen, 0.0),
            label=self.classes[best],
            score=float(probabilities[best]),
            probabilities=dict(zip(self.classes, map(float, probabilities), strict=True)),
            found_share=sample.found_share,
        )

    def probabilities(self, clips: Sequence[Arrays]) -> np.ndarray:
        """Class probabilities (N,C) of samples made by this model's recipe."""
        recipe = self.method.recipe
        batch = collate(clips, () if recipe is None else (recipe.makes,))
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        return self.method.probabilities(self.model, inputs)


def _windows(seen: TrackedVideo, duration_s: float, settings: SpotConfig) -> Sequence[Window]:
    """A video no longer than a micro-expression is a cut clip: it is one event as it stands,
    with the middle frame for an apex. Spotting needs rest before and after, which it lacks."""
    if duration_s <= settings.max_duration_s:
        n_frames = len(seen.face.found)
        return [Window(0, n_frames // 2, n_frames - 1, 0.0)]
    return spot(motion_signal(seen.motion, seen.rate_hz, settings), seen.rate_hz, settings)


def window_clip(window: Window, seen: TrackedVideo) -> Clip:
    """A spotted window as the clip of its video that it is."""
    onset, apex, offset = (
        int(seen.numbers[place]) for place in (window.onset, window.apex, window.offset)
    )
    return Clip(
        clip_id=f"frames {onset} to {offset}",
        dataset="",
        subject="",
        media=seen.info.path,
        fps_hz=seen.info.fps_hz,
        emotion="",
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
    )


def window_samples(
    recipe: Recipe | None, clips: Sequence[Clip], seen: TrackedVideo, fps_hz: float | None
) -> Iterator[Sample]:
    """Samples of windows in order of time, from one more pass over their video: the recipe
    chooses and makes as for any clip, of the face that was followed through the video."""
    if recipe is None:
        yield from (Sample(clip.clip_id, {}) for clip in clips)
        return
    plans = [recipe.choose(clip) for clip in clips]
    for clip, frames in zip(clips, _read_plans(plans, seen, fps_hz), strict=True):
        yield recipe.sample_of(clip.clip_id, frames, seen.face_at(frames.numbers))


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
