"""From spotted recordings to the scores and tables of a run on long videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from merkit.report.long_page import write_long_report
from merkit.report.long_result import LongResult
from merkit.report.result import read_document
from merkit.runs.config import EvaluateConfig
from merkit.runs.spots import EVENT_COLUMNS, STRETCH_COLUMNS
from merkit.runs.watched import Watched
from merkit.scoring.intervals import Resampling
from merkit.scoring.long_videos import LongScores, SeedRecognition, by_amplitude
from merkit.scoring.spotted_classes import recognise
from merkit.scoring.spotting import Matching, match_spans
from merkit.scoring.spotting_scores import score_spotting

#: window id -> class, for each training seed
Labels = Mapping[int, Mapping[str, str]]

_TRUTH = ("recording", "event", "kind", "onset_frame", "apex_frame", "offset_frame", "label")
_FOUND = ("amplitude_px", "found", "spotted_onset_frame", "spotted_apex_frame")
TRUTH_COLUMNS = (*_TRUTH, *_FOUND, "spotted_offset_frame")
RECORDING_COLUMNS = (
    *("recording", "subject", "dataset", "media", "fps_hz", "duration_s", "watched_s"),
    *("n_truth", "n_spotted", "found", "false", "missed", "problem"),
)


def summarise_long(
    config: EvaluateConfig,
    watched: Sequence[Watched],
    classes: Sequence[str] = (),
    labels: Labels | None = None,
) -> LongResult:
    """Score the run and write every file of it.

    Args:
        classes: that recognition is scored over; none for spotting alone.
        labels: by training seed, the classes of what was spotted.
    """
    document = read_document(config.out, config.task)
    scores = score(watched, classes, labels or {}, config.resamples)
    first = next(iter((labels or {}).values()), {})
    result = LongResult(config.out, document, scores, _tables(watched, first))
    result.write()
    write_long_report(result)
    return result


def score(
    watched: Sequence[Watched], classes: Sequence[str], labels: Labels, resamples: int
) -> LongScores:
    """All scores of these recordings."""
    spotting = score_spotting([w.events() for w in watched], how=Resampling(resamples))
    strength = (
        (one.span.kind, one.amplitude_px, found is not None)
        for w in watched
        for one, found in zip(w.annotation.truth, _found(w), strict=True)
    )
    recognition = []
    for seed, named in labels.items():
        videos = [w.events(named) for w in watched]
        hits = [hit for v in videos for hit in match_spans(v.truth, v.spotted).hits]
        found = recognise(hits, classes)
        f1 = spotting["micro"].counts.f1
        recognition.append(SeedRecognition(seed, found, found.strs(f1)))
    return LongScores(spotting, by_amplitude(strength), tuple(recognition))


def _found(one: Watched) -> list[Any]:
    """What was spotted of each annotated event, None where it was missed."""
    events = one.events()
    hits = {id(hit.truth): hit.spotted for hit in match_spans(events.truth, events.spotted).hits}
    return [hits.get(id(span)) for span in events.truth]


def _tables(watched: Sequence[Watched], labels: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    matched = [(w, match_spans((e := w.events()).truth, e.spotted)) for w in watched]
    truth = [row for w in watched for row in _truth_rows(w)]
    return {
        "recordings": pd.DataFrame(
            [_recording_row(w, found) for w, found in matched], columns=[*RECORDING_COLUMNS]
        ),
        "truth": pd.DataFrame(truth, columns=[*TRUTH_COLUMNS]),
        "events": _joined([_events(w, labels) for w in watched], (*EVENT_COLUMNS, "of", "label")),
        "stretches": _joined(
            [w.spots.stretches.assign(recording=w.annotation.name) for w in watched],
            STRETCH_COLUMNS,
        ),
    }


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """The tables of all recordings under one another, those without rows left out."""
    order = ["recording", *columns]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[order] if filled else pd.DataFrame(columns=order)


def _events(one: Watched, labels: Mapping[str, str]) -> pd.DataFrame:
    """What was spotted, with the annotated event that it finds and its class."""
    names = {
        (found.first_frame, found.last_frame, found.kind): true.event.clip_id
        for true, found in zip(one.annotation.truth, _found(one), strict=True)
        if found is not None
    }
    table = one.spots.events
    keys = zip(table.onset_frame, table.offset_frame, table.kind, strict=True)
    return table.assign(
        recording=one.annotation.name,
        of=[names.get(key, "") for key in keys],
        label=[labels.get(one.window_id(place), "") for place in range(len(table))],
    )


def _truth_rows(one: Watched) -> list[dict[str, Any]]:
    rows = []
    for true, found in zip(one.annotation.truth, _found(one), strict=True):
        span = true.span
        apex = np.nan if span.apex_frame is None else span.apex_frame
        values = (one.annotation.name, true.event.clip_id, span.kind, span.first_frame, apex)
        row = dict(zip(_TRUTH, (*values, span.last_frame, span.label), strict=True))
        row |= {"amplitude_px": true.amplitude_px, "found": found is not None}
        for name, edge in (("onset", "onset"), ("apex", "apex"), ("offset", "offset")):
            row[f"spotted_{name}_frame"] = np.nan if found is None else found.frame(edge)
        rows.append(row)
    return rows


def _recording_row(one: Watched, found: Matching) -> dict[str, Any]:
    events, counts = one.events(), found.counts()
    recording, facts = one.annotation.recording, one.spots.facts
    return {
        "recording": one.annotation.name,
        "subject": one.annotation.subject_key,
        "dataset": recording.dataset,
        "media": str(recording.media),
        "fps_hz": facts.fps_hz,
        "duration_s": facts.duration_s,
        "watched_s": events.watched_s,
        "n_truth": counts.n_truth,
        "n_spotted": counts.n_spotted,
        "found": counts.tp,
        "false": counts.fp,
        "missed": counts.fn,
        "problem": facts.problem,
    }
