"""Independent jobs side by side in fresh processes, in the order they finish."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def worker_count(wanted: int, jobs: int) -> int:
    """Number of processes: ``wanted``, or one a usable core, never more than jobs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(wanted or cores or 1, jobs))


def run_jobs(work: Callable[[J], R], jobs: Sequence[J], workers: int) -> Iterator[R]:
    """Yield ``work(job)`` as jobs finish. One worker runs them here, in order.

    Processes are spawned, not forked: threads of torch and OpenCV do not survive a fork. An
    error in one job, or an interrupt, cancels those that have not begun and is raised here.
    """
    count = worker_count(workers, len(jobs))
    if count == 1:
        yield from map(work, jobs)
        return
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(work, job) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
