"""From review to data: reviewed micro-expressions as a ``manifest``, which is a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from merkit.datasets.manifest import ELSEWHERE
from merkit.errors import ConfigError, MissingDataError
from merkit.files import write_text
from merkit.review.entry import VideoEntry
from merkit.review.project import Project
from merkit.review.things import ReviewedEvent
from merkit.tables import safe_cells

_MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class ReviewData:
    """What was written: ``clips`` of so many ``subjects``, ``unnamed`` of them without a label.
    ``alone``: ids of videos of which nobody said who is seen, each taken for a person of its own.
    """

    folder: Path
    clips: int
    subjects: int
    unnamed: int
    alone: tuple[str, ...]


def write_dataset(
    project: Project, coder: str, folder: Path | str, overwrite: bool = False
) -> ReviewData:
    """Write the micro-expressions that a coder accepted, corrected or added as ``manifest.csv``,
    and where their videos lie as ``media_elsewhere.csv``. No video is copied.

    The label is the coder's; of an accepted event also the model's, which the coder saw (not in a
    blinded project). Action units are the coder's alone. An apex that nobody gave is left empty.

    Raises:
        ConfigError: nothing to write, or the folder holds something else.
        MissingDataError: a video is missing or is no longer what it was.
        StoreError: as ``Project.review``.
    """
    folder, name = Path(folder), project.known_coder(coder)
    check_folder(folder, overwrite)
    rows, places, alone = [], {}, []
    for entry in project.videos():
        found = list(_rows(project, entry, name)) if entry.analysed else []
        if found:
            rows += found
            places[entry.id] = _place(project, entry)
            alone += [] if entry.subject else [entry.id]
    if not rows:
        raise ConfigError(
            f"{name} has accepted, corrected or added no micro-expression in {project.folder}",
            "one or more",
            "review a video first",
        )
    table = pd.DataFrame(rows)
    media = pd.DataFrame({"media": places.keys(), "path": places.values()})
    for file, content in {_MANIFEST: table, ELSEWHERE: media}.items():
        write_text(folder / file, safe_cells(content).to_csv(index=False, lineterminator="\n"))
    return ReviewData(
        folder, len(table), table.subject.nunique(), int((table.emotion == "").sum()), tuple(alone)
    )


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something else.

    Raises:
        ConfigError: it does, or holds a database that is not to be replaced.
    """
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    replaceable = overwrite and there <= {_MANIFEST, ELSEWHERE}
    if folder.is_file() or (there and not replaceable):
        fix = "choose another --out" + (", or --overwrite" if _MANIFEST in there else "")
        raise ConfigError(f"{folder} is not empty", "a new or empty folder", fix)


def _rows(project: Project, entry: VideoEntry, coder: str) -> Iterator[dict[str, object]]:
    """A row an event, with the columns of a manifest, then what else a reader may want to know."""
    dataset = re.sub(r"[^A-Za-z0-9_-]+", "-", project.folder.name).strip("-") or "review"
    for event in project.review(entry.id, coder).events:
        if event.endorsed and event.event.kind == "micro":
            label, said_by = _label(event, project.config.blinded)
            apex = event.found is not None or "apex" in event.by_coder
            yield {
                "clip": f"{entry.id}-{event.id}",
                "subject": entry.subject or entry.id,
                "media": entry.id,
                "dataset": dataset,
                "fps_hz": repr(entry.fps_hz),
                "onset": event.event.onset_frame,
                "apex": str(event.event.apex_frame) if apex else "",
                "offset": event.event.offset_frame,
                "emotion": label,
                "action_units": event.action_units if "units" in event.by_coder else "",
                "label_by": said_by,
                "origin": event.origin,
                "coder": coder,
                "note": event.note,
            }


def _label(event: ReviewedEvent, blinded: bool) -> tuple[str, str]:
    """The label and who gave it; both "" where there is none that a coder stands for."""
    if "label" in event.by_coder:
        return event.event.label, "coder" if event.event.label else ""
    if event.verdict == "accepted" and event.event.label and not blinded:
        return event.event.label, "model, accepted"
    return "", ""


def _place(project: Project, entry: VideoEntry) -> str:
    path, state = entry.located(project.folder)
    if state != "there":
        raise MissingDataError(
            f"{entry.id} ({path}) is {state}",
            "the video that was reviewed",
            "add it to the project again from where it is now",
        )
    return str(path)
