"""Writing the file: traced once, checked against the model itself, and only then put in place."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from merkit.errors import ConfigError
from merkit.files import atomic_files, check_new_file
from merkit.inference.modelfolder import LoadedModel
from merkit.inference.programs import onnx_file, torch_file
from merkit.inference.programs.describe import description
from merkit.inference.programs.program import Program
from merkit.progress import Progress, silent

if TYPE_CHECKING:
    from torch.export import ExportedProgram

#: largest difference of a probability at which a file is taken for the model
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Format:
    """``check``: raises where a package is missing. ``write``: the traced program and what it says
    of itself, as files in a folder, the first of which has the name that was given. ``run``: the
    answers of such a file to arrays."""

    title: str
    suffix: str
    check: Callable[[], None]
    write: Callable[[ExportedProgram, Program, Mapping[str, Any], Path], None]
    run: Callable[[Path, list[np.ndarray]], list[np.ndarray]]


FORMATS = {
    "onnx": Format("ONNX", ".onnx", onnx_file.check, onnx_file.write, onnx_file.run),
    "torch": Format("torch.export", ".pt2", torch_file.check, torch_file.write, torch_file.run),
}


@dataclass(frozen=True)
class Written:
    """``files``: what was written, the model first. ``difference``: the largest of a probability
    from the model's own, over random clips in batches of 1 and 3."""

    files: tuple[Path, ...]
    difference: float


def export_model(
    loaded: LoadedModel,
    out: Path,
    form: str = "onnx",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Written:
    """Write a model as one file, with what else belongs to it beside it.

    Args:
        form: one of ``FORMATS``.

    Raises:
        ConfigError: the file exists, or the model cannot be written so: says why.
        MissingPackageError: a package that the format needs is not installed.
    """
    format_ = FORMATS[form]
    format_.check()
    check_new_file(out, overwrite, "--out")
    stages = 3
    progress(f"exporting {out.name}", 0, stages)
    program = Program(loaded).eval()
    traced = _traced(program)
    progress(f"exporting {out.name}", 1, stages)
    with atomic_files(out, overwrite) as folder:
        with _quiet():
            _convert(format_, traced, program, description(loaded, program), folder / out.name)
            progress(f"exporting {out.name}", 2, stages)
            difference = _difference(format_, program, folder / out.name)
        names = sorted((p.name for p in folder.iterdir()), key=lambda name: name != out.name)
    files = tuple(out.with_name(name) for name in names)
    progress(f"exporting {out.name}", stages, stages)
    return Written(files, difference)


def _traced(program: Program) -> ExportedProgram:
    """The program for any number of clips."""
    batch = torch.export.Dim("batch")
    example = program.example(2)
    with _quiet(), torch.no_grad():
        try:
            traced = torch.export.export(
                program, example, dynamic_shapes=(tuple({0: batch} for _ in example),)
            )
        except Exception as error:  # torch raises errors of many kinds for what it cannot trace
            raise _refused(program, error) from error
    for part in traced.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # which names files of this machine
    return traced


def _convert(
    format_: Format, traced: ExportedProgram, program: Program, about: Mapping[str, Any], path: Path
) -> None:
    try:
        format_.write(traced, program, about, path)
    except OSError:
        raise
    except Exception as error:  # as above
        raise _refused(program, error) from error


def _refused(program: Program, error: Exception) -> ConfigError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines or [""])[0][:200]
    return ConfigError(
        f"this {program.method.name} model cannot be written as a file that runs by itself: "
        f"{type(error).__name__}: {reason}",
        "a model whose every step a fixed graph can hold",
        "train it with the method's default settings; 'merkit predict' runs any model",
    )


def _difference(format_: Format, program: Program, path: Path) -> float:
    """Raises ConfigError where it is too large."""
    found = []
    for n_clips in (1, 3):
        arrays = program.example(n_clips, seed=n_clips)
        got = format_.run(path, [one.numpy() for one in arrays])
        pairs = zip(got, program.answers(arrays), strict=True)
        found += [float(np.abs(a - b).max(initial=0)) for a, b in pairs]
    largest = float(np.max(found))  # what is no number is none here either, and refused
    if not largest <= TOLERANCE:
        raise ConfigError(
            f"the exported {program.method.name} model differs from the model by {largest:.2g}",
            f"probabilities within {TOLERANCE:g} of the model's own",
            "report it; nothing was written",
        )
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """torch and onnxscript tell of their own affairs on standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
