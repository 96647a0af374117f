"""Which jobs were handed over, in a file: a head that begins again finds those that still run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from merkit.config import validated
from merkit.files import read_json, write_json
from merkit.runs.cluster.work import FoldsWork, Work

_FIX = "delete that file; jobs that still run are then not found, and their folds trained twice"


@dataclass(frozen=True)
class Entry:
    """A job that was handed over. ``run``: the name of the run whose folds (name, seed) it has; one
    that prepares runs has none. ``handed_s``: when, in seconds since 1970."""

    job: str
    run: str
    folds: tuple[tuple[str, int], ...]
    handed_s: float


class Ledger:
    """The jobs of a head, in the order they were handed over."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            StoreError: the file is no ledger.
        """
        self.path = folder / "jobs.json"
        self.entries: list[Entry] = []
        self.ended: set[str] = set()
        if self.path.is_file():
            told = read_json(self.path, ("jobs", "ended"), "a list of jobs", _FIX)
            self.entries = [validated(Entry, one, self.path, "a job", _FIX) for one in told["jobs"]]
            self.ended = set(told["ended"])

    def add(self, jobs: Iterable[str], works: Iterable[Work]) -> None:
        """Write down what was handed over."""
        for job, work in zip(jobs, works, strict=True):
            folds: tuple[tuple[str, int], ...] = ()
            if isinstance(work, FoldsWork):
                folds = tuple((fold.name, seed) for fold, seed in work.folds)
            run = work.run.out.name if folds else ""
            self.entries.append(Entry(job, run, folds, time.time()))
        self._write()

    def end(self, job: str) -> None:
        """Write down that a job is no more."""
        self.ended.add(job)
        self._write()

    def open(self) -> list[Entry]:
        """Jobs that ran when the head was last seen."""
        return [entry for entry in self.entries if entry.job not in self.ended]

    def _write(self) -> None:
        jobs = [asdict(entry) for entry in self.entries]
        write_json(self.path, {"jobs": jobs, "ended": sorted(self.ended)})
