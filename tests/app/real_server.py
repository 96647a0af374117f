"""``merkit app`` as a process of its own, and a browser of this machine where there is one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

#: no sandbox: it asks for rights that containers do not give; nothing remote is ever opened
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Where the machine's own Chromium is; "" where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), "")


@dataclass
class RealServer:
    """A server that runs, with the address that it printed."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def kill(self) -> None:
        """As kill -9, or a machine that goes down."""
        self.process.kill()
        self.process.wait(20)

    def interrupt(self) -> int:
        """Ctrl-C; gives its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def start(folder: Path, *options: str) -> RealServer:
    code = "import sys; from merkit.cli import main; sys.exit(main())"
    words = ["app", str(folder), "--no-browser", "--model", "none", *options]
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it is read when the start fails
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            return RealServer(process, found.group())
    log.seek(0)
    raise AssertionError(f"merkit app did not start: {log.read()}")
