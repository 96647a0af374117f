"""A project as ``merkit app`` leaves it when two coders have judged three videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from merkit.inference.analysis import analysis_of
from merkit.review import Clock, Edit, Project
from merkit.spotting import spot_video

CLASSES = ("negative", "positive", "surprise")


def write_study(folder: Path, videos: Sequence[Path]) -> None:
    """Anna gives every movement a class; bea sees two of them otherwise."""
    project = Project.create(folder)
    n = 0
    for video in videos:
        spotted = spot_video(video)
        video_id = project.add_video(video)
        project.store(video_id, analysis_of(video, spotted), Clock.of(spotted.seen))
        for event in project.review(video_id, "anna").events:
            if event.event.kind != "micro":
                continue
            labelled = Edit(f"label-{n}", "relabel", event.id, label=CLASSES[n % 3])
            project.append(video_id, "anna", labelled)
            other = replace(labelled, label=CLASSES[n % 2]) if n < 3 else labelled
            project.append(video_id, "bea", other)
            n += 1
    assert n >= 3, "too few movements for a database"
