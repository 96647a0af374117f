"""A project on disk: videos stay where they are, reviews stay whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reviews import ANALYSIS, CLOCK, edit

from merkit.errors import ConfigError, MissingDataError, StoreError, VideoError
from merkit.review.coders import coder_folder
from merkit.review.edits import EditConflict
from merkit.review.project import Project, ProjectConfig
from merkit.spotting import SpotConfig
from merkit.video import write_frames, write_video


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "a.mp4"
    write_video(path, (np.full((32, 32, 3), n, np.uint8) for n in range(100)), 25.0)
    return path


@pytest.fixture
def lab(tmp_path: Path, film: Path) -> Path:
    """A folder with a recording in it, where a project may be made beside it."""
    (tmp_path / "lab" / "films").mkdir(parents=True)
    shutil.copy2(film, tmp_path / "lab" / "films" / "a.mp4")
    return tmp_path / "lab"


def reviewed_project(lab: Path) -> tuple[Project, str]:
    project = Project.create(lab / "study")
    video = project.add_video(lab / "films" / "a.mp4")
    project.store(video, ANALYSIS, CLOCK)
    project.append(video, "Anna", edit("reject", "e001"))
    return project, video


def test_a_project_opens_as_it_was_made(tmp_path: Path) -> None:
    config = ProjectConfig("pilot", "sim-flow", 0.6, "1", True, SpotConfig(rate_hz=25))
    made = Project.create(tmp_path / "study", config)
    assert Project.open(tmp_path / "study").config == config
    made.configure(ProjectConfig("study 1"))
    assert Project.open(tmp_path / "study").config.name == "study 1"
    assert (made.videos(), made.coders()) == ([], [])
    with pytest.raises(ConfigError, match="not empty"):
        Project.create(tmp_path / "study")
    with pytest.raises(MissingDataError, match=r"project\.json"):
        Project.open(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"version": 2}, "version 2"), ({"format": "x"}, "'x'"), ({"settings": {"nam": 1}}, "nam"),
     ({"settings": []}, "project"), ({"settings": {"spot": {"lag_s": -1}}}, "lag_s")],
)  # fmt: skip
def test_a_damaged_project_is_said(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    Project.create(tmp_path)
    path = tmp_path / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(StoreError, match=message):
        Project.open(tmp_path)


def test_a_video_is_taken_up_once(lab: Path) -> None:
    project = Project.create(lab / "study")
    first = project.add_video(lab / "films" / "a.mp4")
    shutil.copy(lab / "films" / "a.mp4", lab / "copy.mp4")
    assert (first, project.add_video(lab / "copy.mp4")) == ("v001", "v001")
    (entry,) = Project.open(lab / "study").videos()
    assert (entry.name, entry.fps_hz, entry.n_frames) == ("a.mp4", 25.0, 100)
    assert (entry.width_px, entry.analysed, entry.problem) == (32, False, "")
    write_video(lab / "b.mp4", (np.full((32, 32, 3), 255 - n, np.uint8) for n in range(20)), 25.0)
    assert project.add_video(lab / "b.mp4") == "v002"
    with pytest.raises(VideoError):
        project.add_video(lab / "study" / "project.json")
    with pytest.raises(MissingDataError):
        project.add_video(lab / "c.mp4")
    assert [entry.id for entry in project.videos()] == ["v001", "v002"]


def test_a_folder_of_images_is_a_video(tmp_path: Path) -> None:
    write_frames(tmp_path / "images", [np.full((32, 32, 3), n, np.uint8) for n in range(5)])
    project = Project.create(tmp_path / "study")
    video = project.add_video(tmp_path / "images", fps_hz=200)
    assert project.video(video).fps_hz == 200
    assert project.located(video) == (tmp_path / "images", "there")
    (tmp_path / "images" / "notes.txt").write_text("of the day")  # changes the folder's own time
    assert project.located(video)[1] == "there"


def test_a_project_and_its_videos_may_be_moved_together(lab: Path, tmp_path: Path) -> None:
    _, video = reviewed_project(lab)
    shutil.move(lab, tmp_path / "elsewhere")
    moved = Project.open(tmp_path / "elsewhere" / "study")
    film = tmp_path / "elsewhere" / "films" / "a.mp4"
    assert moved.located(video) == (film, "there")
    assert moved.analysis(video).video == film
    assert moved.review(video, "Anna").events[0].verdict == "rejected"


def test_a_project_alone_may_be_moved(lab: Path, tmp_path: Path) -> None:
    _, video = reviewed_project(lab)
    shutil.move(lab / "study", tmp_path / "far" / "away")
    moved = Project.open(tmp_path / "far" / "away")
    assert moved.located(video) == (lab / "films" / "a.mp4", "there")


def test_a_video_that_is_gone_or_changed_is_said(lab: Path) -> None:
    project, video = reviewed_project(lab)
    film = lab / "films" / "a.mp4"
    os.utime(film, (1, 1))  # copied without its times: the same all the same
    assert project.located(video) == (film, "there")
    film.rename(lab / "renamed.mp4")
    assert project.located(video) == (film, "missing")
    assert project.review(video, "Anna").events[0].verdict == "rejected"
    assert project.add_video(lab / "renamed.mp4") == video  # where it is now
    assert project.located(video) == (lab / "renamed.mp4", "there")
    write_video(lab / "renamed.mp4", (np.zeros((32, 32, 3), np.uint8) for n in range(9)), 25.0)
    assert project.located(video) == (lab / "renamed.mp4", "changed")
    assert project.add_video(lab / "renamed.mp4") == "v002"  # another video under its name


def test_a_video_that_is_taken_out_comes_back_with_its_reviews(lab: Path) -> None:
    project, video = reviewed_project(lab)
    project.remove_video(video)
    assert project.videos() == []
    assert project.reviewed("anna") == []
    assert project.add_video(lab / "films" / "a.mp4") == video
    assert project.review(video, "Anna").events[0].verdict == "rejected"
    with pytest.raises(ConfigError, match="no video 'v009'"):
        project.remove_video("v009")
    with pytest.raises(ConfigError, match="no video"):
        project.video("../../study")


def test_what_is_stored_comes_back(lab: Path) -> None:
    project = Project.create(lab / "study")
    video = project.add_video(lab / "films" / "a.mp4")
    with pytest.raises(ConfigError, match="not analysed yet"):
        project.review(video, "anna")
    project.store(video, ANALYSIS, CLOCK)
    entry = Project.open(lab / "study").video(video)
    assert (entry.analysed, entry.found, entry.found_share) == (True, {"micro": 2, "macro": 1}, 0.9)
    assert project.analysis(video).events == ANALYSIS.events
    assert project.clock(video).time_at(50) == 2.0
    assert project.review(video, "anna").events[1].id == "e002"
    assert project.coders() == []  # who only looks leaves nothing behind


def test_an_analysis_that_was_reviewed_stays(lab: Path) -> None:
    project, video = reviewed_project(lab)
    with pytest.raises(ConfigError, match="reviewed by Anna"):
        project.store(video, ANALYSIS, CLOCK)
    path = project.folder / "videos" / video / "analysis.json"
    path.write_text(path.read_text().replace("positive", "negative"))
    with pytest.raises(StoreError, match="another analysis"):
        Project.open(project.folder).review(video, "Anna")


def test_edits_are_on_the_disk_when_told(lab: Path) -> None:
    project, video = reviewed_project(lab)
    with project.writing():
        add = edit("add", onset_frame=25, offset_frame=30)
        after = project.append(video, "anna", add)
        assert project.append(video, "anna", add) is after  # a request that was sent twice
        with pytest.raises(EditConflict):
            project.append(video, "anna", edit("accept", "e001", 0))
        with pytest.raises(ConfigError):
            project.append(video, "anna", edit("accept", "e077"))
        again = Project.open(lab / "study").review(video, "Anna")
    assert again.events == after.events == project.review(video, "ANNA").events
    assert [e.id for e in again.events] == ["e001", "a001", "e002", "e003"]
    when = datetime.fromisoformat(again.history[add.id].edit.time)
    assert abs(datetime.now(UTC) - when).total_seconds() < 3600
    assert again.events[0].verdict == "rejected"


def test_two_coders_do_not_see_each_other(lab: Path) -> None:
    project, video = reviewed_project(lab)
    project.append(video, "Bea", edit("accept", "e001"))
    assert project.coders() == ["Anna", "Bea"]
    assert project.review(video, "Bea").events[0].verdict == "accepted"
    (anna,), (bea,) = project.reviewed("anna"), project.reviewed("Bea")
    assert [len(anna.events), len(bea.events)] == [2, 3]
    assert bea.events[0].reasons[-1] == "accepted by coder Bea"
    with pytest.raises(ConfigError, match="one of: Anna, Bea"):
        project.reviewed("Cleo")


def test_requests_of_several_threads_are_all_kept(lab: Path) -> None:
    project, video = reviewed_project(lab)

    def note(n: int) -> None:
        project.append(video, "Anna", edit("add", onset_frame=n, offset_frame=n + 1, text=str(n)))

    with project.writing(), ThreadPoolExecutor(4) as threads:
        list(threads.map(note, range(40)))
    events = Project.open(project.folder).review(video, "Anna").events
    assert sorted(int(e.note) for e in events if e.note) == list(range(40))
    assert len({e.id for e in events}) == 43


def test_a_second_process_may_look_but_not_write(lab: Path) -> None:
    project, video = reviewed_project(lab)
    code = (
        "import sys; from merkit.review.edits import Edit;"
        "from merkit.review.project import Project;"
        f"p = Project.open(sys.argv[1]); print(len(p.review({video!r}, 'Anna').events));"
        f"p.append({video!r}, 'Anna', Edit('other', 'accept', 'e002'));"
        "assert 'torch' not in sys.modules"
    )

    def other() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", code, str(project.folder)]
        return subprocess.run(words, check=False, capture_output=True, text=True)

    with project.writing():
        blocked = other()
    assert blocked.stdout == "3\n"
    assert "another merkit is writing" in blocked.stderr
    assert other().returncode == 0  # free again
    assert project.append(video, "Anna", edit("accept", "e003")).events[1].verdict == "accepted"


def test_a_torn_journal_is_told(lab: Path) -> None:
    project, video = reviewed_project(lab)
    (path,) = (project.folder / "reviews").glob("*/v001.jsonl")
    with path.open("a") as file:
        file.write('{"id": "half')
    assert project.torn(video, "Anna") == '{"id": "half'
    assert project.append(video, "Anna", edit("accept", "e002")).events[1].verdict == "accepted"
    assert project.torn(video, "Anna") == ""


# names of coders


def test_names_of_coders_become_plain_folders() -> None:
    names = ["Anna", "Ünal", "李", "../..", "con", "a/b", "a b", "x.", "-", "नमस्ते"]
    folders = [coder_folder(name) for name in names]
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert all(set(f) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for f in folders)
    assert coder_folder("anna") == coder_folder(" ANNA ") == coder_folder("Anna")
    assert coder_folder("Müller") == coder_folder("Mu\u0308ller")  # one name in two Unicode forms
    assert coder_folder("Müller") != coder_folder("Muller")
    for wrong in ("", "  ", "a\0b", "x" * 61, "a\u202eb"):
        with pytest.raises(ConfigError, match="name of a coder"):
            coder_folder(wrong)


@given(st.text(max_size=70))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        folder = coder_folder(name)
    except ConfigError:
        return
    assert folder.replace("-", "").isalnum()
    assert folder.isascii()
    assert len(folder) < 50
