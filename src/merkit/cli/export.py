"""``merkit export``: a trained model as a file that runs without merkit, or to hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError
from merkit.files import check_new_file, sole_writer
from merkit.progress import Progress, terminal_progress

if TYPE_CHECKING:
    from merkit.inference.modelfolder import LoadedModel

_BY_SUFFIX = {".onnx": "onnx", ".pt2": "torch", "": "folder"}


@dataclass(frozen=True)
class Options:
    """Write a trained model for where merkit is not.

    onnx: one file, and beside it run_onnx.py, which runs it with onnxruntime and numpy alone.
    torch: a program of torch.export. Both read samples (--samples writes some) and give
    probabilities; what is written is compared with the model first. folder: the model with its
    card and without anything of this machine, to hand over or to load again.
    """

    model: Annotated[tuple[str, ...], tyro.conf.Positional]
    """a folder that 'merkit train' wrote, user/name on the Hugging Face Hub, or a recogniser that
    comes with merkit, such as sim-flow"""
    out: Path = Path("model.onnx")
    """the file or folder to write; its suffix says the format: .onnx, .pt2, none for a folder"""
    format: Literal["auto", "onnx", "torch", "folder"] = "auto"
    """what is written; auto: by the suffix of --out"""
    samples: tuple[Path, ...] = ()
    """videos whose micro-expressions are written as samples (.npz) for the file to read, into a
    folder beside --out whose name ends in .samples"""
    run: Path | None = None
    """folder: a finished run of the same settings, whose scores the card tells; none named: one
    that lies beside the model"""
    licence: str = ""
    """folder: licence of the weights for the card, as the Hub names them, such as cc-by-nc-4.0"""
    overwrite: bool = False
    """replace a file that is there"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "export", words)
    form = _form(options)
    with sole_writer(options.out), terminal_progress() as progress:
        if form == "folder":
            lines = _folder(options)
        else:
            check_new_file(options.out, options.overwrite, "--out")
            lines = _file(options, form, progress)
    print("\n".join(lines))
    return 0


def one_model(named: Sequence[str], wanted: str) -> str:
    """The one model that a command was given."""
    if len(named) != 1:
        raise ConfigError(f"{len(named)} models", wanted)
    return named[0]


def _form(options: Options) -> str:
    one_model(options.model, "merkit export MODEL --out model.onnx")
    form = _BY_SUFFIX.get(options.out.suffix) if options.format == "auto" else options.format
    if form is None:
        raise ConfigError(
            f"--out {options.out} says no format",
            "a name that ends in .onnx or .pt2, or in nothing for a folder",
            "choose one, or name --format",
        )
    if form == "folder" and options.samples:
        raise ConfigError("--samples with a folder", "--format onnx or torch, which read samples")
    if form != "folder" and (options.run or options.licence):
        raise ConfigError(f"--run or --licence with {form}", "--format folder, which has a card")
    return form


def _folder(options: Options) -> list[str]:
    from merkit.inference.sharing.whole import save_whole

    folder = save_whole(_loaded(options), options.out, options.run, options.licence)
    return [f"written: {path}" for path in sorted(folder.iterdir())]


def _file(options: Options, form: str, progress: Progress) -> list[str]:
    from merkit.inference.programs import export_model

    loaded = _loaded(options)
    written = export_model(loaded, options.out, form, options.overwrite, progress)
    lines = [f"written: {path}" for path in written.files]
    lines.append(f"largest difference of a probability from the model: {written.difference:.1e}")
    if options.samples:
        from merkit.inference.programs.samples import write_samples

        folder = options.out.with_suffix(".samples")
        made, left_out = write_samples(loaded, options.samples, folder, progress)
        lines += [f"{len(made)} samples in {folder}"]
        lines += [f"left out {name}: {reason}" for name, reason in left_out.items()]
    return lines


def _loaded(options: Options) -> LoadedModel:
    from merkit.inference.modelfolder import load_model

    return load_model(options.model[0])
