"""One tiny video for all tests of the page, and desks that have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_desk import Browser, ready_project
from made_work import made_up, write_tiny

from merkit.app.desk import Desk


@pytest.fixture(scope="session")
def tiny_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("videos") / "tiny.mp4")


@pytest.fixture
def desk(tmp_path: Path, tiny_video: Path) -> Iterator[Desk]:
    """One video, v001, is analysed."""
    desk = Desk(ready_project(tmp_path / "project", tiny_video), work=made_up)
    with desk.project.writing():
        desk.open()
        yield desk
        desk.close()


@pytest.fixture
def browser(desk: Desk) -> Browser:
    return Browser(desk)
