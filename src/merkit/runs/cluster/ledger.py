"""Which jobs were handed over, in a file: a head that begins again finds those that still run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merkit.config import validated
from merkit.files import read_json, write_json
from merkit.runs.cluster.work import Stage, Work

_FIX = "delete that file; jobs that still run are then not found, and their work done twice"


@dataclass(frozen=True)
class Entry:
    """A job that was handed over, with what its work says of itself. ``handed_s``: when, in seconds
    since 1970."""

    job: str
    stage: Stage
    run: str
    parts: tuple[str, ...]
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

    def add(self, jobs: Iterable[str], works: Iterable[Work[Any]]) -> None:
        """Write down what was handed over."""
        for job, work in zip(jobs, works, strict=True):
            name = work.run.out.name
            self.entries.append(Entry(job, work.stage, name, work.parts, time.time()))
        self._write()

    def end(self, job: str) -> None:
        """Write down that a job is no more."""
        self.ended.add(job)
        self._write()

    def open(self, stage: Stage) -> list[Entry]:
        """Jobs of a stage that ran when the head was last seen."""
        alive = (entry for entry in self.entries if entry.job not in self.ended)
        return [entry for entry in alive if entry.stage == stage]

    def _write(self) -> None:
        jobs = [asdict(entry) for entry in self.entries]
        write_json(self.path, {"jobs": jobs, "ended": sorted(self.ended)})
