"""Processes end with the one that started them, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from merkit import workers
from merkit.errors import WorkerError

_JOBS = """
import sys, time
from pathlib import Path
from merkit import cli
from merkit.workers import run_jobs
import merkit.cli.prepare as prepare
from tests_slow_job import slow

def work(words):
    list(run_jobs(slow, [Path(words[0]) / "a", Path(words[0]) / "b"], 2))
    return 0

if __name__ == "__main__":
    prepare.run = work
    sys.exit(cli.main(["prepare", sys.argv[1]]))
"""
_SLOW = """
import time

def slow(place):
    place.touch()
    time.sleep(120)
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)]
)
def test_no_worker_outlives_a_command_that_is_killed(
    tmp_path: Path, sent: signal.Signals, code: int
):
    (tmp_path / "main_jobs.py").write_text(_JOBS, encoding="utf-8")
    (tmp_path / "tests_slow_job.py").write_text(_SLOW, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "main_jobs.py"), str(tmp_path)]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while not all((tmp_path / name).exists() for name in "ab"):
        assert time.monotonic() - begun < 60
        time.sleep(0.05)
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) >= 2
    parent.send_signal(sent)
    assert parent.wait(5) == code
    _, alive = psutil.wait_procs(family, timeout=5)
    for process in alive:
        process.kill()
    assert not alive


def test_workers_share_the_cores():
    """Not as many threads in each of them as there are cores."""
    share = max(1, workers.cores() // 2)
    asked = [f"__import__({name!r}, fromlist='-').{name_of}()" for name, name_of in _COUNTS]
    assert list(workers.run_jobs(eval, asked, 2)) == [share] * len(asked)
    assert "MERKIT_WORKER_CORES" not in os.environ


_COUNTS = (("cv2", "getNumThreads"), ("merkit.workers", "cores"))


def test_a_script_without_a_main_guard_is_told_so_and_not_run_twice(tmp_path: Path):
    """Workers begin by running the script: there it ends where merkit would begin to work."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from pathlib import Path\n"
        "from merkit.files import sole_writer\n"
        "from merkit.workers import run_jobs\n"
        "with sole_writer(Path('out')):\n"
        "    with open('begun', 'a') as stream:\n"
        "        stream.write('again ')\n"
        "    print(list(run_jobs(abs, [-1, -2], 2)))\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert (tmp_path / "begun").read_text() == "again "
    assert ran.stderr.count("Traceback") == 1
    assert 'below: if __name__ == "__main__":' in ran.stderr


@pytest.mark.parametrize(
    "run",
    [
        lambda: list(workers.run_jobs(os._exit, [1, 1], 2)),
        lambda: workers.in_a_process(os._exit, 1),
    ],
)
def test_a_worker_that_is_killed_is_told(run: Callable[[], object]):
    with pytest.raises(WorkerError, match="take fewer workers"):
        run()
