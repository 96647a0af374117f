"""Many simulated maps or sequences, by processes side by side; same bytes whatever their number."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from merkit.config import from_mapping, hash_of, to_mapping
from merkit.errors import ConfigError
from merkit.files import check_new_file, file_hash, remove_folder, sole_writer
from merkit.progress import Progress, silent
from merkit.seeds import derived_seed
from merkit.simulate.actions import Actions
from merkit.simulate.config import SimulateConfig, SourceConfig
from merkit.simulate.dials import Dials
from merkit.simulate.face_model import FaceModel
from merkit.simulate.flow_maps import FlowMaps, Kind, maps_of_view
from merkit.simulate.sequences import Sequences, sequences_of_view
from merkit.simulate.simulated import Simulated
from merkit.simulate.tables import Tables
from merkit.workers import run_jobs

#: raised when the same settings would give other maps than before
SIMULATION_VERSION = 1
AnyKind = Literal[Kind, "sequences"]
#: maps of each view: making a view takes as long as some dozens of geometric maps, so those share
#: one for longer
MAPS_PER_VIEW: dict[Kind, int] = {"estimated": 24, "geometric": 240}
SEQUENCES_PER_VIEW = 240
_PER_VIEW: Mapping[str, int] = dict([*MAPS_PER_VIEW.items(), ("sequences", SEQUENCES_PER_VIEW)])


@dataclass(frozen=True)
class Source:
    """What maps are made from: files of the face model and of the tables (None: merkit's own)."""

    face_model: Path
    action_units: Path | None = None
    emotions: Path | None = None

    @classmethod
    def of(cls, config: SourceConfig) -> Source:
        """That of a command's settings.

        Raises:
            ConfigError: no face model was named.
        """
        return cls(config.model_file(), config.action_units, config.emotions)

    def hashes(self) -> dict[str, str]:
        """Identity of each file that was given.

        Raises:
            MissingDataError, ConfigError: one is missing or faulty.
        """
        actions_of(self)
        given = {name: path for name, path in vars(self).items() if path}
        return {name: file_hash(path) for name, path in given.items()}


def dials_of(config: SourceConfig) -> Dials:
    """All dials as the settings of a command have them.

    Raises:
        ConfigError: an unknown dial, or a value that cannot be.
    """
    return from_mapping(Dials, config.dials, "dials").without(*config.without)


@dataclass(frozen=True)
class _Job:
    source: Source
    dials: Dials
    kind: AnyKind
    seed: int
    view: int
    #: where the samples of a view are kept until all are made; None: nowhere
    parts: Path | None


def make_flow_maps(
    source: Source | Path,
    count: int,
    kind: Kind = "estimated",
    *,
    seed: int = 0,
    dials: Dials | None = None,
    workers: int = 0,
    parts: Path | None = None,
    progress: Progress = silent,
) -> FlowMaps:
    """``count`` maps with their labels.

    Args:
        source: a face model's file, or with it the tables.
        kind: flow ``estimated`` between textured pictures, or ``geometric``: exact, with noise.
        seed: same seed, same maps; a larger count begins with the same ones.
        workers: processes, 0 for one a core; they change the time, not the maps.
        parts: a folder for what is made, a file a view; what it holds is not made again, so it must
            be of the same source, kind, seed and dials.

    Raises:
        MissingDataError, ConfigError: see :meth:`FaceModel.load` and :meth:`Tables.load`; a count
            below 1 or a seed below 0.
    """
    if kind not in MAPS_PER_VIEW:
        raise ConfigError(f"kind '{kind}'", f"one of: {', '.join(MAPS_PER_VIEW)}")
    made = _made(source, count, kind, seed, dials, workers, parts, progress)
    return cast(FlowMaps, made)


def make_sequences(
    source: Source | Path,
    count: int,
    seed: int = 0,
    dials: Dials | None = None,
    workers: int = 0,
    parts: Path | None = None,
    progress: Progress = silent,
) -> Sequences:
    """``count`` sequences with their labels; arguments and errors as :func:`make_flow_maps`."""
    made = _made(source, count, "sequences", seed, dials, workers, parts, progress)
    return cast(Sequences, made)


def _made(
    source: Source | Path,
    count: int,
    kind: AnyKind,
    seed: int,
    dials: Dials | None,
    workers: int,
    parts: Path | None,
    progress: Progress,
) -> Simulated:
    """See :func:`make_flow_maps`."""
    origin = source if isinstance(source, Source) else Source(Path(source))
    if count < 1 or seed < 0:
        raise ConfigError(f"count {count}, seed {seed}", "count 1 or more, seed 0 or more")
    actions_of(origin)  # faults of the files are found here, not in every process
    per_view, stage = _PER_VIEW[kind], f"simulating {_name(kind)}"
    views = range(-(-count // per_view))
    jobs = [_Job(origin, dials or Dials(), kind, seed, view, parts) for view in views]
    made: list[Simulated] = []
    with _one_thread_each():
        for part in run_jobs(_run, jobs, workers):
            made.append(part)
            progress(stage, min(len(made) * per_view, count), count)
    made.sort(key=lambda part: int(part.views[0]))
    return type(made[0]).joined(made)[:count]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile multiply matrices in one thread, since there is one a core:
    several threads of each that wait for another take four times as long."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ.setdefault(name, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)


def _name(kind: AnyKind) -> str:
    return "sequences" if kind == "sequences" else "maps"


@lru_cache(maxsize=2)
def actions_of(source: Source) -> Actions:
    """The face model and the tables, read once in each process."""
    tables = Tables.load(source.action_units, source.emotions)
    return Actions(FaceModel.load(source.face_model), tables)


def _run(job: _Job) -> Simulated:
    """All samples of one view."""
    part = job.parts / f"{job.kind}-{job.view}.npz" if job.parts else None
    if part and part.is_file():
        return (Sequences if job.kind == "sequences" else FlowMaps).load(part)
    rng = np.random.default_rng(derived_seed(job.seed, "view", job.kind, job.view))
    made = _of_view(job, _PER_VIEW[job.kind], rng)
    if part:
        made.save(part)
    return made


def _of_view(job: _Job, n: int, rng: np.random.Generator) -> Simulated:
    actions = actions_of(job.source)
    if job.kind == "sequences":
        return sequences_of_view(actions, job.dials, job.view, n, rng)
    return maps_of_view(actions, job.dials, job.kind, job.view, n, rng)


def write_simulated(config: SimulateConfig, progress: Progress = silent) -> Simulated:
    """What ``merkit simulate`` does. The file appears whole or not at all; until then what is made
    lies beside it, and the same settings go on from there.

    Raises:
        ConfigError: ``out`` exists or cannot be written, another process writes it, an unknown
            dial; and see :func:`make_flow_maps`.
    """
    dials, source = dials_of(config), Source.of(config)
    about = _about(config, source, dials)
    parts = config.out.with_name(f"{config.out.name}.parts-{hash_of(about)}")
    with sole_writer(config.out):
        check_new_file(config.out, config.overwrite, "--out")
        made = _made(
            source, config.count, config.kind, config.seed, dials, config.workers, parts, progress
        )
        made.save(config.out, json.dumps({**about, "count": config.count}))
        remove_folder(parts)
    return made


def _about(config: SimulateConfig, source: Source, dials: Dials) -> dict[str, Any]:
    """All that the samples of a view follow from.

    Raises:
        MissingDataError, ConfigError: a file of the source is missing or faulty.
    """
    return {
        "version": SIMULATION_VERSION,
        "kind": config.kind,
        "seed": config.seed,
        "dials": to_mapping(dials),
        **source.hashes(),
    }
