"""Independent jobs side by side: in fresh processes, in the order they finish, or in threads."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import connection, get_context
from typing import Any, TypeVar

from merkit.errors import WorkerError

J = TypeVar("J")
R = TypeVar("R")


#: what a worker that ended too early may mean
_BROKEN = (
    "a worker process ended before its work was done",
    "processes that live until then",
    'in a script, call merkit below: if __name__ == "__main__": (a worker begins by running the '
    "script). Where it is so, the process was killed, most often for want of memory: take fewer "
    "workers, or 1",
)
#: in the environment of a worker: the cores that are its share
_SHARE = "MERKIT_WORKER_CORES"


def cores() -> int:
    """Cores for the threads of this process: all that are usable, in a worker its share of them."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(os.environ.get(_SHARE, usable or 1))


def worker_count(wanted: int, jobs: int) -> int:
    """Number of processes: ``wanted``, or one a usable core, never more than jobs."""
    return max(1, min(wanted or cores(), jobs))


def run_jobs(work: Callable[[J], R], jobs: Sequence[J], workers: int) -> Iterator[R]:
    """Yield ``work(job)`` as jobs finish. One worker runs them here, in order.

    Processes are spawned, not forked: threads of torch and OpenCV do not survive a fork. An
    error in one job, or an interrupt, ends all of them and is raised here. A worker ends when this
    process does, however that ends.

    Raises:
        WorkerError: a process ended before its job was done.
    """
    end_if_begun_again()
    count = worker_count(workers, len(jobs))
    if count == 1:
        yield from map(work, jobs)
        return
    before = set(multiprocessing.active_children())
    share = max(1, cores() // count)
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin, initargs=(share,))
    try:
        for future in as_completed([pool.submit(work, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool:
        raise WorkerError(*_BROKEN) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()  # nobody waits for what it makes; files appear whole or not at all
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_a_process(work: Callable[..., R], *given: Any) -> R:
    """``work`` of what is given, in a fresh process, so that its memory is its own. It ends when
    this process does; an error in it is raised here.

    Raises:
        WorkerError: the process ended before that.
    """
    end_if_begun_again()
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
        try:
            return pool.submit(work, *given).result()
        except BrokenProcessPool:
            raise WorkerError(*_BROKEN) from None


def end_if_begun_again() -> None:
    """End this process where it is a worker that runs the script of its parent, as each does before
    its first job: a script that does not keep its work below ``if __name__ == "__main__":`` would
    do all of it again. The parent then tells (``WorkerError``)."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)


def _begin(share: int) -> None:
    take_share(share)
    end_with_parent()


def take_share(share: int) -> None:
    """Take no more than a share of the cores: as many threads in every worker as there are cores
    would wait for each other."""
    os.environ[_SHARE] = os.environ["OPENCV_FOR_THREADS_NUM"] = str(share)
    if "cv2" in sys.modules:  # else it reads the variable when it is imported
        sys.modules["cv2"].setNumThreads(share)


def end_with_parent() -> None:
    """Watch for the end of the parent, which a signal may kill without a word to its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in a worker

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()


@lru_cache(maxsize=1)
def threads() -> ThreadPoolExecutor:
    """Two threads for the process, one in a worker that has no more cores, for work in which OpenCV
    sets Python free. What runs in them must not wait for more of them."""
    return ThreadPoolExecutor(min(2, cores()), thread_name_prefix="merkit")
