"""``merkit synth``: write a synthetic database with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import parse
from merkit.progress import terminal_progress
from merkit.synthetic.config import SynthConfig


@dataclass(frozen=True)
class Options:
    """Write a database of synthetic faces whose every movement is known.

    Same seed, same bytes. Every nuisance has a dial; 0 turns it off.
    """

    out: Annotated[Path, tyro.conf.Positional]
    """a new or empty folder"""
    config: Annotated[SynthConfig, tyro.conf.arg(name="")] = field(default_factory=SynthConfig)


def run(words: Sequence[str]) -> int:
    options = parse(Options, "synth", words)
    from merkit.synthetic.write import write_database

    with terminal_progress() as progress:
        write_database(options.out, options.config, progress)
    config = options.config
    print(f"{options.out}: {config.subjects} subjects, seed {config.seed}")
    print(
        f"score a method on it: merkit evaluate --data synthetic --root {options.out} "
        "--set model.encoder.name=tiny --out RUN"
    )
    return 0
