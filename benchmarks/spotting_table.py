"""What a way of spotting found in synthetic recordings, as rows of tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
from spotting_worker import Found

from merkit.datasets.synthetic import Stretch
from merkit.scoring.spotting import Counts, Edge, Kind, Matching, Scope, Span, match_spans
from merkit.scoring.spotting_scores import VideoEvents
from merkit.types import Recording

#: smallest and largest amplitude of each band, in pixels at 256 px face width
BANDS = ((0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 3.0))
Row = dict[str, str | int | float]


@dataclass(frozen=True, eq=False)
class Spotted:
    """One recording, its truth and what was spotted in it; ``talk`` in frames, both inclusive."""

    recording: Recording
    n_frames: int
    talk: tuple[Stretch, ...]
    found: Found

    @property
    def minutes(self) -> float:
        return self.n_frames / self.recording.fps_hz / 60

    @property
    def talk_minutes(self) -> float:
        return sum(s.last - s.first + 1 for s in self.talk) / self.recording.fps_hz / 60

    @property
    def told_minutes(self) -> float:
        """Of the times that something was told of."""
        rate, home = self.recording.fps_hz, self.recording
        untold = tuple(self.found.untold_s)
        name, seconds = home.recording_id, self.minutes * 60
        return VideoEvents(name, home.subject, rate, seconds, (), (), untold).watched_s / 60

    @cached_property
    def amplitudes(self) -> dict[Span, float]:
        """True events and their amplitudes."""
        return {
            Span(e.first_frame or 0, e.last_frame or 0, kind, e.apex_frame): float(
                e.raw["amplitude_px"]
            )
            for e in self.recording.events
            for kind in get_args(Kind)
            if e.raw["kind"] == kind
        }

    @cached_property
    def matching(self) -> Matching:
        spotted = [
            Span(onset, offset, kind, apex)
            for name, onset, apex, offset in self.found.events
            for kind in get_args(Kind)
            if name == kind
        ]
        return match_spans(tuple(self.amplitudes), spotted)

    def false(self, scope: Scope) -> list[Span]:
        return [span for span in self.matching.false if scope in ("both", span.kind)]

    def in_talk(self, span: Span) -> bool:
        """Whether its apex is."""
        apex = span.first_frame if span.apex_frame is None else span.apex_frame
        return any(talk.first <= apex <= talk.last for talk in self.talk)


def score_rows(all_spotted: Sequence[Spotted]) -> list[Row]:
    """F1 and counts of micro, macro and both; false events a minute, in and out of talk."""
    return [{"kind": scope, **_score(scope, all_spotted)} for scope in get_args(Scope)]


def _score(scope: Scope, all_spotted: Sequence[Spotted]) -> Row:
    counts = sum((s.matching.counts(scope) for s in all_spotted), Counts(0, 0, 0))
    false = [s.in_talk(span) for s in all_spotted for span in s.false(scope)]
    minutes, talk = (
        sum(getattr(s, name) for s in all_spotted) for name in ("minutes", "talk_minutes")
    )
    return {
        "F1": round(counts.f1, 3),
        **{"TP": counts.tp, "FP": counts.fp, "FN": counts.fn},
        "false/min": round(_ratio(len(false), minutes), 2),
        "in talk": round(_ratio(sum(false), talk), 2),
        "out of talk": round(_ratio(len(false) - sum(false), minutes - talk), 2),
    }


def time_row(all_spotted: Sequence[Spotted]) -> Row:
    """Distance of the edges of micro-expressions that were found, in frames."""
    hits = [hit for s in all_spotted for hit in s.matching.hits_of("micro")]
    row: Row = {"found": len(hits)}
    for edge in get_args(Edge):
        late = [frames for hit in hits if (frames := hit.late_frames(edge)) is not None]
        far = np.abs(late) if late else np.array([np.nan])
        row[f"{edge} median"] = round(float(np.median(far)), 1)
        row[f"{edge} 90 %"] = round(float(np.percentile(far, 90)), 1)
    return row


def recall_row(all_spotted: Sequence[Spotted]) -> Row:
    """Micro-expressions found, of how many, by amplitude."""
    hit = {id(s): {h.truth for h in s.matching.hits_of("micro")} for s in all_spotted}
    micro = [
        (px, span in hit[id(s)])
        for s in all_spotted
        for span, px in s.amplitudes.items()
        if span.kind == "micro"
    ]
    return {f"{low:g}-{high:g} px": _recall(micro, low, high) for low, high in BANDS}


def _recall(micro: Iterable[tuple[float, bool]], low: float, high: float) -> str:
    last = high == BANDS[-1][1]
    hits = [hit for px, hit in micro if low <= px < high or (last and px == high)]
    return f"{_ratio(sum(hits), len(hits)):.2f} ({sum(hits)} of {len(hits)})"


def cost_row(all_spotted: Sequence[Spotted]) -> Row:
    minutes, frames = (sum(getattr(s, n) for s in all_spotted) for n in ("minutes", "n_frames"))
    wall_s, cpu_s = (sum(getattr(s.found, n) for s in all_spotted) for n in ("wall_s", "cpu_s"))
    told = sum(s.told_minutes for s in all_spotted)
    return {
        "minutes": round(minutes, 1),
        "told of, %": round(100 * _ratio(told, minutes), 1),
        "s/minute": round(_ratio(wall_s, minutes), 1),
        "CPU s/minute": round(_ratio(cpu_s, minutes), 1),
        "frames/s": round(_ratio(frames, wall_s), 1),
        "peak MB": round(max(s.found.peak_mb for s in all_spotted)),
    }


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")


def markdown(rows: Sequence[Row]) -> str:
    """A table with the columns of its first row."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(r[n]) for n in names] for r in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
