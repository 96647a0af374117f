"""What a job may take of its machine; on the head's own, also whom it ends with."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from merkit.files import process_lives
from merkit.workers import cores, take_share

_LOOK_S = 0.5


@dataclass(frozen=True)
class Share:
    """``cores`` for the threads of the job, and the number of the ``head``'s process."""

    cores: int
    head: int

    def take(self) -> None:
        """Take no more cores, and end when the head does, or what began this process: a machine of
        one's own is free again when the command that filled it is gone, however it went."""
        take_share(self.cores)
        parent = os.getppid()

        def watch() -> None:
            while os.getppid() == parent and process_lives(self.head):
                time.sleep(_LOOK_S)
            os._exit(1)

        threading.Thread(target=watch, daemon=True, name="end with the head").start()


def take_given() -> None:
    """Take no more cores than SLURM gave the job. Where it does not bind jobs to cores, each sees
    all of its machine, and would begin as many workers beside the jobs of others."""
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    if given.isdecimal():
        take_share(min(cores(), int(given)))
