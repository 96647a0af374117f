"""Scores of long videos: what was spotted, how exactly, as what, and at what cost.

Counts are pooled over the videos of a data set; the F1 of single videos is never averaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import numpy as np

from merkit.errors import ConfigError
from merkit.scoring.intervals import Interval, Resampling, bootstrap_interval
from merkit.scoring.metrics import F1
from merkit.scoring.spotted_classes import Recognition, recognise
from merkit.scoring.spotted_times import EdgeError, edge_error
from merkit.scoring.spotting import Counts, Edge, Matching, Scope, Span, match_spans
from merkit.scoring.subjects import SubjectTables
from merkit.types import Number, nan_equal

#: F1 of spotting is that of the first class of [[TP, FN], [FP, 0]]: no true negatives are counted
_F1 = F1.of_class(0, "event")


@dataclass(frozen=True, slots=True)
class VideoEvents:
    """One video with its annotated and its spotted events.

    ``subject``: unique across databases, as ``Clip.subject_key``. ``unwatched_s``: stretches, from
    and to in seconds, in which nothing can be told (no face, occluded ...). They may overlap, and
    shorten the time that false events are spread over; events in them count like any other.

    Raises:
        ConfigError: no frame rate or duration above 0, or a stretch that ends before it begins.
    """

    video_id: str
    subject: str
    fps_hz: float
    duration_s: float
    truth: tuple[Span, ...]
    spotted: tuple[Span, ...]
    unwatched_s: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("fps_hz", "duration_s"):
            if not 0 < getattr(self, name) < np.inf:
                found = f"video {self.video_id}: {name} is {getattr(self, name)}"
                raise ConfigError(found, "a finite number above 0")
        for start, end in self.unwatched_s:
            if not start <= end:
                found = f"video {self.video_id}: unwatched from {start} to {end} s"
                raise ConfigError(found, "a stretch that does not end before it begins")

    @property
    def watched_s(self) -> float:
        """The duration without what lies in unwatched stretches."""
        watched = reached = 0.0
        for start, end in sorted(self.unwatched_s):
            watched += max(0.0, min(start, self.duration_s) - reached)
            reached = max(reached, min(end, self.duration_s))
        return watched + self.duration_s - reached


@nan_equal
@dataclass(frozen=True)
class KindScore:
    """Spotting of one kind, or of both together. ``f1`` has its interval over subjects."""

    kind: Scope
    counts: Counts
    f1: Interval
    false_per_minute: Number
    edges: tuple[EdgeError, ...]

    def row(self) -> dict[str, str | int | float]:
        """A row of a table; times as in ``onset_median_frames``."""
        names = ("n_truth", "n_spotted", "tp", "fp", "fn", "precision", "recall", "f1")
        row: dict[str, str | int | float] = {"kind": self.kind}
        row |= {name: getattr(self.counts, name) for name in names}
        row |= {"f1_low": self.f1.low, "f1_high": self.f1.high}
        row["false_per_minute"] = self.false_per_minute
        for error in self.edges:
            row |= error.cells()
        return row


@dataclass(frozen=True)
class SpottingScores:
    """Scores of the videos of a data set. ``recognition``: None where no classes were named."""

    kinds: tuple[KindScore, ...]
    recognition: Recognition | None
    n_videos: int
    n_subjects: int
    watched_min: float

    def __getitem__(self, kind: Scope) -> KindScore:
        return self.kinds[get_args(Scope).index(kind)]

    @property
    def strs(self) -> float:
        """F1 of spotting times F1 of recognition, of micro-expressions; NaN without recognition."""
        return self.recognition.strs(self["micro"].counts.f1) if self.recognition else float("nan")

    def rows(self) -> list[dict[str, str | int | float]]:
        """One row for micro, one for macro, one for both."""
        return [score.row() for score in self.kinds]


#: the videos in the order of their ids, so that not even rounding follows the order of the input
_Found: TypeAlias = Sequence[tuple[VideoEvents, Matching]]


def score_spotting(
    videos: Iterable[VideoEvents], classes: Sequence[str] = (), how: Resampling | None = None
) -> SpottingScores:
    """Score the videos of a data set together.

    Args:
        videos: all of them, those without events too.
        classes: labels that recognition is scored over; none: spotting alone.
        how: the intervals of F1 over subjects are drawn.

    Raises:
        ConfigError: no videos or one twice, or classes that have no or the same name.
    """
    found = _matched(videos)
    minutes = sum(video.watched_s for video, _ in found) / 60
    hits = [hit for _, matching in found for hit in matching.hits]
    return SpottingScores(
        kinds=tuple(_kind_score(kind, found, minutes, how) for kind in get_args(Scope)),
        recognition=recognise(hits, classes) if classes else None,
        n_videos=len(found),
        n_subjects=len({video.subject for video, _ in found}),
        watched_min=minutes,
    )


def _matched(videos: Iterable[VideoEvents]) -> _Found:
    ordered = sorted(videos, key=lambda video: video.video_id)
    twice = [name for name, n in Counter(video.video_id for video in ordered).items() if n > 1]
    if twice or not ordered:
        wrong = f"video {twice[0]} comes more than once" if twice else "no videos to score"
        raise ConfigError(wrong, "every video of the data set, once")
    return [(video, match_spans(video.truth, video.spotted)) for video in ordered]


def _kind_score(kind: Scope, found: _Found, minutes: float, how: Resampling | None) -> KindScore:
    subjects = sorted({video.subject for video, _ in found})
    tables = np.zeros((1, 1, len(subjects), 2, 2))
    total = Counts(0, 0, 0)
    for video, matching in found:
        counts = matching.counts(kind)
        total += counts
        tables[0, 0, subjects.index(video.subject)] += [[counts.tp, counts.fn], [counts.fp, 0]]
    hits = [(hit, video.fps_hz) for video, matching in found for hit in matching.hits_of(kind)]
    by_subject = SubjectTables(tables, ("",), ("",), tuple(subjects))
    return KindScore(
        kind=kind,
        counts=total,
        f1=bootstrap_interval(by_subject, _F1, how),
        false_per_minute=total.fp / minutes if minutes else float("nan"),
        edges=tuple(edge_error(edge, hits) for edge in get_args(Edge)),
    )
