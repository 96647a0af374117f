"""A trained model names the micro-expressions of a video in which movements were spotted.

Each movement is aligned and encoded once, by the recipe the model was trained with, so it is
treated exactly as a training clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from merkit.errors import ConfigError, FaceError
from merkit.face.tracker import TrackConfig
from merkit.inference.analysis import analyse
from merkit.inference.answer import Answer, Vocabulary
from merkit.inference.many import Analyses, analyse_many
from merkit.inference.modelfolder import LoadedModel, load_model
from merkit.inference.stream import Stream
from merkit.inference.windows import event_clip, to_name, window_samples
from merkit.methods.base import ORACLE_AU
from merkit.methods.limits import NEVER
from merkit.methods.said import said_of
from merkit.progress import Progress, silent
from merkit.samples.batch import Arrays, Inputs, collate
from merkit.samples.recipes import Recipe
from merkit.spotting import SpotConfig, SpottedVideo
from merkit.training.device import choose_device
from merkit.types import Event, Sample
from merkit.video.source import FrameSource, VideoSource

if TYPE_CHECKING:
    from merkit.inference.analysis import Video


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
        self.method, self.trained_on = loaded.method, loaded.data
        if ORACLE_AU in self.method.marks():
            raise ConfigError(
                f"this {self.method.name} model reads the action units of a human coder",
                "a model that needs nothing but the video",
                "train it with --set model.au.source=predicted (or none)",
            )
        self.vocabulary, self.recipe = _vocabulary(loaded), _recipe(loaded)
        self.device = torch.device(choose_device(device))
        self.model = loaded.model.to(self.device).eval()
        self._telling = loaded.telling

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the model's probabilities."""
        return self.vocabulary.classes

    @property
    def track(self) -> TrackConfig:
        """Tracker settings that the model was trained with."""
        return TrackConfig() if self.recipe is None else self.recipe.track

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "auto") -> Recognizer:
        """Load a model folder, or a model of the Hugging Face Hub (``user/name``).

        Raises:
            MissingDataError, MissingWeightsError, StoreError: see ``load_model``.
        """
        return cls(load_model(name), device)

    def __call__(self, video: Video, fps_hz: float | None = None) -> tuple[Event, ...]:
        """The events of a video, in order of time; ``label`` says which are given a class.

        Args:
            video: a path, pictures in memory, or an iterator of pictures; see ``analyse``.
            fps_hz: frame rate of pictures, and of an image folder.

        Raises:
            VideoError, MissingDataError: the video cannot be read.
            FaceError: no face in the whole video.
            ConfigError: pictures without a rate, or what is no video.
        """
        analysis = analyse(video, self, fps_hz=fps_hz)
        if analysis.problem:
            raise FaceError(analysis.problem)
        return analysis.events

    def stream(
        self,
        rate_hz: float,
        spot: SpotConfig | None = None,
        track: TrackConfig | None = None,
        folder: Path | str | None = None,
    ) -> Stream:
        """Events of frames as they come; see :class:`merkit.inference.stream.Stream`."""
        return Stream(rate_hz, self, spot, track, folder)

    def many(
        self,
        videos: Path | str | Iterable[Path | str],
        fps_hz: float | None = None,
        progress: Progress = silent,
    ) -> Analyses:
        """Several videos, one after another; see :func:`merkit.inference.many.analyse_many`."""
        return analyse_many(videos, self, fps_hz=fps_hz, progress=progress)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What makes samples of frames; none where the model reads none."""
        return () if self.recipe is None else (self.recipe,)

    def label(
        self,
        spotted: SpottedVideo,
        fps_hz: float | None = None,
        progress: Progress = silent,
        source: FrameSource | None = None,
    ) -> tuple[Event, ...]:
        """See :func:`label_events`."""
        return label_events((self,), self.vocabulary, spotted, fps_hz, progress, source)

    def answer(self, sample: Sample) -> Answer:
        """What the model says of a sample that its recipe made."""
        inputs = self._inputs([sample.arrays])
        classes = self.method.probabilities(self.model, inputs)[0]
        if self._telling is None or not self.vocabulary.units:
            return Answer(classes)
        said = said_of(self._telling[1], inputs, self.method)
        return Answer(classes, float(said.nothing[0]), said.units[0])

    def probabilities(self, clips: Sequence[Arrays]) -> np.ndarray:
        """Class probabilities (N,C) of samples made by this model's recipe."""
        return self.method.probabilities(self.model, self._inputs(clips))

    def _inputs(self, clips: Sequence[Arrays]) -> Inputs:
        batch = collate(clips, () if self.recipe is None else (self.recipe.makes,))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}


def _vocabulary(loaded: LoadedModel) -> Vocabulary:
    """A model that was trained always answers with a class; the units that it was left to know are
    called at the recogniser's own limits."""
    if loaded.telling is None:
        return Vocabulary(loaded.classes)
    made = loaded.telling[0]
    limits = made.limits if loaded.recogniser else replace(NEVER, unit_min=made.limits.unit_min)
    return Vocabulary(loaded.classes, made.units, limits)


def _recipe(loaded: LoadedModel) -> Recipe | None:
    """The recipe of training; of a recogniser that was trained without any noise of a video, the
    steady one."""
    recipe = loaded.method.recipe
    return recipe if recipe is None or loaded.recogniser is None else recipe.steady()


def label_events(
    members: Sequence[Recognizer],
    vocabulary: Vocabulary,
    spotted: SpottedVideo,
    fps_hz: float | None = None,
    progress: Progress = silent,
    source: FrameSource | None = None,
) -> tuple[Event, ...]:
    """The events of a video, those among them that a model may name (``to_name``) with what is said
    of them. The others keep an empty label. So does a micro-expression with too little of the face
    for a recipe, and one of which the models are not sure enough; a reason says so.

    Args:
        members: whose probabilities are averaged; each by its own recipe.
        vocabulary: of all of them.
        fps_hz: frame rate of an image folder.
        source: where the frames can be read again; by default the video's file or folder.

    Raises:
        VideoError, MissingDataError: the video cannot be read again.
    """
    source = source or VideoSource(spotted.seen.info.path, fps_hz)
    events, named = to_name(spotted)
    clips = [event_clip(events[i], spotted.seen) for i in named]
    wanted = [(member.recipe, clip) for clip in clips for member in members]
    samples = window_samples(wanted, spotted.seen, source)
    for done, i in enumerate(named, 1):
        made = [*islice(samples, len(members))]
        both = zip(members, made, strict=True)
        said = [m.answer(sample) for m, sample in both if isinstance(sample, Sample)]
        if said:
            events[i] = vocabulary.named(events[i], Answer.pooled(said))
        else:
            reason = f"not classified: {next(e for e in made if isinstance(e, FaceError)).found}"
            events[i] = replace(events[i], reasons=(*events[i].reasons, reason))
        progress(f"recognising {spotted.seen.info.path.name}", done, len(named))
    return tuple(events)
