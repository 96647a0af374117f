"""Which job trained which fold, on what kind of machine.

Each job writes a record of its own beside its log, since several must not write one file;
``run.json`` takes them up when all have ended.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from secrets import token_hex
from typing import Any

import torch

from merkit.files import read_json, write_json
from merkit.runs.fold import FoldOutcome
from merkit.runs.folder import CLUSTER, RunFolder
from merkit.training.device import choose_device

_FIELDS = ("job", "machine", "folds")


class JobFolder(RunFolder):
    """A run folder as a job sees it: what it stores goes there, and what is to be noted of how into
    the record of this start of the job."""

    def __init__(self, path: Path, device: str) -> None:
        from submitit import JobEnvironment

        super().__init__(path)
        job = JobEnvironment().job_id
        self._record = path / CLUSTER / f"{job}-{token_hex(4)}.json"
        self._told: dict[str, Any] = {"job": job, "machine": _machine(device), "folds": []}

    def note(self, name: str, value: Any) -> None:
        self._told[name] = value
        write_json(self._record, self._told)

    def write_fold(self, result: FoldOutcome) -> None:
        super().write_fold(result)
        self.note("folds", [*self._told["folds"], f"{result.fold} (seed {result.seed})"])


def take_up(run: RunFolder) -> None:
    """Take what the jobs of a run told into its ``run.json``, beside what is there of others.

    Raises:
        StoreError: a record cannot be read.
    """
    found = {
        path.stem: read_json(path, _FIELDS, "what a job told", "delete it")
        for path in sorted((run.path / CLUSTER).glob("*-*.json"))
    }
    if found:
        document = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
        run.note("cluster", document.get("cluster", {}) | found)


def _machine(device: str) -> str:
    """What kind of machine this is, as far as the last bits of a result depend on it. Its name is
    in the log of the job alone: a run is passed on, and the names of machines are nobody's
    business."""
    place = choose_device(device)
    unit = torch.cuda.get_device_name(place) if place.startswith("cuda") else "CPU"
    return f"{platform.platform()}, {unit}"
