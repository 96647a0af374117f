"""From a video to its micro-expressions: watch, spot, recognise.

The video is decoded once to spot brief movements, and once more for the frames of the
movements found. Each of those frames is aligned and encoded once, by the recipe the model was
trained with, so a window is treated exactly as a training clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from merkit.errors import ConfigError, FaceError
from merkit.face.tracker import TrackConfig
from merkit.inference.modelfolder import LoadedModel, load_model
from merkit.inference.watch import Watched, watch
from merkit.methods.base import ORACLE_AU
from merkit.progress import Progress, silent
from merkit.samples.build import make_sample, sample_numbers
from merkit.samples.recipe import Recipe
from merkit.spotting.spot import SpotConfig, Window, motion_signal, spot
from merkit.training.data import collate
from merkit.training.loop import batch_probabilities
from merkit.training.setup import choose_device
from merkit.types import I64, Event, FaceTrack, Frame, Frames, Sample
from merkit.video import iter_frames


@dataclass(frozen=True)
class Analysis:
    """What was found in one video."""

    video: Path
    events: tuple[Event, ...]
    duration_s: float
    found_share: float
    problem: str = ""  # why there can be no events, such as no face in the whole video


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
        if ORACLE_AU in loaded.setup.method.marks(loaded.setup.model_config):
            raise ConfigError(
                f"this {loaded.setup.method.name} model reads the action units of a human coder",
                "a model that needs nothing but the video",
                "train it with --set model.au.source=predicted (or none)",
            )
        self.device = torch.device(choose_device(device))
        self.model = loaded.model.to(self.device).eval()
        self.method = loaded.setup.method
        self.settings = loaded.setup.settings
        self.recipe = loaded.setup.recipe
        self.classes = loaded.classes

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
        track = track or self.recipe.track
        seen = watch(video, track, settings, fps_hz=fps_hz, progress=progress)
        duration_s = float(seen.time_s[-1] - seen.time_s[0]) + 1 / seen.rate_hz
        share = seen.face.found_share
        if not seen.found.any():
            problem = f"{video}: no face found in any of {len(seen.found)} frames"
            return Analysis(video, (), duration_s, share, problem)
        if duration_s <= settings.max_duration_s:
            windows = [_whole(len(seen.found))]
        else:
            signal = motion_signal(seen.motion, seen.rate_hz, settings)
            windows = spot(signal, seen.rate_hz, settings)
        windows = [w for w in windows if self._usable(w, seen)]
        events = tuple(self._events(video, windows, seen, fps_hz, progress))
        return Analysis(video, events, duration_s, share)

    def _usable(self, window: Window, seen: Watched) -> bool:
        found = seen.found[window.onset : window.offset + 1]
        return bool(found.mean() >= max(self.recipe.min_found_share, 1e-9))

    def _events(
        self,
        video: Path,
        windows: Sequence[Window],
        seen: Watched,
        fps_hz: float | None,
        progress: Progress,
    ) -> Iterator[Event]:
        for done, (window, sample) in enumerate(
            _samples(video, windows, seen, self.recipe, fps_hz), start=1
        ):
            yield self._event(window, sample, seen)
            progress(f"recognising {video.name}", done, len(windows))

    def _event(self, window: Window, sample: Sample, seen: Watched) -> Event:
        probabilities = self.probabilities([sample.arrays])[0]
        best = int(probabilities.argmax())
        times = seen.time_s
        return Event(
            onset_s=float(times[window.onset]),
            apex_s=float(times[window.apex]),
            offset_s=float(times[window.offset]),
            label=self.classes[best],
            score=float(probabilities[best]),
            motion_px=window.peak_px,
            probabilities=dict(zip(self.classes, map(float, probabilities), strict=True)),
            found_share=sample.found_share,
        )

    def probabilities(self, arrays: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
        """Class probabilities (N,C) of samples made by this model's recipe."""
        batch = collate(arrays, self.model.reads)
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        return batch_probabilities(self.method, self.model, inputs, self.settings)


def _whole(n_frames: int) -> Window:
    """A video no longer than a micro-expression is a cut clip: it is one event as it stands,
    with the middle frame for an apex. Spotting needs rest before and after, which it lacks."""
    return Window(0, n_frames // 2, n_frames - 1, 0.0)


def _samples(
    video: Path, windows: Sequence[Window], seen: Watched, recipe: Recipe, fps_hz: float | None
) -> Iterator[tuple[Window, Sample]]:
    """Samples of the windows, in order, from one more pass over the video."""
    plans = [_plan(window, seen, recipe) for window in windows]
    waiting = list(zip(windows, plans, strict=True))
    if not waiting:
        return
    last = max(int(plan[-1]) for plan in plans)
    kept: dict[int, Frame] = {}
    needed = set(np.concatenate(plans).tolist())
    first = min(needed)
    for frame in iter_frames(video, first=first, last=last, fps_hz=fps_hz):
        if frame.number in needed:
            kept[frame.number] = frame
        while waiting and frame.number >= waiting[0][1].max():
            window, plan = waiting.pop(0)
            yield window, _sample(plan, kept, seen, recipe)
            later = {int(n) for _, p in waiting for n in p}
            kept = {number: f for number, f in kept.items() if number in later}


def _plan(window: Window, seen: Watched, recipe: Recipe) -> I64:
    """Source frames that the recipe reads of a window."""
    first, last = int(seen.numbers[window.onset]), int(seen.numbers[window.offset])
    available = np.arange(first, last + 1)
    if seen.info.path.is_dir():
        available = seen.numbers[window.onset : window.offset + 1]
    if recipe.kind == "flow_map":
        return np.array([first, int(seen.numbers[window.apex])])
    return sample_numbers(available, recipe, seen.info.fps_hz)


def _sample(plan: I64, kept: Mapping[int, Frame], seen: Watched, recipe: Recipe) -> Sample:
    frames = [kept[int(n)] for n in plan]
    nearest = np.abs(seen.numbers[None, :] - plan[:, None]).argmin(axis=1)
    face = FaceTrack(
        seen.face.landmarks_px[nearest], seen.face.box_px[nearest], seen.face.found[nearest]
    )
    pixels = Frames(np.stack([f.rgb for f in frames]), plan, np.array([f.time_s for f in frames]))
    return make_sample(f"frames {plan[0]} to {plan[-1]}", pixels, face, recipe)
