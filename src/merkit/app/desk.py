"""The desk at which one project is worked on: its videos, what is seen of them, its coders and
files. The routes of :mod:`merkit.app.server` ask it in a browser's words.
"""

from __future__ import annotations

from typing import Any, get_args

from merkit.app.analysing import analyse_job
from merkit.app.exporting import exporters
from merkit.app.intake import Intake
from merkit.app.pictures import Pictures
from merkit.app.queue import Work
from merkit.review.export import classes_of
from merkit.review.project import Project
from merkit.types import EventKind


class Desk:
    """See the module. All of it may be used by several threads.

    Args:
        coder: whose name the page begins with; "" where it asks.
        work: analyses one video in a process of its own.
    """

    def __init__(self, project: Project, coder: str = "", work: Work = analyse_job) -> None:
        self.project, self.coder = project, coder
        self.intake, self.pictures = Intake(project, work), Pictures(project)

    def open(self) -> None:
        """Go on with what waited."""
        self.intake.open()

    def close(self) -> None:
        """End what runs; it is done at the next start."""
        self.intake.close()
        self.pictures.close()

    def about(self) -> dict[str, Any]:
        """What the page needs once."""
        config = self.project.config
        return {
            "name": config.name or self.project.folder.name,
            "folder": str(self.project.folder),
            "coder": self.coder,
            "coders": self.project.coders(),
            "kinds": list(get_args(EventKind)),
            "most_bytes": self.intake.uploads.most_bytes,
            "labels": [] if config.blinded else self._classes(),
            "formats": [
                {"name": e.name, "title": e.title, "suffixes": e.suffixes} for e in exporters()
            ],
        }

    def _classes(self) -> list[str]:
        first = next((entry for entry in self.project.videos() if entry.analysed), None)
        return [] if first is None else list(classes_of([self.project.analysis(first.id)]))
