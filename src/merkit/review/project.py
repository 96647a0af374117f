"""A review project: a folder of plain files; the videos stay where they are.

project.json                  version, name, and how its videos are analysed
videos/<id>/video.json        where the video is and how it is known again
videos/<id>/analysis.json     what was found in it
videos/<id>/clock.npz         which frame is shown when
reviews/<coder>/coder.json    the name of a coder
reviews/<coder>/<id>.jsonl    that coder's edits of one video
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from merkit.errors import ConfigError, StoreError
from merkit.files import file_hash, read_json, remove_leftovers, sole_writer, write_json
from merkit.inference.analysis import Analysis
from merkit.review.analysis_file import load_analysis, save_analysis
from merkit.review.clock import Clock, load_clock, save_clock
from merkit.review.coders import coder_folder, coder_name
from merkit.review.edits import Edit
from merkit.review.entries import entries, new_id
from merkit.review.entry import (
    State,
    VideoEntry,
    content_of,
    entry_of,
    load_entry,
    save_entry,
    subject_name,
)
from merkit.review.journal import Journal
from merkit.review.project_file import ProjectConfig, read_config, save_config
from merkit.review.review import Review
from merkit.review.reviewed import reviewed_analysis

__all__ = ["Project", "ProjectConfig"]


class Project:
    """One project. Everything is read from its files; what is written is on the disk when the
    method returns. Safe to use from several threads; ``writing`` keeps other processes out."""

    def __init__(self, folder: Path, config: ProjectConfig) -> None:
        self.folder, self.config = folder, config
        self._guard = RLock()
        self._writing = 0
        #: while this process alone writes: by video and coder
        self._open: dict[tuple[str, str], tuple[Journal, Review]] = {}

    @classmethod
    def create(cls, folder: Path | str, config: ProjectConfig | None = None) -> Project:
        """Begin a project in a new or empty folder.

        Raises:
            ConfigError: something is there already, or nothing can be written there.
        """
        folder = Path(os.path.abspath(folder))
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ConfigError(f"{folder} is not empty", "a new or empty folder", "choose another")
        config = config or ProjectConfig(name=folder.name)
        project = cls(folder, config)
        for name in ("videos", "reviews"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        save_config(folder, config)
        return project

    @classmethod
    def open(cls, folder: Path | str) -> Project:
        """A project that is there.

        Raises:
            MissingDataError: no such project.
            StoreError: its ``project.json`` is damaged, or of a newer merkit.
        """
        folder = Path(os.path.abspath(folder))
        return cls(folder, read_config(folder))

    def configure(self, config: ProjectConfig) -> None:
        """Change the settings; what is analysed already stays as it is."""
        with self.writing():
            self.config = config
            save_config(self.folder, config)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let no other process write the project meanwhile. A server holds it for as long as it
        runs, around everything else; every method that writes holds it by itself.

        Raises:
            ConfigError: another process writes it.
        """
        with self._guard:
            if self._writing:
                self._writing += 1
                lock = None
            else:
                fix = "close the other page or command that has this project open"
                lock = sole_writer(self.folder, fix=fix)
                lock.__enter__()
                for place in (self.folder / "videos").glob("*"):
                    remove_leftovers(place)
                self._open.clear()  # another process may have written since
                self._writing = 1
        try:
            yield
        finally:
            with self._guard:
                self._writing -= 1
                if lock is not None:
                    lock.__exit__(None, None, None)

    # videos

    def add_video(self, path: Path | str, fps_hz: float | None = None, subject: str = "") -> str:
        """Take up a video, and return its id. One that is in the project, also under another name
        or taken out before, keeps its id.

        Args:
            fps_hz: frame rate of a folder of images.
            subject: the person, where several videos show one.

        Raises:
            VideoError, MissingDataError: it cannot be read.
        """
        from merkit.video import probe

        path = Path(os.path.abspath(path))
        info = probe(path, fps_hz)
        with self._guard, self.writing():
            known = {entry.content: entry for entry in entries(self.folder)}
            old = known.get(content_of(path))
            entry = entry_of(
                new_id(self.folder) if old is None else old.id, path, self.folder, info
            )
            if old is not None:
                if not old.removed and old.located(self.folder)[1] == "there":
                    if subject:
                        self.set_subject(old.id, subject)
                    return old.id
                places = ("path", "relative", "size", "modified_ns")
                now: dict[str, Any] = {name: getattr(entry, name) for name in places}
                entry = replace(old, removed=False, **now)
            self._save(replace(entry, subject=subject_name(subject) or entry.subject))
            return entry.id

    def remove_video(self, video_id: str) -> None:
        """Take a video out of the list. Its analysis and reviews stay, for when it is added again.

        Raises:
            ConfigError: no such video.
        """
        with self._guard, self.writing():
            self._save(replace(self.video(video_id), removed=True))

    def set_subject(self, video_id: str, subject: str) -> None:
        """Say who is seen in a video; "" is a person of its own.

        Raises:
            ConfigError: no such video, or no name that a database takes.
        """
        with self._guard, self.writing():
            self._save(replace(self.video(video_id), subject=subject_name(subject)))

    def videos(self) -> list[VideoEntry]:
        """The videos in the order in which they were added.

        Raises:
            StoreError: what is known of one is damaged.
        """
        return [entry for entry in entries(self.folder) if not entry.removed]

    def video(self, video_id: str) -> VideoEntry:
        """One video.

        Raises:
            ConfigError: no such video.
            StoreError: what is known of it is damaged.
        """
        path = self._path(video_id, "video.json")
        if not video_id.isalnum() or not path.is_file():
            raise ConfigError(f"no video '{video_id}' in {self.folder}", "the id of a video")
        return load_entry(path)

    def located(self, video_id: str) -> tuple[Path, State]:
        """Where a video is, and whether it is ``there``, ``missing`` or ``changed``."""
        return self.video(video_id).located(self.folder)

    def _save(self, entry: VideoEntry) -> None:
        save_entry(self._path(entry.id, "video.json"), entry)

    def _path(self, video_id: str, name: str) -> Path:
        return self.folder / "videos" / video_id / name

    # analyses

    def store(self, video_id: str, analysis: Analysis, clock: Clock) -> None:
        """Keep what was found in a video.

        Raises:
            ConfigError: a coder has reviewed another analysis of it, or no such video.
        """
        with self._guard, self.writing():
            entry = self.video(video_id)
            coders = [name for name in self.coders() if self._journal(video_id, name).edits]
            if coders:
                raise ConfigError(
                    f"{video_id} was reviewed by {', '.join(coders)}",
                    "a video that nobody has reviewed; edits are of what was found",
                    "review it in another project",
                )
            save_clock(self._path(video_id, "clock.npz"), clock)
            save_analysis(self._path(video_id, "analysis.json"), analysis)
            changes: dict[str, Any] = entry.with_analysis(analysis)
            self._save(replace(entry, **changes))
            self._open.clear()

    def analysis(self, video_id: str) -> Analysis:
        """What was found in a video, with the path where it is now.

        Raises:
            ConfigError: no such video, or not analysed yet.
            StoreError: damaged.
        """
        place, _ = self.located(video_id)
        return replace(load_analysis(self._analysed(video_id)), video=place)

    def clock(self, video_id: str) -> Clock:
        """The clock of an analysed video.

        Raises:
            ConfigError, StoreError: as ``analysis``.
        """
        return load_clock(self._analysed(video_id).with_name("clock.npz"))

    def _analysed(self, video_id: str) -> Path:
        path = self._path(self.video(video_id).id, "analysis.json")
        if not path.is_file():
            raise ConfigError(f"{video_id} is not analysed yet", "an analysed video")
        return path

    # reviews

    def coders(self) -> list[str]:
        """Names of those who have reviewed something."""
        found = sorted((self.folder / "reviews").glob("*/coder.json"))
        return [str(read_json(path, ("name",), "the name of a coder")["name"]) for path in found]

    def review(self, video_id: str, coder: str) -> Review:
        """What a coder made of a video; as it was found where the coder made nothing yet.

        Raises:
            ConfigError: no such video, not analysed yet, or no name of a coder.
            StoreError: a file is damaged, or the edits are of another analysis.
        """
        return self._reviewing(video_id, coder)[1]

    def torn(self, video_id: str, coder: str) -> str:
        """What was cut off from the end of a coder's journal, which never was told to be saved; ""
        where nothing was."""
        return self._journal(video_id, coder).torn

    def append(self, video_id: str, coder: str, edit: Edit) -> Review:
        """Apply an edit and keep it, with the time, where it has none. When this returns it is on
        the disk.

        Raises:
            EditConflict: the same was changed meanwhile; nothing is lost.
            ConfigError: it cannot be applied or written.
            StoreError: as ``review``.
        """
        with self._guard, self.writing():
            journal, review = self._reviewing(video_id, coder)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            after = review.apply(replace(edit, time=edit.time or now))
            if edit.id in review.history:
                return review
            self._introduce(coder)
            journal.append(after.history[edit.id].edit)
            self._open[video_id, coder_folder(coder)] = journal, after
            return after

    def reviewed(self, coder: str) -> list[Analysis]:
        """What exporters get: the analysed videos with this coder's corrections.

        Raises:
            ConfigError: a coder who has reviewed nothing.
            StoreError: as ``review``.
        """
        name = self.known_coder(coder)
        return [
            reviewed_analysis(self.analysis(entry.id), self.review(entry.id, name), name)
            for entry in self.videos()
            if entry.analysed
        ]

    def known_coder(self, coder: str) -> str:
        """The name as the coder wrote it first.

        Raises:
            ConfigError: nobody of that name has reviewed anything.
        """
        names = {coder_folder(name): name for name in self.coders()}
        if coder_folder(coder) not in names:
            raise ConfigError(
                f"no coder '{coder}' in {self.folder}",
                f"one of: {', '.join(names.values()) or 'nobody has reviewed anything yet'}",
            )
        return names[coder_folder(coder)]

    def _reviewing(self, video_id: str, coder: str) -> tuple[Journal, Review]:
        key = video_id, coder_folder(coder)
        with self._guard:
            if self._writing and key in self._open:
                return self._open[key]
            path = self._analysed(video_id)
            journal = self._journal(video_id, coder)
            if journal.analysis != file_hash(path):
                raise StoreError(
                    f"{journal.path} holds edits of another analysis than {path}",
                    "both as merkit wrote them",
                    "take the analysis from a backup",
                )
            review = Review.of(load_analysis(path), self.clock(video_id), journal.edits)
            if self._writing:
                self._open[key] = journal, review
            return journal, review

    def _journal(self, video_id: str, coder: str) -> Journal:
        path = self.folder / "reviews" / coder_folder(coder) / f"{self.video(video_id).id}.jsonl"
        analysis = self._path(video_id, "analysis.json")
        return Journal(path, file_hash(analysis) if analysis.is_file() else "")

    def _introduce(self, coder: str) -> None:
        path = self.folder / "reviews" / coder_folder(coder) / "coder.json"
        if not path.exists():
            write_json(path, {"name": coder_name(coder)})
