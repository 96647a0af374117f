"""Who is seen in which video, from a table that somebody writes by hand."""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.sheets import read_table
from merkit.errors import ConfigError
from merkit.review.entry import subject_name
from merkit.review.project import Project


def read_subjects(path: Path, project: Project) -> dict[str, str]:
    """Video id -> person, of a table with the columns ``video`` (an id, or the name of the file)
    and ``subject``.

    Raises:
        MissingDataError, DatasetError: it cannot be read, or lacks a column.
        ConfigError: a video that the project does not have, or a file name that two have.
    """
    ids: dict[str, list[str]] = {}
    for entry in project.videos():
        for name in {entry.id, entry.name}:
            ids.setdefault(name, []).append(entry.id)
    found: dict[str, str] = {}
    for row in read_table(path, ("video", "subject")):
        known = ids.get(row["video"], [])
        if len(known) != 1:
            raise ConfigError(
                f"{path}: '{row['video']}' names {len(known)} videos of {project.folder}",
                "the id or the file name of one video",
            )
        found[known[0]] = subject_name(row["subject"])
    return found
