"""Stand-ins for a cluster: jobs that start at once, and a SLURM of shell scripts."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

#: a SLURM that runs each job of an array on this machine,
_SBATCH = """#!/bin/bash
cd "{folder}"
id=$(( $(cat last 2>/dev/null || echo 100) + 1 )); echo $id > last
cp "$1" script-$id.sh
if grep -q -- --partition=closed "$1"; then echo "invalid partition specified" >&2; exit 1; fi
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
for n in $(seq 0 ${{last:-0}}); do
  name=$id; array=()
  if [ -n "$last" ]; then name=${{id}}_$n; array=(SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=$n); fi
  echo RUNNING > state-$name
  if [ ! -e paused ]; then
    (
      cd "$OLDPWD"; env "${{array[@]}}" SLURM_JOB_ID=$id bash "$1"
      echo COMPLETED > {folder}/state-$name
    ) > out-$name 2>&1 < /dev/null &
  fi
done
echo "Submitted batch job $id"
"""
_SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do [[ "$1" == --unbuffered ]] && shift || shift 2; done
exec "$@"
"""
_SACCT = """#!/bin/bash
cd "{folder}"
if [ -e forgets ]; then echo "Slurm accounting storage is disabled" >&2; exit 1; fi
echo "JobID|State|NodeList"
for one in state-*; do echo "${{one#state-}}|$(cat $one)|node1"; done
"""


class FakeSlurm:
    """Programs of SLURM in a folder that stands first on the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        for name, text in (("sbatch", _SBATCH), ("srun", _SRUN), ("sacct", _SACCT)):
            program = bin_folder / name
            program.write_text(
                text.replace("{folder}", str(folder)).replace("{{", "{").replace("}}", "}")
            )
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")

    def scripts(self) -> list[str]:
        """What was handed over, in that order."""
        return [path.read_text() for path in sorted(self.folder.glob("script-*.sh"))]

    def states(self) -> dict[str, Path]:
        """Job -> the file of its state."""
        return {p.name.removeprefix("state-"): p for p in sorted(self.folder.glob("state-*"))}


class Forked:
    """A process of submitit's that began as a copy of this one: no interpreter has to start."""

    def __init__(self, folder: Path, environment: Mapping[str, str], log: str) -> None:
        self.pid = os.fork()
        self._code: int | None = None
        if self.pid == 0:
            self._run(folder, environment, log.replace("%p", str(os.getpid())))

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def _run(self, folder: Path, environment: Mapping[str, str], log: str) -> None:
        from submitit.core.submission import process_job

        code = 1
        try:
            with (folder / log).open("a") as stream:
                os.dup2(stream.fileno(), 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            own = {key: value.replace("%p", str(os.getpid())) for key, value in environment.items()}
            os.environ |= own
            while not list(folder.glob(f"{log.partition('_0_')[0]}_submitted.pkl")):
                time.sleep(0.01)
            process_job(folder)
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)


def fork_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of ``--cluster local`` start as copies of this process, with whatever was patched."""
    monkeypatch.setattr("submitit.local.local.start_controller", _forked)
    # the threads of OpenCV did not come along, and it would wait for them
    monkeypatch.setattr("merkit.runs.cluster.share.take_share", lambda share: None)


def _forked(folder: Path, command: str, **_: Any) -> Forked:
    own = {"SUBMITIT_EXECUTOR": "local", "SUBMITIT_LOCAL_JOB_ID": "%p"}
    return Forked(folder, own, "%p_0_log.err")


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked after its end does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
