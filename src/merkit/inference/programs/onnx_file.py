"""ONNX, written by torch's own exporter, and beside it the one file that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from merkit.errors import MissingPackageError
from merkit.inference.programs import run_onnx
from merkit.inference.programs.program import Program

if TYPE_CHECKING:
    from torch.export import ExportedProgram

#: a file of ONNX holds at most 2 GiB: larger weights lie in a second file beside it
_MOST_BYTES = 1_800_000_000


def check() -> None:
    """Raises MissingPackageError where one of three packages is not installed."""
    missing = [n for n in ("onnx", "onnxscript", "onnxruntime") if find_spec(n) is None]
    if missing:
        raise MissingPackageError(
            f"{', '.join(missing)} not installed", "the extra 'onnx'", "pip install 'merkit[onnx]'"
        )


def write(traced: ExportedProgram, program: Program, about: Mapping[str, Any], path: Path) -> None:
    written = torch.onnx.export(
        traced,
        (),
        dynamo=True,
        verbose=False,
        input_names=[one.name for one in program.inputs],
        output_names=[one.name for one in program.outputs],
    )
    assert written is not None  # as it is where no path was given
    for node in written.model.graph.all_nodes():
        node.metadata_props.clear()  # where each came from: files of this machine
    written.model.metadata_props[run_onnx.ABOUT] = json.dumps(about)
    weights = sum(t.numel() * t.element_size() for t in program.state_dict().values())
    written.save(str(path), external_data=weights > _MOST_BYTES)
    runner = Path(run_onnx.__file__)
    (path.parent / runner.name).write_text(runner.read_text(encoding="utf-8"), encoding="utf-8")


def run(path: Path, arrays: list[np.ndarray]) -> list[np.ndarray]:
    session = run_onnx.session_of(path)
    names = [one.name for one in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))
