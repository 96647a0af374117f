"""The jobs of a head: so many at a time, each watched to its end, and handed over again if it died.

What counts is what was stored, not what a job says: a fold is done when it lies in the run folder.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from merkit.errors import MerkitError
from merkit.runs.cluster.config import ClusterConfig
from merkit.runs.cluster.executor import make_executor, outcome, submit
from merkit.runs.cluster.ledger import Entry, Ledger
from merkit.runs.cluster.packing import packed
from merkit.runs.cluster.work import Work

if TYPE_CHECKING:
    from submitit import Job

W = TypeVar("W", bound=Work[Any])

#: seconds between two looks at the jobs; SLURM itself is asked more seldom, by submitit
LOOK_S = {"local": 0.2, "slurm": 5.0}
#: how long a folder on a network may show an older state to this machine than to the one that
#: wrote it: by default NFS keeps what it knows of a folder for up to a minute
SEEN_S = 60.0
#: a job that lost its place to another gets a new one within that time, where SLURM gives it one at
#: all; submitit would wait for ever
PREEMPTED_S = 600.0
#: SLURM knows a new job after some seconds, and forgets an old one after months
_KNOWN_S = 600.0


@dataclass(frozen=True)
class Running:
    """A job with what it does. ``deaths``: how often that ended without storing anything."""

    job: Job[Any]
    work: Work[Any]
    deaths: int = 0


@dataclass(frozen=True)
class Lost:
    """What was given up: ``error`` where merkit itself refused, else only why the job ended."""

    work: Work[Any]
    job: str
    why: str
    log: Path
    error: MerkitError | None


class Crew:
    """Hands work over and sees to its end. ``config``: how many jobs, and tries. ``folder``: of
    their scripts and logs."""

    def __init__(self, config: ClusterConfig, folder: Path) -> None:
        self.config, self.folder, self.ledger = config, folder, Ledger(folder)
        self.running: list[Running] = []
        self._preempted_s: dict[str, float] = {}
        self.lost: list[Lost] = []

    def find(self, entry: Entry, work: Work[Any]) -> bool:
        """Whether a job of an earlier head still waits or runs; then it is watched too, and what
        it does not handed over again. Those of this machine ended with their head."""
        if self.config.cluster == "slurm":
            from submitit import SlurmJob

            job: Job[Any] = SlurmJob(self.folder.absolute(), entry.job)
            known = job.state != "UNKNOWN" or time.time() - entry.handed_s < _KNOWN_S
            if known and not job.done(force_check=True):
                self.running.append(Running(job, work))
                return True
        self.ledger.end(entry.job)
        return False

    def dealt(self, whole: W, size: Callable[[Any], float]) -> list[W]:
        """What of a run is to be handed over, in parts for a job each: all but what a job of an
        earlier head still has.

        Args:
            size: how much work an item is.
        """
        for entry in self.ledger.open(whole.stage):
            if entry.run == whole.run.out.name:
                its = tuple(item for item in whole.items if whole.name(item) in entry.parts)
                if self.find(entry, replace(whole, items=its)):
                    rest = tuple(item for item in whole.items if item not in its)
                    whole = replace(whole, items=rest)
        parts = packed(whole.items, [*map(size, whole.items)], self.config.jobs)
        return [replace(whole, items=part) for part in parts]

    def do(self, works: Sequence[Work[Any]], tell: Callable[[], None]) -> None:
        """Hand all of this over, and wait until it is done or given up (``lost``).

        Args:
            tell: is called after each look.

        Raises:
            ConfigError: as ``submit``.
            KeyboardInterrupt: names the jobs that go on.
        """
        waiting = deque((work, 0) for work in works)
        try:
            tell()
            while waiting or self.running:
                self._hand_over(waiting)
                time.sleep(LOOK_S[self.config.cluster])
                for one in [one for one in self.running if self._is_over(one.job)]:
                    self.running.remove(one)
                    again = self._ended(one)
                    waiting.extend([] if again is None else [again])
                tell()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._going_on()) from None

    def _hand_over(self, waiting: deque[tuple[Work[Any], int]]) -> None:
        """As much of what waits as there is room for; what is of one run, as one array of jobs."""
        while waiting and len(self.running) < self.config.jobs:
            run = waiting[0][0].run
            batch: list[tuple[Work[Any], int]] = []
            room = self.config.jobs - len(self.running)
            while waiting and waiting[0][0].run is run and len(batch) < room:
                batch.append(waiting.popleft())
            works = [work for work, _ in batch]
            jobs = submit(make_executor(run, self.folder), works)
            self.ledger.add([job.job_id for job in jobs], works)
            self.running += [
                Running(job, work, deaths) for job, (work, deaths) in zip(jobs, batch, strict=True)
            ]

    def _is_over(self, job: Job[Any]) -> bool:
        if job.done():
            return True
        if job.state != "PREEMPTED":
            self._preempted_s.pop(job.job_id, None)
            return False
        since_s = self._preempted_s.setdefault(job.job_id, time.monotonic())
        return time.monotonic() - since_s > PREEMPTED_S

    def _ended(self, one: Running) -> tuple[Work[Any], int] | None:
        """What is to be handed over again of a job that has ended."""
        error, why = outcome(one.job)
        rest = one.work.left() if why else _awaited(one.work)
        self.ledger.end(one.job.job_id)
        for path in (one.job.paths.submitted_pickle, one.job.paths.result_pickle):
            path.unlink(missing_ok=True)
        if rest is None:
            return None
        if error is None and rest.size < one.work.size:
            return rest, 0
        if error is None and one.deaths + 1 < self.config.tries:
            # it may have been what came first that killed it: the others are to have their turn
            return rest.later(), one.deaths + 1
        why = why or "it ended, and its results are not in the folder"
        log = Path(one.job.paths.stderr)
        self.lost.append(Lost(rest, one.job.job_id, why, log, error))
        return None

    def _going_on(self) -> str:
        """What to say of jobs that outlive this process."""
        jobs = sorted({one.job.job_id.split("_")[0] for one in self.running})
        if not jobs or self.config.cluster == "local":
            return ""
        return f"jobs {', '.join(jobs)} go on (scancel {' '.join(jobs)} ends them)"


def _awaited(work: Work[Any]) -> Work[Any] | None:
    """What is left of work that was done: nothing, once this machine sees it."""
    until = time.monotonic() + SEEN_S
    while (rest := work.left()) is not None and time.monotonic() < until:
        time.sleep(1.0)
    return rest
