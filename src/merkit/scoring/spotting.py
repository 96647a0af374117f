"""Which events of a long video were found: spotted intervals against the annotated ones.

The rule is that of the MEGC spotting challenges (He et al. 2020, arXiv:1912.11985): within one
video and one kind a spotted interval is a true positive when its intersection with a true one is
at least half of their union, one to one, and counts are pooled over all videos of a data set.

Where several pairings are possible, the one with most pairs is taken, and among those the one of
the greatest total IoU; it does not depend on the order in which intervals come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment

from merkit.errors import ConfigError

Kind: TypeAlias = Literal["micro", "macro"]
#: what counts are of; ``both`` sums those of the two kinds, which are matched apart
Scope: TypeAlias = Literal["micro", "macro", "both"]
Edge: TypeAlias = Literal["onset", "apex", "offset"]
#: least intersection over union of a true positive
MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """An event from onset to offset, in frames of its video, both inclusive.

    ``apex_frame``: None where it is not known. ``label``: "" where there is none.

    Raises:
        ConfigError: it ends before it begins, or another kind.
    """

    first_frame: int
    last_frame: int
    kind: Kind = "micro"
    apex_frame: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if self.first_frame > self.last_frame:
            raise ConfigError(
                f"an event from frame {self.first_frame} to {self.last_frame}",
                "an onset that is not behind the offset",
            )
        if self.kind not in get_args(Kind):
            raise ConfigError(f"an event of kind '{self.kind}'", "micro or macro")

    def iou(self, other: Span) -> float:
        """Frames that both hold over frames that either holds, 0 to 1, whatever the kinds."""
        common = min(self.last_frame, other.last_frame) - max(self.first_frame, other.first_frame)
        both = max(0, common + 1)
        return both / (len(self) + len(other) - both)

    def __len__(self) -> int:
        return self.last_frame - self.first_frame + 1

    def frame(self, edge: Edge) -> int | None:
        """The frame of onset, apex or offset."""
        return {"onset": self.first_frame, "apex": self.apex_frame, "offset": self.last_frame}[edge]


@dataclass(frozen=True, slots=True)
class Hit:
    """A true positive."""

    truth: Span
    spotted: Span

    def late_frames(self, edge: Edge) -> int | None:
        """Frames by which the spotted edge comes after the true one; None where one is unknown."""
        true, spotted = self.truth.frame(edge), self.spotted.frame(edge)
        return None if true is None or spotted is None else spotted - true


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and misses. A ratio without a denominator is NaN: precision
    where nothing was spotted, recall where nothing is to be found, F1 where neither."""

    tp: int
    fp: int
    fn: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def n_truth(self) -> int:
        return self.tp + self.fn

    @property
    def n_spotted(self) -> int:
        return self.tp + self.fp

    @property
    def precision(self) -> float:
        return _ratio(self.tp, self.n_spotted)

    @property
    def recall(self) -> float:
        return _ratio(self.tp, self.n_truth)

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN)."""
        return _ratio(2 * self.tp, self.n_truth + self.n_spotted)


@dataclass(frozen=True, slots=True)
class Matching:
    """The events of one video: found, missed, and spotted where there is none. In order of time."""

    hits: tuple[Hit, ...]
    missed: tuple[Span, ...]
    false: tuple[Span, ...]

    def hits_of(self, scope: Scope = "both") -> tuple[Hit, ...]:
        return tuple(hit for hit in self.hits if scope in ("both", hit.truth.kind))

    def counts(self, scope: Scope = "both") -> Counts:
        """Counts of one kind, or of both together."""
        false, missed = (
            sum(scope in ("both", span.kind) for span in spans)
            for spans in (self.false, self.missed)
        )
        return Counts(len(self.hits_of(scope)), false, missed)


def match_spans(truth: Sequence[Span], spotted: Sequence[Span]) -> Matching:
    """Pair the events of one video one to one, each kind by itself (see the module)."""
    true, seen = sorted(truth, key=_in_time), sorted(spotted, key=_in_time)
    shares = np.array([[t.iou(s) if t.kind == s.kind else 0.0 for s in seen] for t in true])
    shares = shares.reshape(len(true), len(seen))
    # No rounding at the border: a quotient is rounded to nearest, and one half is a float.
    fits = shares >= MIN_IOU
    # One pair more outweighs any gain in IoU, which is below 1 a pair.
    worth = np.where(fits, min(shares.shape) + shares, 0.0)
    pairs = [(t, s) for t, s in zip(*linear_sum_assignment(-worth), strict=True) if fits[t, s]]
    found, right = {t for t, _ in pairs}, {s for _, s in pairs}
    return Matching(
        tuple(Hit(true[t], seen[s]) for t, s in pairs),
        tuple(span for t, span in enumerate(true) if t not in found),
        tuple(span for s, span in enumerate(seen) if s not in right),
    )


def _in_time(span: Span) -> tuple[int, int, str, str, int]:
    """By time; then by whatever else tells events apart, so that their order is always the same."""
    apex = -1 if span.apex_frame is None else span.apex_frame
    return span.first_frame, span.last_frame, span.kind, span.label, apex


def _ratio(top: int, bottom: int) -> float:
    return top / bottom if bottom else float("nan")
