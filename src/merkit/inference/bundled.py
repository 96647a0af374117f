"""The recognisers that come with merkit name what was spotted. torch is imported when there is
something to name, and not before, so that a table without micro-expressions takes no longer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from merkit.config import from_mapping
from merkit.errors import MissingWeightsError
from merkit.face import TrackConfig
from merkit.inference.answer import Vocabulary
from merkit.inference.windows import to_name
from merkit.methods.bundled import BUNDLED, Recogniser, read_recogniser
from merkit.methods.limits import Limits
from merkit.progress import Progress, silent
from merkit.spotting import SpottedVideo
from merkit.types import Event

if TYPE_CHECKING:
    from merkit.inference.recognizer import Recognizer
    from merkit.samples.recipes import Recipe
    from merkit.video.source import FrameSource


class Bundled:
    """Recognisers of the same classes and units; each answers by its own recipe, and their
    probabilities and limits are averaged.

    Raises:
        MissingWeightsError, StoreError: weights that are not there, or damaged.
    """

    trained_on: tuple[str, ...] = ("simulation",)

    def __init__(self, recognisers: Sequence[Recogniser], device: str = "auto") -> None:
        for recogniser in recognisers:
            recogniser.check()
        self.recognisers, self._device = tuple(recognisers), device
        first, limits = self.recognisers[0], tuple(one.limits for one in self.recognisers)
        self.vocabulary = Vocabulary(first.classes, first.units, Limits.mean(limits))

    @property
    def track(self) -> TrackConfig:
        """Tracker settings of the first; read without making its recipe, which would import
        torch."""
        settings = self.recognisers[0].settings["recipe"].get("track") or {}
        return from_mapping(TrackConfig, settings, "recipe.track")

    @cached_property
    def members(self) -> tuple[Recognizer, ...]:
        from merkit.inference.modelfolder import of_recogniser
        from merkit.inference.recognizer import Recognizer

        return tuple(Recognizer(of_recogniser(one), self._device) for one in self.recognisers)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """See ``Recognizer.recipes``; imports torch."""
        return tuple(recipe for member in self.members for recipe in member.recipes)

    def label(
        self,
        spotted: SpottedVideo,
        fps_hz: float | None = None,
        progress: Progress = silent,
        source: FrameSource | None = None,
    ) -> tuple[Event, ...]:
        """See :func:`merkit.inference.recognizer.label_events`."""
        if not to_name(spotted)[1]:
            return spotted.events
        from merkit.inference.recognizer import label_events

        return label_events(self.members, self.vocabulary, spotted, fps_hz, progress, source)


def bundled(device: str = "auto") -> Bundled:
    """All recognisers that come with merkit.

    Raises:
        MissingWeightsError: none is made; names the first.
        StoreError: one is damaged.
    """
    made, missing = [], []
    for name in BUNDLED:
        try:
            made.append(read_recogniser(name))
        except MissingWeightsError as error:
            missing.append(error)
    if not made:
        raise missing[0]
    return Bundled(made, device)
