"""Videos that wait for their analysis: one at a time, in a process of its own.

A process can be ended at any moment, which a thread cannot, and takes nothing with it when it dies.
What waits stands in a file, so that another start goes on with it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal, TypeAlias

from merkit.errors import MerkitError, StoreError
from merkit.files import read_json, write_json
from merkit.progress import Progress
from merkit.review.project import ProjectConfig
from merkit.workers import end_with_parent

State = Literal["waiting", "running", "done", "broken", "cancelled"]
#: analyses one video and writes what it finds; runs in another process, so a plain function
Work: TypeAlias = Callable[["Job", Progress], None]

#: seconds between two words of the worker
_TELL_EVERY_S = 0.2
#: seconds that a worker has to end when it is told to
_END_WITHIN_S = 5.0


@dataclass(frozen=True)
class Job:
    """One video to analyse: its id, its file, the folder for the results, and the settings."""

    video_id: str
    video: Path
    out: Path
    config: ProjectConfig = field(default_factory=ProjectConfig)


@dataclass(frozen=True)
class Entry:
    """How far a video is.

    ``stage``: what is being done, ``done`` of ``total`` units of it (0: not known); ``left_s``:
    seconds to the end of the stage, None where there is no telling. ``problem``: why it is broken.
    """

    state: State = "waiting"
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    left_s: float | None = None
    problem: str = ""


class Queue:
    """The videos of a project that are, were, or will be analysed.

    Args:
        kept: the file that holds what waits.
        work: does one video.
        jobs: makes the job of a video's id.
        finish: takes over what the work of a job has written, in this process.

    Raises:
        StoreError: ``kept`` is damaged.
    """

    def __init__(
        self,
        kept: Path,
        work: Work,
        jobs: Callable[[str], Job],
        finish: Callable[[Job], None],
    ) -> None:
        self._kept, self._work, self._jobs, self._finish = kept, work, jobs, finish
        self._entries: dict[str, Entry] = _read(kept)
        self._changed, self._closing = Condition(), False
        self._cancelled: set[str] = set()
        self._thread = Thread(target=self._run, name="queue", daemon=True)

    def start(self) -> None:
        """Begin with what waits."""
        self._thread.start()

    def close(self) -> None:
        """End the worker; its video and all that wait are done at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def entries(self) -> Mapping[str, Entry]:
        """How far each video is, in the order in which they came."""
        with self._changed:
            return dict(self._entries)

    def add(self, video_id: str) -> None:
        """Let a video wait, once more if it was done; nothing if it waits or runs already."""
        with self._changed:
            if self._entries.get(video_id, Entry("done")).state not in ("waiting", "running"):
                self._entries.pop(video_id, None)  # to the end of the queue
                self._set(video_id, Entry())

    def cancel(self, video_id: str) -> None:
        """Let a video wait no longer; the worker that is at it is ended."""
        with self._changed:
            entry = self._entries.get(video_id)
            if entry is None or entry.state not in ("waiting", "running"):
                return
            self._cancelled.add(video_id)
            if entry.state == "waiting":
                self._set(video_id, Entry("cancelled"))
                self._cancelled.discard(video_id)
            self._changed.notify_all()

    def _set(self, video_id: str, entry: Entry) -> None:
        """Written before it is told; progress alone is not worth a write."""
        before = self._entries.get(video_id)
        self._entries[video_id] = entry
        if before is None or before.state != entry.state:
            _write(self._kept, self._entries)
        self._changed.notify_all()

    def _run(self) -> None:
        while (video_id := self._next()) is not None:
            entry = self._do(video_id)
            with self._changed:
                self._cancelled.discard(video_id)
                self._set(video_id, entry)

    def _next(self) -> str | None:
        """The first that waits, marked as running; None at the end of the program."""
        with self._changed:
            while not self._closing:
                waiting = [i for i, entry in self._entries.items() if entry.state == "waiting"]
                if waiting:
                    self._set(waiting[0], Entry("running"))
                    return waiting[0]
                self._changed.wait()
        return None

    def _do(self, video_id: str) -> Entry:
        try:
            job = self._jobs(video_id)
            entry = self._in_worker(job)
            if entry.state == "done":
                self._finish(job)
            return entry
        except (MerkitError, OSError) as error:
            return Entry("broken", problem=str(error))

    def _in_worker(self, job: Job) -> Entry:
        spawn = get_context("spawn")
        here, there = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=_worker, args=(self._work, job, there), daemon=True)
        worker.start()
        there.close()
        try:
            return self._watch(job.video_id, here, worker.sentinel)
        finally:
            worker.terminate()
            worker.join(_END_WITHIN_S)
            if worker.is_alive():
                worker.kill()
                worker.join()
            here.close()

    def _watch(self, video_id: str, worker: Connection, ended: int) -> Entry:
        """Take the worker's words until it has done, died, or is to end."""
        pace = _Pace()
        while True:
            with self._changed:
                if self._closing:
                    return Entry("waiting")
                if video_id in self._cancelled:
                    return Entry("cancelled")
            ready = connection.wait([worker, ended], timeout=_TELL_EVERY_S)
            if worker in ready:
                try:
                    told = worker.recv()
                except (EOFError, OSError):
                    return Entry("broken", problem="the analysis ended without a word; try again")
                if isinstance(told, Entry):
                    return told
                with self._changed:
                    self._set(video_id, pace.entry(*told))
            elif ended in ready:
                return Entry("broken", problem="the analysis ended without a word; try again")


class _Pace:
    """Time left, from how fast the stage went so far."""

    def __init__(self) -> None:
        self._stage, self._began, self._first = "", 0.0, 0.0

    def entry(self, stage: str, done: float, total: float) -> Entry:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._first = stage, now, done
        gone = done - self._first
        known = gone > 0 and total > 0
        left_s = (now - self._began) * max(total - done, 0) / gone if known else None
        return Entry("running", stage, done, total, left_s)


def _worker(work: Work, job: Job, parent: Connection) -> None:
    """Do a job and say how it went. Ctrl-C reaches it too, and is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    told_s = 0.0

    def progress(stage: str, done: float, total: float) -> None:
        nonlocal told_s
        now = time.monotonic()
        if now - told_s >= _TELL_EVERY_S or done >= total > 0:
            told_s = now
            parent.send((stage, done, total))

    try:
        work(job, progress)
        parent.send(Entry("done"))
    except MerkitError as error:
        parent.send(Entry("broken", problem=str(error)))
    except OSError as error:  # the machine's answer: no room, a path that ends
        parent.send(Entry("broken", problem=str(error)))
    except Exception as error:
        kind = type(error).__name__
        parent.send(Entry("broken", problem=f"a bug of ours: {kind}: {error}; please report it"))


def _read(kept: Path) -> dict[str, Entry]:
    """What a file holds; one that was running waits again."""
    if not kept.exists():
        return {}
    rows: Any = read_json(kept, ("queue",), "a queue of merkit app", f"move {kept} away")["queue"]
    try:
        entries = {str(row.pop("video")): Entry(**row) for row in rows}
    except (AttributeError, KeyError, TypeError):
        raise StoreError(
            f"{kept} holds no queue", "what merkit app wrote", f"move {kept} away"
        ) from None
    running = {i: Entry() for i, entry in entries.items() if entry.state == "running"}
    return entries | running


def _write(kept: Path, entries: Mapping[str, Entry]) -> None:
    bare = {i: replace(entry, done=0.0, total=0.0, left_s=None) for i, entry in entries.items()}
    rows: Sequence[dict[str, Any]] = [{"video": i, **asdict(e)} for i, e in bare.items()]
    write_json(kept, {"queue": rows})
