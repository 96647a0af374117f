"""All that is said of one video: what moved and when, of which times nothing can be told, and,
where there is a model, which class a micro-expression resembles. Without one, or without anything
to name, torch is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from merkit.errors import MissingWeightsError
from merkit.face import TrackConfig
from merkit.inference.answer import Vocabulary
from merkit.progress import Progress, silent
from merkit.spotting import SpotConfig, SpottedVideo, spot_video
from merkit.types import Event, FacePart, Number, Stretch

#: A video no longer than this is taken for a cut clip of a database, onset to offset. Spotting
#: needs rest before and after, which it lacks; to a model it is one event as it stands.
CUT_CLIP_S = 0.8


class Namer(Protocol):
    """What names the micro-expressions of a video, such as ``Recognizer``."""

    trained_on: tuple[str, ...]
    vocabulary: Vocabulary

    @property
    def track(self) -> TrackConfig: ...

    def label(
        self, spotted: SpottedVideo, fps_hz: float | None = None, progress: Progress = silent
    ) -> tuple[Event, ...]: ...


@dataclass(frozen=True)
class Analysis:
    """What was found in one video.

    ``events`` and ``stretches`` are each in order of time. ``problem``: why there can be no events,
    such as no face in the whole video, or, where ``readable`` is False, why the video cannot be
    read; "" where there can. ``turned_deg``: the pictures were turned left by so much to be
    upright. ``face``: place of the face that was followed, from the left, among ``n_faces``, the
    most seen at once. ``trained_on``: databases of the model; empty without one. ``units``: the
    action units that it gives probabilities of.
    """

    video: Path
    events: tuple[Event, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    duration_s: Number = np.nan
    found_share: Number = np.nan
    problem: str = ""
    readable: bool = True
    turned_deg: int = 0
    face: int = 0
    n_faces: int = 0
    trained_on: tuple[str, ...] = ()
    units: tuple[int, ...] = ()

    @classmethod
    def unreadable(cls, video: Path, problem: str) -> Analysis:
        """Of a video of which nothing is known but why."""
        return cls(video, problem=problem, readable=False)

    @property
    def too_short(self) -> bool:
        """Whether nothing was found for want of time, which is not that there was nothing."""
        nothing = not (self.problem or self.events or self.stretches)
        return nothing and self.duration_s <= CUT_CLIP_S

    def untold_s(self, *parts: FacePart) -> float:
        """Seconds in which nothing can be told of one of these parts; what overlaps counts once."""
        total, end = 0.0, -np.inf
        for start_s, end_s in sorted(
            (s.start_s, s.end_s) for s in self.stretches if s.part in parts
        ):
            total += max(0.0, end_s - max(start_s, end))
            end = max(end, end_s)
        return total


def analyse(
    video: Path | str,
    recognizer: Namer | Literal["bundled"] | None = "bundled",
    spot: SpotConfig | None = None,
    track: TrackConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Analysis:
    """Spot and measure the movements of a video, and name the micro-expressions.

    Args:
        recognizer: names them; by default the recognisers that come with merkit, where they are
            made (``merkit models`` says so). None: nothing is named.
        track: tracker settings; by default those the model was trained with.
        fps_hz: frame rate of an image folder.

    Raises:
        VideoError, MissingDataError: the video cannot be read.

    Example:
        >>> from merkit import analyse
        >>> for event in analyse("interview.mp4").events:  # doctest: +SKIP
        ...     print(event.kind, event.onset_s, event.motion_px)
    """
    if recognizer == "bundled":
        recognizer = _bundled()
    if track is None and recognizer is not None:
        track = recognizer.track
    spotted = spot_video(Path(video), spot, track, fps_hz, progress)
    return analysis_of(Path(video), spotted, recognizer, fps_hz, progress)


def _bundled() -> Namer | None:
    from merkit.inference.bundled import bundled

    try:
        return bundled()
    except MissingWeightsError:  # nothing of them was asked for by name
        return None


def analysis_of(
    video: Path,
    spotted: SpottedVideo,
    recognizer: Namer | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Analysis:
    """The analysis of a video that was spotted already; see :func:`analyse`."""
    seen, events = spotted.seen, spotted.events
    if recognizer is not None:
        events = recognizer.label(spotted, fps_hz, progress)
    return Analysis(
        video,
        events,
        spotted.stretches,
        spotted.duration_s,
        seen.face.found_share,
        spotted.problem,
        turned_deg=90 * seen.turns,
        face=seen.place,
        n_faces=seen.n_faces,
        trained_on=() if recognizer is None else recognizer.trained_on,
        units=() if recognizer is None else recognizer.vocabulary.units,
    )
