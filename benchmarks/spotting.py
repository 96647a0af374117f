"""Spotting on synthetic recordings: this edition, others, and this one without its parts.

    python benchmarks/spotting.py ROOT [ROOT ...] [--first CHECKOUT] [--without PART ...]
                                  [--set NAME=VALUE[,NAME=VALUE] ...] [--csv FILE] [--processes N]

``ROOT``: a database of ``merkit synth`` with long recordings; those of the same frame rate are
scored together. ``--first``: a checkout of an earlier commit, spotted in the same run.
``--without``: a switch or number of ``SpotConfig`` that is turned off or set to 0; ``--set``: other
settings. Each makes a further line. Rules of the scores: ``merkit.scoring.spotting``. An event is
in talk where its apex is. Times are wall times; with several processes they hold each other up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from spotting_table import (
    Row,
    Spotted,
    cost_row,
    markdown,
    recall_row,
    score_rows,
    time_row,
)
from spotting_worker import Found

from merkit.datasets.synthetic import load_recordings, load_stretches
from merkit.spotting import SpotConfig
from merkit.types import Recording
from merkit.video import probe

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Way:
    """How recordings are spotted: the code and its settings."""

    name: str
    checkout: Path = HERE
    settings: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--first", type=Path, help="checkout of an earlier commit")
    parser.add_argument("--without", nargs="*", default=[], metavar="PART")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--csv", type=Path, help="write all numbers here")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.first and not (options.first / "src" / "merkit").is_dir():
        sys.exit(f"--first {options.first}: no checkout of merkit")
    ways = [Way("this edition")]
    ways += [Way("first edition", options.first.resolve())] if options.first else []
    ways += [Way(f"without {part}", settings=without(part)) for part in options.without]
    ways += [Way(text, settings=settings_of(text)) for text in options.set]
    found = spot_all(options.roots, ways, options.processes)
    show(found)
    if options.csv:
        pd.DataFrame(csv_rows(found)).to_csv(options.csv, index=False)


def without(part: str) -> dict[str, Any]:
    """The settings that turn one part of spotting off."""
    switches = {k: v for k, v in asdict(SpotConfig()).items() if isinstance(v, bool | int | float)}
    if part not in switches:
        sys.exit(f"no part '{part}' of spotting; there are: {', '.join(switches)}")
    return {part: type(switches[part])(0)}


def settings_of(text: str) -> dict[str, Any]:
    """``top_regions=1,ignore_blinks=false`` as settings."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): json.loads(value) for name, _, value in pairs}


def spot_all(
    roots: Sequence[Path], ways: Sequence[Way], processes: int
) -> dict[tuple[float, str], list[Spotted]]:
    """By frame rate and name of the way."""
    recordings = [(root, r) for root in roots for r in load_recordings(root)]
    jobs = [(way, root, r) for root, r in recordings for way in ways]
    with ThreadPoolExecutor(processes) as pool:
        spotted = list(pool.map(lambda job: spot_one(*job), jobs))
    order = {way.name: place for place, way in enumerate(ways)}
    named = [
        (s.recording.fps_hz, way.name, s) for (way, _, _), s in zip(jobs, spotted, strict=True)
    ]
    named.sort(key=lambda entry: (entry[0], order[entry[1]]))
    return {key: [e[2] for e in group] for key, group in groupby(named, lambda e: e[:2])}


def spot_one(way: Way, root: Path, recording: Recording) -> Spotted:
    talk = [
        s
        for s in load_stretches(root)
        if s.kind == "talk" and s.recording_id == recording.recording_id
    ]
    worker = [sys.executable, str(Path(__file__).with_name("spotting_worker.py"))]
    printed = subprocess.run(
        [*worker, str(recording.media), json.dumps(way.settings)],
        check=False,
        env=os.environ | {"PYTHONPATH": str(way.checkout / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    if printed.returncode != 0:
        sys.exit(f"{way.name}: {recording.media} was not spotted (exit code {printed.returncode})")
    found = Found(**json.loads(printed.stdout.splitlines()[-1]))
    print(f"{way.name}: {recording.recording_id}, {found.wall_s:.0f} s", file=sys.stderr)
    n_frames = probe(recording.media, recording.fps_hz).n_frames or 0
    return Spotted(recording, n_frames, tuple(talk), found)


def show(found: dict[tuple[float, str], list[Spotted]]) -> None:
    titles: dict[str, Callable[[Sequence[Spotted]], list[Row]]] = {
        "Scores": score_rows,
        "Distance of found micro-expressions, frames": lambda spotted: [time_row(spotted)],
        "Recall of micro-expressions by amplitude": lambda spotted: [recall_row(spotted)],
        "Cost": lambda spotted: [cost_row(spotted)],
    }
    for title, measure in titles.items():
        rows = [
            {"frames/s of video": fps_hz, "way": way, **row}
            for (fps_hz, way), spotted in found.items()
            for row in measure(spotted)
        ]
        print(f"\n{title}\n\n{markdown(rows)}")


def csv_rows(found: dict[tuple[float, str], list[Spotted]]) -> list[Row]:
    """One row a frame rate, way and kind, with every number."""
    return [
        {"fps_hz": fps_hz, "way": way, **row, **rest}
        for (fps_hz, way), spotted in found.items()
        for rest in [time_row(spotted) | recall_row(spotted) | cost_row(spotted)]
        for row in score_rows(spotted)
    ]


if __name__ == "__main__":
    main()
