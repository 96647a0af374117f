"""A job on the head's own machine: its share of the cores, and whom it ends with."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from merkit.files import process_lives
from merkit.workers import take_share

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
