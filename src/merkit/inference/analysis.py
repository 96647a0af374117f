"""All that is said of one video: what moved and when, of which times nothing can be told, and,
where there is a model, which class a micro-expression resembles. Without one, or without anything
to name, torch is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from merkit.errors import ConfigError, MerkitError, MissingWeightsError
from merkit.face import TrackConfig
from merkit.inference.answer import Vocabulary
from merkit.progress import Progress, silent
from merkit.spotting import SpotConfig, SpottedVideo, spot_video
from merkit.types import Event, FacePart, Number, Stretch, nan_equal

if TYPE_CHECKING:
    import pandas as pd

    from merkit.samples.recipes import Recipe
    from merkit.video.given import Given
    from merkit.video.source import FrameSource

    #: A file or a folder of images; pictures in memory; or pictures that come one after another.
    Video: TypeAlias = Path | str | np.ndarray | Iterable[Given] | FrameSource

#: A video no longer than this is taken for a cut clip of a database, onset to offset. Spotting
#: needs rest before and after, which it lacks; to a model it is one event as it stands.
CUT_CLIP_S = 0.8


class Namer(Protocol):
    """What names the micro-expressions of a video, such as ``Recognizer``."""

    trained_on: tuple[str, ...]
    vocabulary: Vocabulary

    @property
    def track(self) -> TrackConfig: ...

    @property
    def recipes(self) -> Sequence[Recipe]: ...

    def label(
        self,
        spotted: SpottedVideo,
        fps_hz: float | None = None,
        progress: Progress = silent,
        source: FrameSource | None = None,
    ) -> tuple[Event, ...]: ...


@nan_equal
@dataclass(frozen=True)
class Analysis:
    """What was found in one video.

    ``events`` and ``stretches`` are each in order of time. ``problem``: why there can be no events,
    such as no face in the whole video, or, where ``readable`` is False, why the video cannot be
    read; "" where there can. ``turned_deg``: the pictures were turned left by so much to be
    upright. ``face``: place of the face that was followed, from the left, among ``n_faces``, the
    most seen at once. ``trained_on``: databases of the model; empty without one. ``units`` and
    ``classes``: the action units and classes that it gives probabilities of.
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
    classes: tuple[str, ...] = ()

    @classmethod
    def unreadable(cls, video: Path, problem: str) -> Analysis:
        """Of a video of which nothing is known but why."""
        return cls(video, problem=problem, readable=False)

    @classmethod
    def of_error(cls, video: Path, error: MerkitError) -> Analysis:
        """Of one of several videos, which costs only itself. An error that is of the settings, and
        so of all of them, is raised."""
        if isinstance(error, ConfigError):
            raise error
        named = error.found if str(video) in error.found else f"{video}: {error.found}"
        return cls.unreadable(video, named)

    def to_frame(self, all_rows: bool = False) -> pd.DataFrame:
        """A table with a row an event, and a column a probability; the columns are those of the
        table that ``merkit predict`` writes, and what pandas reads of it is the same.

        Args:
            all_rows: also with a row a stretch of which nothing can be told, and one for a video
                in which nothing was found, as in the table of ``merkit predict``.
        """
        from merkit.inference.table import frame_of

        return frame_of([self], self.classes, all_rows)

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
    video: Video,
    recognizer: Namer | Literal["bundled"] | None = "bundled",
    spot: SpotConfig | None = None,
    track: TrackConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Analysis:
    """Spot and measure the movements of a video, and name the micro-expressions.

    Args:
        video: a video file or folder of images; pictures in memory, u8 (T,H,W,3) RGB or grey
            (T,H,W), or a list of them; or an iterator that gives one after another, such as of a
            camera, each u8 (H,W,3) or (H,W), or a ``merkit.types.Frame`` with its own time. The
            same frames give the same answer; an iterator is read once, in bounded memory
            (``merkit.stream``).
        recognizer: names them; by default the recognisers that come with merkit, where they are
            made (``merkit models`` says so). None: nothing is named.
        track: tracker settings; by default those the model was trained with.
        fps_hz: frame rate of pictures, and of an image folder; a file has its own.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
        ConfigError: pictures without a rate, or what is no video.

    Example:
        >>> from merkit import analyse
        >>> for event in analyse("interview.mp4").events:  # doctest: +SKIP
        ...     print(event.kind, event.onset_s, event.motion_px)
    """
    from merkit.inference.given import source_of, warn_of_colours

    namer = namer_or_bundled(recognizer)
    source = source_of(video, fps_hz)
    if source is None:
        from merkit.inference.stream import Stream

        with Stream(fps_hz, namer, spot, track) as stream:
            return stream.analysis(video, progress)
    if track is None and namer is not None:
        track = namer.track
    spotted = spot_video(source, spot, track, fps_hz, progress)
    if not isinstance(video, (str, Path)):
        warn_of_colours(spotted.seen, source)
    return analysis_of(spotted.seen.info.path, spotted, namer, fps_hz, progress, source)


def namer_or_bundled(recognizer: Namer | Literal["bundled"] | None) -> Namer | None:
    """What names the micro-expressions, where ``bundled`` stands for what comes with merkit.

    Raises:
        ConfigError: it is neither.
    """
    if recognizer == "bundled":
        return _bundled()
    if isinstance(recognizer, (str, Path)):
        raise ConfigError(
            f"recognizer {str(recognizer)!r}",
            "a Recognizer, 'bundled' or None",
            f"merkit.Recognizer.from_pretrained({str(recognizer)!r})",
        )
    return recognizer


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
    source: FrameSource | None = None,
) -> Analysis:
    """The analysis of a video that was spotted already; see :func:`analyse`. ``source``: where its
    frames can be read again, by default its file or folder."""
    seen, events = spotted.seen, spotted.events
    if recognizer is not None:
        events = recognizer.label(spotted, fps_hz, progress, source)
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
        classes=() if recognizer is None else recognizer.vocabulary.classes,
    )
