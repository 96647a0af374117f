"""Videos on their way into a project: taken up, queued, analysed, listed with how far each is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from merkit.app.analysing import Found
from merkit.app.judged import Judged
from merkit.app.places import there
from merkit.app.queue import Entry, Job, Queue, Work
from merkit.app.uploads import Uploads
from merkit.errors import ConfigError, VideoError
from merkit.media import is_video
from merkit.review.entry import VideoEntry
from merkit.review.project import Project


class Intake:
    """See the module.

    Args:
        work: analyses one video in a process of its own.
    """

    def __init__(self, project: Project, work: Work) -> None:
        self._project = project
        self.uploads = Uploads(project.folder / "recordings")
        self.queue = Queue(project.folder / "queue.json", work, self._job, self._finish)
        self._judged = Judged(project)
        self._adding = Lock()
        self._pace: float | None = None  # seconds of work a second of video, as it was last

    def open(self) -> None:
        """Go on with what waited, and with what was added and never analysed."""
        known = self.queue.entries()
        for entry in self._project.videos():
            if not entry.analysed and entry.id not in known:
                self.queue.add(entry.id)
        self.queue.start()

    def close(self) -> None:
        self.queue.close()
        self._judged.close()

    def add(self, path: Path) -> tuple[list[str], list[str]]:
        """Take up a video, or all videos of a folder, where they lie: their ids, and what is wrong
        with those that cannot be read, as long as there is another.

        Raises:
            MissingDataError: nothing is there.
            VideoError: it cannot be read, or the folder holds no video that can.
        """
        path = Path(os.path.abspath(path.expanduser()))
        if not path.is_dir():
            return [self._add_one(path)], []
        videos = sorted(p for p in path.iterdir() if is_video(p) and p.is_file())
        if not videos:
            raise VideoError(f"no video in the folder {path}", "a folder with videos")
        added, problems = [], []
        for video in videos:
            try:
                added.append(self._add_one(video))
            except VideoError as error:
                problems.append(error)
        if not added:
            raise problems[0]
        return added, [error.found for error in problems]

    def take_upload(self, path: Path) -> str:
        """Take up a video that was sent; the same once more is not kept twice."""
        video_id = self._add_one(path)
        if self._project.located(video_id)[0] != path:
            path.unlink(missing_ok=True)
        return video_id

    def _add_one(self, path: Path) -> str:
        with self._adding:
            video_id = self._project.add_video(path)
        if not self._project.video(video_id).analysed:
            self.queue.add(video_id)
        return video_id

    def again(self, video_id: str) -> None:
        """Let a video wait once more that is broken or was cancelled.

        Raises:
            ConfigError: no such video, or it is analysed.
        """
        entry = self._project.video(video_id)
        if entry.analysed and not entry.problem:
            raise ConfigError(f"{entry.name} is analysed", "a video that is not")
        self.queue.add(video_id)

    def _job(self, video_id: str) -> Job:
        out = self._project.folder / "found" / video_id
        return Job(video_id, there(self._project, video_id), out, self._project.config)

    def _finish(self, job: Job) -> None:
        """The worker's results become the project's: only one process may write that."""
        Found(job.out).move_to(self._project, job.video_id)

    def listed(self, coder: str) -> list[dict[str, Any]]:
        """Every video with how far it is, and how much of it the coder has judged."""
        entries, queue = self._project.videos(), self.queue.entries()
        self._learn_pace(entries, queue)
        return [self._row(entry, queue.get(entry.id), coder) for entry in entries]

    def _learn_pace(self, entries: Iterable[VideoEntry], queue: Mapping[str, Entry]) -> None:
        for entry in entries:
            now = queue.get(entry.id)
            if now and now.state == "running" and now.left_s and now.done < now.total:
                rest_s = (1 - now.done / now.total) * (entry.duration_s or 0)
                self._pace = now.left_s / rest_s if rest_s else self._pace

    def _row(self, entry: VideoEntry, queued: Entry | None, coder: str) -> dict[str, Any]:
        state = queued or Entry("done" if entry.analysed else "waiting")
        blinded = self._project.config.blinded
        counts = self._judged.of(entry.id, coder) if entry.analysed and coder else None
        return {
            "id": entry.id,
            "name": entry.id if blinded else entry.name,
            "path": "" if blinded else str(entry.path),
            "state": state.state,
            "done": state.done,
            "total": state.total,
            "left_s": self._left_s(state, entry),
            "problem": state.problem or entry.problem,
            "judged": None if counts is None else counts[0],
            "events": None if counts is None else counts[1],
        }

    def _left_s(self, state: Entry, entry: VideoEntry) -> float | None:
        """Seconds to its end from when it begins; None where there is no telling."""
        if state.state != "waiting" or self._pace is None or entry.duration_s is None:
            return state.left_s
        return self._pace * entry.duration_s
