"""A program of ``torch.export`` (.pt2): torch runs it, without merkit.

``torch.export.load(path).module()(*arrays)`` gives the outputs; what the file says of itself is the
extra file ``merkit.json`` in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from merkit.inference.programs.program import Program

if TYPE_CHECKING:
    from torch.export import ExportedProgram

ABOUT = "merkit.json"


def check() -> None:
    """torch is there."""


def write(traced: ExportedProgram, program: Program, about: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as file:  # torch insists on its own suffix of a path
        torch.export.save(traced, file, extra_files={ABOUT: json.dumps(about)})


def run(path: Path, arrays: list[np.ndarray]) -> list[np.ndarray]:
    with path.open("rb") as file, torch.no_grad():
        outputs = torch.export.load(file).module()(*map(torch.from_numpy, arrays))
    return [one.numpy() for one in outputs]
