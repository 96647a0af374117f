"""How far two coders agree on the same videos.

Events are matched one to one by the rule of the MEGC spotting challenges (``scoring.spotting``);
kappa is Cohen's (1960, Educational and Psychological Measurement 20, 37).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from merkit.errors import ConfigError
from merkit.review.review import Review
from merkit.review.things import ReviewedEvent
from merkit.scoring.spotted_times import EdgeError, edge_error
from merkit.scoring.spotting import Edge, Hit, Kind, Span, match_spans
from merkit.types import Number, nan_equal

if TYPE_CHECKING:
    from merkit.review.project import Project


@nan_equal
@dataclass(frozen=True)
class Kappa:
    """Agreement on names beyond chance. ``n``: things that both named; ``alike``: those they named
    alike. ``value``: 1 where all are, 0 as by chance; NaN where it is undefined, which ``why``
    tells."""

    n: int
    alike: int
    value: Number
    why: str = ""


@nan_equal
@dataclass(frozen=True)
class Agreement:
    """Two coders on the ``n_videos`` videos that both have reviewed.

    Events are the micro- and macro-expressions that a coder accepted, corrected or added.
    ``matched``: those that both have; ``only``: those that the first and the second alone has.
    ``mean_iou``: of the matched ones (NaN where there are none); ``edges``: how far the second
    coder's times lie behind the first's. ``classes``: labels of matched events that both named.
    ``verdicts``: accepted or rejected, of the found events that both judged. ``left_out``: ids of
    videos that one of them has not reviewed.
    """

    coders: tuple[str, str]
    n_videos: int
    matched: int
    only: tuple[int, int]
    mean_iou: Number
    edges: tuple[EdgeError, ...]
    classes: Kappa
    verdicts: Kappa
    left_out: tuple[str, ...] = ()


def project_agreement(project: Project, first: str, second: str) -> Agreement:
    """The agreement of two coders of a project.

    Raises:
        ConfigError: one of them has reviewed nothing, they are one, or have no video in common.
        StoreError: a file is damaged.
    """
    coders = project.known_coder(first), project.known_coder(second)
    if coders[0] == coders[1]:
        raise ConfigError(f"{first} and {second} are one coder", "two coders")
    pairs, left_out = [], []
    for entry in project.videos():
        if entry.analysed:
            pair = project.review(entry.id, coders[0]), project.review(entry.id, coders[1])
            if all(review.history for review in pair):
                pairs.append(pair)
            else:
                left_out.append(entry.id)
    return agreement(pairs, coders, left_out)


def agreement(
    pairs: Sequence[tuple[Review, Review]], coders: tuple[str, str], left_out: Iterable[str] = ()
) -> Agreement:
    """The agreement of two coders, who reviewed these videos.

    Raises:
        ConfigError: no videos.
    """
    if not pairs:
        raise ConfigError(
            f"{coders[0]} and {coders[1]} have no reviewed video in common",
            "one or more videos that both have reviewed",
        )
    hits: list[tuple[Hit, float]] = []
    only = np.zeros(2, int)
    for one, other in pairs:
        matching = match_spans(_spans(one), _spans(other))
        hits += [(hit, one.clock.fps_hz) for hit in matching.hits]
        only += len(matching.missed), len(matching.false)
    found = [verdicts for pair in pairs for verdicts in _verdicts(*pair)]
    named = [(hit.truth.label, hit.spotted.label) for hit, _ in hits]
    ious = [hit.truth.iou(hit.spotted) for hit, _ in hits]
    return Agreement(
        coders=coders,
        n_videos=len(pairs),
        matched=len(hits),
        only=(int(only[0]), int(only[1])),
        mean_iou=float(np.mean(ious)) if ious else float("nan"),
        edges=tuple(edge_error(edge, hits) for edge in get_args(Edge)),
        classes=kappa([pair for pair in named if all(pair)], "matched event"),
        verdicts=kappa([pair for pair in found if all(pair)], "found event"),
        left_out=tuple(left_out),
    )


def kappa(pairs: Sequence[tuple[str, str]], what: str) -> Kappa:
    """Cohen's kappa of the names that two coders gave to the same things.

    Args:
        what: such a thing, for the reason why it is undefined.
    """
    alike = sum(one == other for one, other in pairs)
    names = {name for pair in pairs for name in pair}
    if len(names) < 2:
        why = f"both named every {what} '{names.pop()}'" if names else f"no {what} named by both"
        return Kappa(len(pairs), alike, float("nan"), why)
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*pairs, strict=True)
    return Kappa(len(pairs), alike, float(cohen_kappa_score(first, second)))


def _spans(review: Review) -> list[Span]:
    return [
        Span(
            event.event.onset_frame,
            event.event.offset_frame,
            event.event.kind,  # type: ignore[arg-type]
            event.event.apex_frame,
            event.event.label,
        )
        for event in review.events
        if event.endorsed and event.event.kind in get_args(Kind)
    ]


def _verdicts(one: Review, other: Review) -> list[tuple[str, str]]:
    """What both said of each event that was found."""
    return [
        (event.verdict, twin.verdict)
        for event, twin in zip(_found(one), _found(other), strict=True)
    ]


def _found(review: Review) -> list[ReviewedEvent]:
    events = [event for event in review.things.values() if isinstance(event, ReviewedEvent)]
    return [event for event in events if event.origin == "found"]
