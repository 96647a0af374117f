"""How much of each video a coder has judged, for the list; counted in the background, since fifty
reviews of an hour take seconds to read for the first time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeAlias

from merkit.errors import MerkitError
from merkit.review.coders import coder_folder
from merkit.review.project import Project
from merkit.types import EXPRESSIONS

#: events that are judged, and that are to be judged
Counts: TypeAlias = tuple[int, int]


class Judged:
    """The counts of a project. One reader at a time, so that what the page asks meanwhile waits for
    no more than one video."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="judged")
        self._counts: dict[tuple[str, str], tuple[int, Future[Counts | None]]] = {}
        self._lock = Lock()

    def of(self, video_id: str, coder: str) -> Counts | None:
        """Those of an analysed video; None while they are counted, and where they cannot be."""
        folder = coder_folder(coder)
        journal = self._project.folder / "reviews" / folder / f"{video_id}.jsonl"
        try:
            version = journal.stat().st_size
        except FileNotFoundError:
            found = self._project.video(video_id).found
            return 0, sum(found.get(kind, 0) for kind in EXPRESSIONS)
        with self._lock:
            known = self._counts.get((video_id, folder))
            if known is None or known[0] != version:
                counting = self._readers.submit(self._count, video_id, coder)
                before = None if known is None else known[1]
                self._counts[video_id, folder] = version, counting
                if before is not None and before.done():  # a moment old is better than nothing
                    return before.result()
                known = version, counting
        return known[1].result() if known[1].done() else None

    def close(self) -> None:
        self._readers.shutdown(wait=True, cancel_futures=True)

    def _count(self, video_id: str, coder: str) -> Counts | None:
        try:
            events = self._project.review(video_id, coder).events
        except MerkitError:  # told where it is opened
            return None
        # expressions wait for a verdict; of others those count that got one
        told = [event for event in events if event.event.kind in EXPRESSIONS or event.judged]
        return sum(event.judged for event in told), len(told)
