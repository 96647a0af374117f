"""Many simulated maps, by processes side by side; the same bytes whatever their number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError
from merkit.files import check_new_file, file_hash
from merkit.progress import Progress, silent
from merkit.seeds import derived_seed
from merkit.simulate.actions import Actions
from merkit.simulate.config import SimulateConfig
from merkit.simulate.dials import Dials
from merkit.simulate.face_model import FaceModel
from merkit.simulate.flow_maps import FlowMaps, Kind, maps_of_view
from merkit.simulate.tables import Tables
from merkit.workers import run_jobs

#: maps of each view: making a view takes as long as some dozens of geometric maps, so those share
#: one for longer
MAPS_PER_VIEW: dict[Kind, int] = {"estimated": 24, "geometric": 240}


@dataclass(frozen=True)
class Source:
    """What maps are made from: files of the face model and of the tables (None: merkit's own)."""

    face_model: Path
    action_units: Path | None = None
    emotions: Path | None = None


@dataclass(frozen=True)
class _Job:
    source: Source
    dials: Dials
    kind: Kind
    seed: int
    view: int
    maps: int


def make_flow_maps(
    source: Source | Path,
    count: int,
    kind: Kind = "estimated",
    *,
    seed: int = 0,
    dials: Dials | None = None,
    workers: int = 0,
    progress: Progress = silent,
) -> FlowMaps:
    """``count`` maps with their labels.

    Args:
        source: a face model's file, or with it the tables.
        kind: flow ``estimated`` between textured pictures, or ``geometric``: exact, with noise.
        seed: same seed, same maps; a larger count begins with the same ones.
        workers: processes, 0 for one a core; they change the time, not the maps.

    Raises:
        MissingDataError, ConfigError: see :meth:`FaceModel.load` and :meth:`Tables.load`; a count
            below 1 or a seed below 0.
    """
    origin = source if isinstance(source, Source) else Source(Path(source))
    if kind not in MAPS_PER_VIEW:
        raise ConfigError(f"kind '{kind}'", f"one of: {', '.join(MAPS_PER_VIEW)}")
    if count < 1 or seed < 0:
        raise ConfigError(f"count {count}, seed {seed}", "count 1 or more, seed 0 or more")
    actions_of(origin)  # faults of the files are found here, not in every process
    starts = range(0, count, MAPS_PER_VIEW[kind])
    jobs = [
        _Job(origin, dials or Dials(), kind, seed, view, min(starts.step, count - start))
        for view, start in enumerate(starts)
    ]
    parts: list[FlowMaps] = []
    done = 0
    for part in run_jobs(_run, jobs, workers):
        parts.append(part)
        done += len(part)
        progress("simulating maps", done, count)
    return FlowMaps.joined(sorted(parts, key=lambda part: int(part.views[0])))


@lru_cache(maxsize=2)
def actions_of(source: Source) -> Actions:
    """The face model and the tables, read once in each process."""
    tables = Tables.load(source.action_units, source.emotions)
    return Actions(FaceModel.load(source.face_model), tables)


def _run(job: _Job) -> FlowMaps:
    """The maps of one view. All of a whole view are drawn, so that their number changes none."""
    rng = np.random.default_rng(derived_seed(job.seed, "view", job.kind, job.view))
    drawn = maps_of_view(
        actions_of(job.source), job.dials, job.kind, job.view, MAPS_PER_VIEW[job.kind], rng
    )
    return drawn[: job.maps]


def write_flow_maps(
    config: SimulateConfig, model_file: Path, progress: Progress = silent
) -> FlowMaps:
    """What ``merkit simulate`` does; the file appears whole or not at all.

    Raises:
        ConfigError: ``out`` exists or cannot be written, an unknown dial; and see
            :func:`make_flow_maps`.
    """
    check_new_file(config.out, config.overwrite, "--out")
    dials = from_mapping(Dials, config.dials, "dials").without(*config.without)
    maps = make_flow_maps(
        Source(model_file, config.action_units, config.emotions),
        config.count,
        config.kind,
        seed=config.seed,
        dials=dials,
        workers=config.workers,
        progress=progress,
    )
    made = {"kind": config.kind, "count": config.count, "seed": config.seed}
    about = {**made, "face_model": file_hash(model_file), "dials": to_mapping(dials)}
    maps.save(config.out, json.dumps(about))
    return maps
