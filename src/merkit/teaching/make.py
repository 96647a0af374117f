"""A recogniser from simulated faces alone, top to bottom: simulate, learn, calibrate, write."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch

from merkit.config import hash_of, to_mapping
from merkit.errors import ConfigError
from merkit.files import remove_folder, sole_writer
from merkit.methods import make_method
from merkit.methods.bundled import CLASSES, save_bundled
from merkit.methods.limits import Limits
from merkit.methods.simulated import SimulatedMethod
from merkit.progress import Progress, silent
from merkit.seeds import derived_seed
from merkit.simulate.make import (
    SIMULATION_VERSION,
    AnyKind,
    Source,
    dials_of,
    make_flow_maps,
    make_sequences,
)
from merkit.teaching.calibrate import calibrate
from merkit.teaching.card import card
from merkit.teaching.config import FitConfig, TeachConfig
from merkit.teaching.fit import fit, teacher_loss
from merkit.teaching.held_out import Marks, mark
from merkit.teaching.lessons import Lessons
from merkit.training.network import Network
from merkit.workers import run_jobs

#: recogniser -> what is simulated for it
_KINDS: dict[str, tuple[AnyKind, ...]] = {
    "sim-flow": ("estimated", "geometric"),
    "sim-seq": ("sequences",),
}


def teach(config: TeachConfig, progress: Progress = silent) -> Marks:
    """Make a recogniser and write its folder, whole or not at all.

    Returns:
        How it does on held-out simulated people.

    Raises:
        ConfigError: no such recogniser or dial, ``out`` exists or another process writes it.
        MissingDataError: the face model or a table is not there.
    """
    if config.recogniser not in _KINDS:
        raise ConfigError(f"recogniser '{config.recogniser}'", f"one of: {', '.join(_KINDS)}")
    begun = time.perf_counter()
    method = cast(SimulatedMethod, make_method(config.recogniser, {"start": "random"}))
    with sole_writer(config.out):
        if config.out.exists():
            raise ConfigError(f"{config.out} exists", "a new folder", "choose another --out")
        parts = config.out.with_name(f"{config.out.name}.parts-{hash_of(_about(config))}")
        lessons = simulated(config, "learn", parts, progress)
        network = learned(method, lessons, config, progress)
        held_out = simulated(config, "held out", parts, progress)
        temperatures = calibrate(network, held_out)
        marks = mark(network, held_out)
        minutes = round((time.perf_counter() - begun) / 60, 1)
        facts = _about(config) | {
            "temperatures": asdict(temperatures),
            "held_out": asdict(marks),
            "minutes": minutes,
            "merkit": version("merkit"),
            "torch": torch.__version__,
        }
        limits = Limits(nothing_max=marks.nothing_max, unit_min=marks.unit_thresholds)
        text = card(config, facts, marks)
        save_bundled(config.out, method, network, facts, text, limits=limits)
        remove_folder(parts)
    return marks


def simulated(
    config: TeachConfig, purpose: str, parts: Path | None = None, progress: Progress = silent
) -> Lessons:
    """Clips to ``learn`` from, or ``held out``: other people, never in a training, of the same
    kinds in the same shares."""
    counts = dict(zip(_KINDS[config.recogniser], (config.count, config.geometric), strict=False))
    total = sum(counts.values())
    if purpose == "held out":
        counts = {kind: round(config.held_out * n / total) for kind, n in counts.items()}
    made = [_made(config, purpose, kind, n, parts, progress) for kind, n in counts.items() if n]
    return Lessons.joined(made)


def learned(
    method: SimulatedMethod, lessons: Lessons, config: TeachConfig, progress: Progress = silent
) -> Network:
    """The network, or with several one more that learned to answer as they do in the mean.

    Teachers are trained side by side, each in one thread, so that their number of processes does
    not change them.
    """
    short = replace(config.fit, steps=config.fit.class_steps or config.fit.steps)
    fits = [short] * config.teachers + [config.fit] * config.unit_teachers
    jobs = [_Training(method, lessons, one, config.seed, n) for n, one in enumerate(fits)]
    done: dict[int, Network] = {}
    for number, network in run_jobs(_train, jobs, config.workers):
        done[number] = network
        progress("training networks", len(done), len(jobs))
    networks = [done[number] for number in sorted(done)]
    if len(networks) == 1:
        return networks[0]
    classes, units = networks[: config.teachers], networks[config.teachers :]
    loss = teacher_loss(classes, units or classes, config.fit)
    seed, pupil = (
        derived_seed(config.seed, "pupil"),
        replace(config.fit, steps=config.fit.pupil_steps),
    )
    return fit(_fresh(method, seed), lessons, pupil, seed, loss, progress, "distilling")


@dataclass(frozen=True, eq=False)
class _Training:
    method: SimulatedMethod
    lessons: Lessons
    fit: FitConfig
    seed: int
    number: int


def _train(job: _Training) -> tuple[int, Network]:
    torch.set_num_threads(1)
    seed = derived_seed(job.seed, "teacher", job.number)
    return job.number, fit(_fresh(job.method, seed), job.lessons, job.fit, seed)


def _made(
    config: TeachConfig,
    purpose: str,
    kind: AnyKind,
    count: int,
    parts: Path | None,
    progress: Progress,
) -> Lessons:
    given: dict[str, Any] = {
        "seed": derived_seed(config.seed, purpose),
        "dials": dials_of(config),
        "workers": config.workers,
        "parts": parts / purpose.replace(" ", "-") if parts else None,
        "progress": progress,
    }
    if kind == "sequences":
        return Lessons.of(make_sequences(Source.of(config), count, **given))
    return Lessons.of(make_flow_maps(Source.of(config), count, kind, **given))


def _fresh(method: SimulatedMethod, seed: int) -> Network:
    torch.manual_seed(seed)
    return method.scratch(len(CLASSES))


def _about(config: TeachConfig) -> dict[str, Any]:
    """All that the recogniser follows from but the version of merkit."""
    settings = to_mapping(config)
    for name in ("out", "workers", "face_model", "action_units", "emotions"):
        settings.pop(name)
    settings["dials"] = to_mapping(dials_of(config))
    settings["simulation"] = SIMULATION_VERSION
    hashes = Source.of(config).hashes().items()
    return settings | {f"{name}_sha256": value for name, value in hashes}
