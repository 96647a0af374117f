"""The desk at which one project is worked on: its videos and their queue, pictures, reviews, files.

What the routes of :mod:`merkit.app.server` say in a browser's words, this does. All of it may be
called from several threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, get_args

from merkit.app import shown
from merkit.app.agreeing import shown_agreement
from merkit.app.analysing import Found, analyse_job
from merkit.app.curves import curve_between
from merkit.app.frames import FrameReader, Recent
from merkit.app.judged import Judged
from merkit.app.jumps import load_jumps
from merkit.app.overlay import Overlay
from merkit.app.playable import playable_as
from merkit.app.queue import Entry, Job, Queue, Work
from merkit.app.uploads import Uploads
from merkit.errors import ConfigError, MissingDataError, VideoError
from merkit.export import EXPORTERS, Exporter, write_events
from merkit.inference.analysis import Analysis
from merkit.media import is_video
from merkit.review.clock import Clock, load_clock
from merkit.review.coders import coder_folder, coder_name
from merkit.review.edits import Edit, EditConflict
from merkit.review.entry import VideoEntry
from merkit.review.project import Project
from merkit.review.review import Review
from merkit.review.things import Thing
from merkit.types import EventKind

#: videos whose decoders stay open
_OPEN_VIDEOS = 4


@dataclass(frozen=True)
class Export:
    """A file that was written: its name, and where it lies."""

    name: str
    path: Path


class ConflictError(ConfigError):
    """Another page changed the same meanwhile. ``now``: what the page is to show, as ``edit``
    gives it."""

    def __init__(self, found: str, now: dict[str, Any]) -> None:
        super().__init__(found)
        self.now = now


class Desk:
    """See the module.

    Args:
        coder: whose name the page begins with; "" where it asks.
        work: analyses one video in a process of its own.
    """

    def __init__(self, project: Project, coder: str = "", work: Work = analyse_job) -> None:
        self.project, self.coder = project, coder
        self.uploads = Uploads(project.folder / "recordings")
        self.queue = Queue(project.folder / "queue.json", work, self._job, self._finish)
        self.exports = project.folder / "exports"
        self._readers = Recent(_OPEN_VIDEOS, self._reader, FrameReader.close)
        self._overlay = Overlay()
        self._judged = Judged(project)
        self._adding = Lock()
        self._pace: float | None = None  # seconds of work a second of video, as it was last

    def open(self) -> None:
        """Go on with what waited, and with what was added and never analysed."""
        known = self.queue.entries()
        for entry in self.project.videos():
            if not entry.analysed and entry.id not in known:
                self.queue.add(entry.id)
        self.queue.start()

    def close(self) -> None:
        self.queue.close()
        self._readers.close()
        self._judged.close()

    # videos

    def add(self, path: Path) -> list[str]:
        """Take up a video, or all videos of a folder, where they lie. One of several that cannot be
        read is told in the list.

        Raises:
            MissingDataError: nothing is there.
            VideoError: it cannot be read, or the folder holds no video.
        """
        path = Path(os.path.abspath(path.expanduser()))
        if not path.is_dir():
            return [self._add_one(path)]
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
        return added

    def take_upload(self, path: Path) -> str:
        """Take up a video that was sent; the same once more is not kept twice."""
        video_id = self._add_one(path)
        if self.project.located(video_id)[0] != path:
            path.unlink(missing_ok=True)
        return video_id

    def _add_one(self, path: Path) -> str:
        with self._adding:
            video_id = self.project.add_video(path)
        if not self.project.video(video_id).analysed:
            self.queue.add(video_id)
        return video_id

    def _job(self, video_id: str) -> Job:
        place = self._place(video_id)
        out = self.project.folder / "found" / video_id
        return Job(video_id, place, out, self.project.config)

    def _place(self, video_id: str) -> Path:
        """Where a video lies; what lies there now must be what was added."""
        place, state = self.project.located(video_id)
        if state != "there":
            told = "is not there any more" if state == "missing" else "is another file by now"
            raise MissingDataError(f"{place} {told}", "the video", "put it back, or add it again")
        return place

    def _finish(self, job: Job) -> None:
        """The worker's results become the project's: only one process may write that."""
        Found(job.out).move_to(self.project, job.video_id)

    def videos(self, coder: str) -> list[dict[str, Any]]:
        """The list: each with how far it is, and how much of it the coder has judged."""
        entries, queue = self.project.videos(), self.queue.entries()
        self._learn_pace(entries, queue)
        return [self._listed(entry, queue.get(entry.id), coder) for entry in entries]

    def again(self, video_id: str) -> None:
        """Let a video wait once more that is broken or was cancelled.

        Raises:
            ConfigError: no such video, or it is analysed.
        """
        entry = self.project.video(video_id)
        if entry.analysed and not entry.problem:
            raise ConfigError(f"{entry.name} is analysed", "a video that is not")
        self.queue.add(video_id)

    def _learn_pace(self, entries: Iterable[VideoEntry], queue: Mapping[str, Entry]) -> None:
        for entry in entries:
            now = queue.get(entry.id)
            if now and now.state == "running" and now.left_s and now.done < now.total:
                rest_s = (1 - now.done / now.total) * (entry.duration_s or 0)
                self._pace = now.left_s / rest_s if rest_s else self._pace

    def _left_s(self, state: Entry, entry: VideoEntry) -> float | None:
        """Seconds to its end from when it begins; None where there is no telling."""
        if state.state != "waiting" or self._pace is None or entry.duration_s is None:
            return state.left_s
        return self._pace * entry.duration_s

    def _listed(self, entry: VideoEntry, queued: Entry | None, coder: str) -> dict[str, Any]:
        state = queued or Entry("done" if entry.analysed else "waiting")
        blinded = self.project.config.blinded
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
            "duration_s": entry.duration_s,
            "judged": None if counts is None else counts[0],
            "events": None if counts is None else counts[1],
        }

    def video(self, video_id: str) -> dict[str, Any]:
        """What the page needs to show one video.

        Raises:
            ConfigError: no such video, or not analysed yet.
        """
        entry, clock = self.project.video(video_id), self.project.clock(video_id)
        analysis = self.project.analysis(video_id)
        place, state = self.project.located(video_id)
        blinded = self.project.config.blinded
        native = "" if analysis.turned_deg or state != "there" else _native(place)
        return {
            "id": entry.id,
            "name": entry.id if blinded else entry.name,
            "native": native,
            "fps_hz": clock.fps_hz if clock.fps_hz == clock.fps_hz else 25.0,
            "width": entry.width_px,
            "height": entry.height_px,
            "duration_s": analysis.duration_s,
            "found_share": analysis.found_share,
            "place": state,
            "clock": shown.shown_clock(clock),
            "stretches": [shown.shown_stretch(stretch) for stretch in analysis.stretches],
        }

    def curve(
        self, video_id: str, title: str, first: float, last: float, points: int
    ) -> dict[str, Any]:
        """One curve between two frames, and the titles of all; see ``curve_between``."""
        path = self._found(video_id, "curves.npz")
        return curve_between(path, title, first, last, min(max(points, 10), 4000))

    def _found(self, video_id: str, name: str) -> Path:
        """A file of what was found in a video; asks the project, which knows its ids."""
        return self.project.folder / "videos" / self.project.video(video_id).id / name

    # pictures

    def file(self, video_id: str) -> Path:
        """Where a video lies.

        Raises:
            ConfigError: no such video.
            MissingDataError: it is not there any more.
        """
        place = self._place(video_id)
        if place.is_dir():
            raise MissingDataError(f"{place} is a folder of images", "a video file")
        return place

    def jpeg(self, video_id: str, frame: int) -> bytes:
        """One frame.

        Raises:
            ConfigError: no such video, or not analysed.
            VideoError: no such frame, or it cannot be decoded.
        """
        self._check_frame(video_id, frame)
        return self._readers[video_id].jpeg(frame)

    def overlay(self, video_id: str, frame: int, since: int | None) -> dict[str, Any]:
        """Landmarks of a frame, and motion since another one."""
        numbers = (frame,) if since is None else (frame, since)
        for number in numbers:
            self._check_frame(video_id, number)
        return self._overlay.of(*self._readers[video_id].pictures(*numbers))

    def _check_frame(self, video_id: str, frame: int) -> None:
        path = self._found(video_id, "clock.npz")
        clock = _clock(path, _version(path))
        if not clock.holds(frame):
            raise VideoError(f"frame {frame}", f"{clock.first_frame} to {clock.last_frame}")

    def _reader(self, video_id: str) -> FrameReader:
        entry, turned_deg = self.project.video(video_id), self.project.analysis(video_id).turned_deg
        place = self._place(video_id)
        fps_hz = entry.fps_hz if entry.folder else None
        keys = load_jumps(self._found(video_id, "jumps.npz"))
        return FrameReader(place, turned_deg // 90, fps_hz, keys)

    # reviews

    def review(self, video_id: str, coder: str) -> dict[str, Any]:
        """What a coder made of a video."""
        review = self.project.review(video_id, coder_name(coder))
        return shown.shown_review(review, self.project.config.blinded)

    def review_if_new(self, video_id: str, coder: str, count: int) -> dict[str, Any] | None:
        """The same where it has not as many edits as the page knows of; None: nothing new."""
        review = self.project.review(video_id, coder_name(coder))
        if len(review.history) == count:
            return None
        return shown.shown_review(review, self.project.config.blinded)

    def edit(self, video_id: str, coder: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Apply and keep an edit; gives what it made of its event, exclusion or remark.

        Raises:
            ConflictError: the same was changed meanwhile.
            ConfigError: it is none, or nothing that can be done.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        edit = Edit.of({**values, "time": now})
        try:
            review = self.project.append(video_id, coder_name(coder), edit)
        except EditConflict as error:
            review = self.project.review(video_id, coder_name(coder))
            raise ConflictError(error.found, self._told(review, error.current)) from None
        change = review.history[edit.id]
        told = self._told(review, review.things[change.after.id])
        if edit.kind == "undo":
            told["undone"] = _in_words(review, change.edit.target)
        return told

    def _told(self, review: Review, thing: Thing) -> dict[str, Any]:
        shown_thing = shown.shown(thing, self.project.config.blinded)
        return {"thing": shown_thing, **shown.shown_state(review)}

    def coders(self) -> list[str]:
        return self.project.coders()

    def agreement(self, first: str, second: str) -> dict[str, Any]:
        """How far two coders agree; see ``shown_agreement``."""
        return shown_agreement(self.project, first, second)

    # files

    def about(self) -> dict[str, Any]:
        """What the page needs once."""
        return {
            "name": self.project.config.name or self.project.folder.name,
            "folder": str(self.project.folder),
            "coder": self.coder,
            "coders": self.coders(),
            "kinds": list(get_args(EventKind)),
            "most_bytes": self.uploads.most_bytes,
            "labels": [] if self.project.config.blinded else self._classes(),
            "formats": [
                {"name": e.name, "title": e.title, "suffixes": e.suffixes} for e in exporters()
            ],
        }

    def export(self, coder: str, format_name: str, suffix: str, video_id: str = "") -> Export:
        """Write a coder's events of one video, or of all, into the project's folder ``exports``.

        Raises:
            ConfigError: an unknown format, or nothing is analysed.
        """
        exporter = EXPORTERS[format_name]
        if suffix not in exporter.suffixes:
            raise ConfigError(f"{format_name} as {suffix}", " or ".join(exporter.suffixes))
        analyses = self._reviewed(coder, video_id)
        stem = f"{video_id or 'events'}-{coder_folder(coder).rpartition('-')[0]}"
        path = self.exports / f"{stem}{suffix}"
        write_events(analyses, _classes_of(analyses), path, format_name)
        return Export(path.name, path)

    def _reviewed(self, coder: str, video_id: str) -> list[Analysis]:
        """As the coder left it; what was found, where the coder has done nothing yet."""
        entries = [entry for entry in self.project.videos() if entry.analysed]
        wanted = [entry for entry in entries if video_id in ("", entry.id)]
        if not wanted:
            raise ConfigError("no analysed video to export", "one that is ready")
        if coder_name(coder) not in self.coders():
            return [self.project.analysis(entry.id) for entry in wanted]
        places = [entry.id for entry in entries]
        reviewed = self.project.reviewed(coder)
        return [reviewed[places.index(entry.id)] for entry in wanted]

    def _classes(self) -> list[str]:
        analysed = (entry for entry in self.project.videos() if entry.analysed)
        first = next(analysed, None)
        return [] if first is None else _classes_of([self.project.analysis(first.id)])


def exporters() -> list[Exporter]:
    """All that can be loaded; one of another package that cannot is in the way of nothing."""
    return [thing for thing in EXPORTERS.load_all()[0].values() if isinstance(thing, Exporter)]


def _classes_of(analyses: Iterable[Analysis]) -> list[str]:
    """The model's classes, in its order; none where nothing was named."""
    named = (event.probabilities for analysis in analyses for event in analysis.events)
    return list(next(filter(None, named), ()))


def _in_words(review: Review, edit_id: str) -> str:
    edit = review.history[edit_id].edit
    if edit.kind == "undo":
        return f"the undo of {_in_words(review, edit.target)}"
    return f"{edit.kind} of {review.history[edit_id].after.id}"


@lru_cache(maxsize=256)
def _native(place: Path) -> str:
    return playable_as(place)


def _version(path: Path) -> int:
    """Changes with a file; its readers are remembered by it."""
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=8)
def _clock(path: Path, version: int) -> Clock:
    del version
    return load_clock(path)
