"""A desk whose videos are analysed, and a browser that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_work import N_FRAMES, analysis, save_found
from starlette.testclient import TestClient

from merkit.app.analysing import Found
from merkit.app.desk import Desk
from merkit.app.guard import Guard
from merkit.app.server import make_app
from merkit.review.project import Project

PORT = 8765


def ready_project(folder: Path, *videos: Path) -> Project:
    """A project whose videos are analysed."""
    project = Project.create(folder)
    for video in videos:
        video_id = project.add_video(video)
        save_found(folder / "found" / video_id, analysis(video), N_FRAMES)
        Found(folder / "found" / video_id).move_to(project, video_id)
    return project


class Browser(TestClient):
    """Asks as the page of a browser does, that opened the address it was given."""

    def __init__(self, desk: Desk, guard: Guard | None = None) -> None:
        self.guard = guard or Guard(PORT)
        super().__init__(make_app(desk, self.guard), f"http://127.0.0.1:{PORT}")
        self.headers["Origin"] = f"http://127.0.0.1:{PORT}"
        self.get(f"/?token={self.guard.token}")

    def edit(self, video_id: str, edit_id: str, coder: str = "anna", **values: Any) -> Any:
        """Send an edit; the whole response."""
        body = {"coder": coder, "edit": {"id": edit_id, **values}}
        return self.post(f"/api/videos/{video_id}/edits", json=body)

    def review(self, video_id: str, coder: str = "anna") -> Any:
        """What a coder has made of a video."""
        return self.get(f"/api/videos/{video_id}?coder={coder}").json()["review"]
