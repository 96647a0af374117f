"""An experiment: one YAML file, several evaluations that differ in a few settings, one table.

The file holds the settings of an evaluation and, under ``runs``, a name for each run with the
settings it changes, by their dotted names as ``--set`` takes them::

    data: [casme2]
    classes: "3"
    method: sfa-dgat
    runs:
      base: {model.use_sfa: false, model.use_dgat: false}
      all: {}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from merkit.config import from_mapping
from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.overrides import apply_overrides, read_yaml
from merkit.progress import Progress, silent
from merkit.runs.config import EvaluateConfig, Task

#: tasks whose runs are compared
COMPARED: tuple[Task, ...] = ("recognition", "au")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Experiment:
    """The settings common to all runs, and what each run changes."""

    path: Path
    common: Mapping[str, Any]
    runs: Mapping[str, Mapping[str, Any]]


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        MissingDataError: no such file.
        ConfigError: no runs in it, a run without a usable name, or changes that are no mapping.
    """
    values = read_yaml(path)
    runs = values.pop("runs", None)
    if not isinstance(runs, dict) or not runs:
        raise ConfigError(
            f"{path} has no runs",
            "a mapping 'runs' from names to the settings each changes",
            "for one evaluation use: merkit evaluate --config FILE",
        )
    if "out" in values:
        raise ConfigError(f"{path} sets 'out'", "no 'out': it is named when the experiment runs")
    for name, changes in runs.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(
                f"run {name!r} of {path}", "a name of letters, digits, '.', '_' and '-'"
            )
        if not isinstance(changes or {}, dict):
            raise ConfigError(
                f"run '{name}' of {path} is {changes!r}",
                "a mapping of changed settings, {} for none",
            )
    return Experiment(path, values, {name: changes or {} for name, changes in runs.items()})


def run_configs(
    experiment: Experiment, out: Path, overrides: Sequence[str] = (), only: Sequence[str] = ()
) -> dict[str, EvaluateConfig]:
    """The evaluation of each run, in the order of the file, going to ``out``/NAME.

    Args:
        overrides: ``name=value`` settings laid over those of every run.
        only: names of the runs wanted; empty means all.

    Raises:
        ConfigError: an unknown run, setting or value; names the run.
    """
    unknown = [name for name in only if name not in experiment.runs]
    if unknown:
        raise ConfigError(
            f"no run '{unknown[0]}' in {experiment.path}", f"some of {list(experiment.runs)}"
        )
    configs = {}
    for name, changes in experiment.runs.items():
        if only and name not in only:
            continue
        given = [f"{setting}={json.dumps(value)}" for setting, value in changes.items()]
        values = apply_overrides(experiment.common, [*given, *overrides])
        try:
            configs[name] = from_mapping(EvaluateConfig, values | {"out": str(out / name)})
        except ConfigError as error:
            raise ConfigError(f"run '{name}': {error.found}", error.wanted, error.fix) from None
    _check_tasks(configs)
    return configs


def _check_tasks(configs: Mapping[str, EvaluateConfig]) -> None:
    first = next(iter(configs.values())).task
    for name, config in configs.items():
        if config.task != first or first not in COMPARED:
            raise ConfigError(
                f"run '{name}' is of task '{config.task}'",
                f"all runs of one task whose runs are compared: {' or '.join(COMPARED)}",
                "run it by itself: merkit evaluate --config FILE",
            )


def run_experiment(
    path: Path,
    out: Path,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    progress: Progress = silent,
) -> str:
    """Evaluate every run of an experiment file, then compare them.

    Every run's settings are checked before the first is trained. Interrupted, the same call
    goes on where it stopped. With ``only``, runs that finished before are compared too.

    Returns:
        the comparison as text; the page is ``out``/comparison.html.

    Raises:
        ConfigError, DatasetError, MissingDataError, MissingWeightsError: see ``evaluate``.
    """
    from merkit.report.compare_page import compare_runs
    from merkit.report.text import score_lines
    from merkit.report.unit_text import unit_lines
    from merkit.runs.evaluate import evaluate
    from merkit.runs.units import evaluate_units

    experiment = read_experiment(path)
    configs = run_configs(experiment, out, overrides, only)
    for config in configs.values():
        config.sources()
        config.make()
    with sole_writer(out):
        if next(iter(configs.values())).on_cluster:
            from merkit.runs.cluster.train import train_on_cluster  # submitit is an extra

            train_on_cluster(list(configs.values()), out / "cluster", progress)
        for place, (name, config) in enumerate(configs.items(), start=1):
            run = f"run {place}/{len(configs)} {name}"
            told = partial(_of_run, progress, run)
            if config.task == "au":
                lines = unit_lines(evaluate_units(config, told).scores)
            else:
                lines = score_lines(evaluate(config, told).scores)
        names = experiment.runs
        finished = [out / name for name in names if (out / name / "metrics.json").is_file()]
        if len(finished) < 2:
            return "\n".join(lines)
        return compare_runs(finished, out / "comparison.html")


def _of_run(progress: Progress, run: str, stage: str, done: float, total: float) -> None:
    progress(f"{run}: {stage}", done, total)
