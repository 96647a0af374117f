"""``merkit experiment``: several evaluations from one file, and one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import CLUSTER_HELP, cluster_options, parse
from merkit.progress import terminal_progress
from merkit.runs.cluster.config import Cluster


@dataclass(frozen=True)
class Options:
    """Evaluate every run of an experiment file, then compare them.

    Options left out come from the file; options given hold for every run. An interrupted
    experiment goes on where it stopped.
    """

    config: Annotated[Path, tyro.conf.Positional]
    """the experiment file, a YAML with 'runs', or the name of one that comes with merkit ('merkit
    catalog experiment')"""
    out: Path
    """folder of the runs and of comparison.html"""
    data: tuple[str, ...] = ()
    """database names, see 'merkit data list'"""
    root: tuple[Path, ...] = ()
    """the folder of each database, in the same order"""
    variant: tuple[str, ...] = ()
    """tree or part of each database; empty: its first"""
    classes: str = ""
    """label map"""
    device: str = ""
    """auto, cpu or cuda"""
    workers: int = 0
    """processes; 0: one a CPU core"""
    store: Path | None = None
    """where prepared samples are kept"""
    cluster: Cluster = "none"
    """hand the folds of all runs to jobs: slurm, or local, as many processes of this machine"""
    jobs: int = 0
    """that many jobs at a time, of all runs together; 0: 8, or what the file says"""
    only: tuple[str, ...] = ()
    """runs wanted; empty: all"""
    set: tuple[str, ...] = ()
    """any setting of every run, as name=value, such as training.epochs=5"""


def run(words: Sequence[str]) -> int:
    words, asked = cluster_options(words)
    options = parse(Options, "experiment", words, more_help=CLUSTER_HELP)
    from merkit.runs.experiment import run_experiment

    with terminal_progress() as progress:
        text = run_experiment(
            options.config, options.out, [*_overrides(options), *asked], options.only, progress
        )
    print(text)
    return 0


def _overrides(options: Options) -> list[str]:
    """Options that were given, as settings of an evaluation; ``--set`` comes last."""
    names = ("data", "root", "variant", "classes", "device", "workers", "store", "jobs")
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    if options.cluster != "none":
        given["cluster"] = options.cluster
    plain = [f"{name}={json.dumps(value, default=str)}" for name, value in given.items()]
    return [*plain, *options.set]
