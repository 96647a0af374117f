"""The queue: one at a time, cancelled, gone on with, and a broken video costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_desk import Browser
from made_work import made_up, until, write_tiny

from merkit.app.desk import Desk
from merkit.app.queue import Entry, Job, Queue
from merkit.errors import StoreError
from merkit.review.project import Project


@contextmanager
def running(folder: Path, finished: list[str]) -> Iterator[Queue]:
    def job(video_id: str) -> Job:
        return Job(video_id, folder / f"{video_id}.mp4", folder / "found" / video_id)

    queue = Queue(folder / "queue.json", made_up, job, lambda job: finished.append(job.video_id))
    queue.start()
    try:
        yield queue
    finally:
        queue.close()


def states(queue: Queue) -> Mapping[str, str]:
    return {name: entry.state for name, entry in queue.entries().items()}


def test_all_are_done_and_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    names, finished = ["one", "bad", "dies", "two"], []
    for name in names:
        write_tiny(tmp_path / f"{name}.mp4", 12)
    with running(tmp_path, finished) as queue:
        for name in names:
            queue.add(name)
        until(lambda: not {"waiting", "running"} & set(states(queue).values()))
        assert states(queue) == {"one": "done", "bad": "broken", "dies": "broken", "two": "done"}
        assert finished == ["one", "two"]
        assert "damaged at frame 7" in queue.entries()["bad"].problem
        assert "without a word" in queue.entries()["dies"].problem


def test_progress_has_a_time_left_and_cancel_ends_the_worker(tmp_path: Path) -> None:
    finished: list[str] = []
    with running(tmp_path, finished) as queue:
        queue.add("slow")
        queue.add("later")
        until(lambda: (queue.entries()["slow"].left_s or 0) > 0)
        entry = queue.entries()["slow"]
        assert 0 < entry.done < entry.total == 10_000
        assert states(queue)["later"] == "waiting"
        queue.cancel("later")
        queue.cancel("slow")
        until(lambda: states(queue) == {"slow": "cancelled", "later": "cancelled"}, 5)
        assert finished == []


def test_what_waited_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Also what was being done when the server ended, or was killed."""
    finished: list[str] = []
    with running(tmp_path, finished) as queue:
        queue.add("slow")
        queue.add("next")
        until(lambda: states(queue)["slow"] == "running")
    kept = json.loads((tmp_path / "queue.json").read_text())["queue"]
    assert [(row["video"], row["state"]) for row in kept] == [
        ("slow", "waiting"), ("next", "waiting"),
    ]  # fmt: skip
    kept[0]["state"] = "running"  # as a kill leaves it
    (tmp_path / "queue.json").write_text(json.dumps({"queue": kept}))
    write_tiny(tmp_path / "next.mp4", 12)
    with running(tmp_path, finished) as queue:
        until(lambda: states(queue)["slow"] == "running")
        queue.cancel("slow")
        until(lambda: states(queue)["next"] == "done")
        assert finished == ["next"]


def test_again_after_a_failure_and_never_twice_at_once(tmp_path: Path) -> None:
    with running(tmp_path, []) as queue:
        for _ in range(3):
            queue.add("bad")
        until(lambda: states(queue)["bad"] == "broken")
        queue.add("bad")
        assert states(queue)["bad"] in ("waiting", "running")


@pytest.mark.parametrize("text", ["", "[]", '{"queue": [1]}', '{"queue": [{"state": "done"}]}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "queue.json"
    kept.write_text(text)
    with pytest.raises(StoreError, match=r"queue\.json"):
        Queue(kept, made_up, lambda name: Job(name, kept, kept), lambda job: None)


def test_a_desk_takes_up_results_and_goes_on(tmp_path: Path) -> None:
    """From a video to its events; a second desk of the same project does not do it again."""
    project = Project.create(tmp_path / "project")
    desk = Desk(project, work=made_up)
    with project.writing():
        video_id = desk.intake.add(write_tiny(tmp_path / "a.mp4"))[0][0]
        desk.open()
        until(lambda: desk.intake.queue.entries()[video_id] == Entry("done"))
        desk.close()
    assert len(Browser(desk).review(video_id)["events"]) == 3
    assert desk.pictures.curve(video_id, "", 0, 119, 50)["frame"]
    assert not (project.folder / "found" / video_id).exists()
    again = Desk(Project.open(project.folder), work=made_up)
    with again.project.writing():
        again.open()
        assert [row["state"] for row in again.intake.listed("anna")] == ["done"]
        again.close()
