"""``merkit explain``: figures of what a model looked at, in a clip or in a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError
from merkit.explain import FIGURES, ExplainConfig
from merkit.files import sole_writer
from merkit.progress import Progress, terminal_progress
from merkit.runs.config import DataConfig

if TYPE_CHECKING:
    from merkit.explain.make import Explanation


@dataclass(frozen=True)
class Options:
    """Draw what a model looked at.

    With a clip (a video of one expression, or a folder of images) and --model: figures of that
    clip. With a run folder: its confusion matrix. With --model, --data and --root: a t-SNE of
    the features of every clip. Numbers stand in explain.json beside the pictures.
    """

    target: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """a clip or a run folder; none with --data"""
    out: Path = Path("explain")
    """a folder for the figures"""
    model: str = ""
    """a folder that 'merkit train' wrote, or user/name on the Hugging Face Hub"""
    figures: tuple[str, ...] = ()
    """figures of a clip, listed above; none named: all"""
    first: int | None = None
    """first frame of the expression, as numbered in the source"""
    last: int | None = None
    """last frame of the expression"""
    apex: int | None = None
    """frame of the strongest motion; read by methods on onset-apex flow"""
    fps: float = 0.0
    """frames a second of an image folder, which carries no rate of its own"""
    device: str = "auto"
    """auto, cpu or cuda"""
    overwrite: bool = False
    """replace figures that are there"""
    effect: ExplainConfig = field(default_factory=ExplainConfig)
    """how effects are measured"""
    database: Annotated[DataConfig, tyro.conf.arg(name="")] = field(default_factory=DataConfig)
    """the clips of a t-SNE"""


def run(words: Sequence[str]) -> int:
    figures = f"\nFigures of a clip: {', '.join(FIGURES)}."
    options = parse(Options, "explain", words, more_help=figures)
    _check(options)
    with sole_writer(options.out), terminal_progress() as progress:
        explanation = _explain(options, progress)
    for path in explanation.files.values():
        print(path)
    for name, reason in explanation.skipped.items():
        print(f"no {name}: {reason}")
    return 0


def _check(options: Options) -> None:
    """One target: a clip, a run or a database.

    Raises:
        ConfigError: none or several, or no model for a clip.
    """
    wanted = "a clip with --model, a run folder, or --model with --data and --root"
    if len(options.target) + bool(options.database.data) != 1:
        named = [str(path) for path in options.target] + list(options.database.data)
        raise ConfigError(f"{len(named)} things to explain {named or ''}".strip(), wanted)
    if options.database.data:
        options.database.sources()
    is_run = bool(options.target) and (options.target[0] / "run.json").is_file()
    if not options.model and not is_run:
        raise ConfigError("no model was named", wanted, "--model FOLDER, from 'merkit train'")


def _explain(options: Options, progress: Progress) -> Explanation:
    from merkit.explain.make import clip_of, explain_clip, explain_database, explain_run

    out, overwrite = options.out, options.overwrite
    effect, device = options.effect, options.device
    if options.database.data:
        return explain_database(
            options.model, options.database, out, effect, device, overwrite, progress
        )
    target = options.target[0]
    if (target / "run.json").is_file():
        return explain_run(target, out, overwrite)
    clip = clip_of(target, options.first, options.last, options.apex, options.fps or None)
    return explain_clip(
        options.model, clip, out, options.figures, effect, device, overwrite, progress
    )
