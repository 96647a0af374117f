"""Whether finished runs can be compared, and what a reader must know before."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from merkit.errors import ConfigError
from merkit.report.result import Result


def check_same_clips(runs: Sequence[Result]) -> None:
    """Refuse runs that did not answer the same question.

    Raises:
        ConfigError: other classes, clips, subjects or true labels; names the difference.
    """
    first = runs[0]
    for run in runs[1:]:
        classes, wanted = list(run.metrics["classes"]), list(first.metrics["classes"])
        if classes != wanted:
            raise ConfigError(
                f"run '{run.name}' has the classes {classes}, run '{first.name}' {wanted}",
                "runs with the same classes",
                "evaluate both under one label map",
            )
        _check_rows(first, run)


def _check_rows(first: Result, run: Result) -> None:
    ours, theirs = _once(first), _once(run)
    only = [
        (name, sorted(set(a.index) - set(b.index)))
        for name, a, b in ((first.name, ours, theirs), (run.name, theirs, ours))
    ]
    if any(clips for _, clips in only):
        told = "; ".join(
            f"{len(clips)} only in '{name}', such as {clips[0][0]}" for name, clips in only if clips
        )
        raise ConfigError(
            f"runs '{first.name}' and '{run.name}' tested different clips: {told}",
            "runs on the same clips, so that differences can be paired",
            "evaluate both on the same databases with the same label map and bad-clips policy",
        )
    for column in ("y_true", "subject"):
        other = ours[column] != theirs[column].reindex(ours.index)
        if other.any():
            clip = ours.index[other.to_numpy()][0][0]
            raise ConfigError(
                f"runs '{first.name}' and '{run.name}' differ in {column} of {int(other.sum())} "
                f"clips, such as {clip}",
                "the same release and label map in both",
            )


def _once(run: Result) -> pd.DataFrame:
    """Each tested clip once, by clip id and how often it was tested before."""
    table = run.table[run.table.seed == run.seeds[0]]
    place = table.groupby("clip_id").cumcount()
    return table.set_index([table.clip_id, place])[["y_true", "subject"]]


def differences_told(runs: Sequence[Result]) -> list[str]:
    """What a reader must know before comparing these runs; empty when all is alike."""
    notes = []
    for title, value in (
        ("protocol", lambda r: r.document["settings"]["protocol"]["name"]),
        ("folds", lambda r: r.document["fold_hash"][:12]),
        ("seeds", lambda r: ", ".join(map(str, r.seeds))),
        ("marks", lambda r: ", ".join(r.metrics["marks"]) or "none"),
    ):
        found: dict[str, list[str]] = {}
        for run in runs:
            found.setdefault(value(run), []).append(run.name)
        if len(found) > 1:
            parts = "; ".join(f"{what} ({', '.join(who)})" for what, who in found.items())
            notes.append(f"The runs differ in {title}: {parts}.")
    return notes
