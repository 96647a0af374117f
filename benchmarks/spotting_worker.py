"""Spots one recording with whatever merkit is on the path and prints what it found, as JSON.

    PYTHONPATH=CHECKOUT/src python benchmarks/spotting_worker.py VIDEO '{"floor_px": 0.5}'

A process of its own for each recording, so that peak memory is that of one recording. Editions from
before ``spot_video`` have no kinds: whatever they spot they call a micro-expression.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merkit import spotting
from merkit.face import TrackConfig


@dataclass(frozen=True)
class Found:
    """Events (kind, onset, apex and offset frame), stretches of which nothing was told (from and to
    in seconds), and what it cost."""

    events: Sequence[tuple[str, int, int, int]]
    untold_s: Sequence[tuple[float, float]]
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0


def main(video: Path, settings: dict[str, Any]) -> None:
    config = spotting.SpotConfig(**settings)
    wall, cpu = time.perf_counter(), time.process_time()
    found = present(video, config) if hasattr(spotting, "spot_video") else first(video, config)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps(asdict(Found(found.events, found.untold_s, wall, cpu, peak_mb()))))


def present(video: Path, config: spotting.SpotConfig) -> Found:
    found = spotting.spot_video(video, config)
    events = [(e.kind, e.onset_frame, e.apex_frame, e.offset_frame) for e in found.events]
    return Found(events, [(s.start_s, s.end_s) for s in found.stretches if s.part == "face"])


def first(video: Path, config: spotting.SpotConfig) -> Found:
    """As ``merkit predict`` of then."""
    seen = spotting.track_video(video, TrackConfig(), config)
    signal = spotting.motion_signal(seen.motion, seen.rate_hz, config)
    frames = seen.numbers.tolist()
    windows = spotting.spot(signal, seen.rate_hz, config)
    events = [("micro", frames[w.onset], frames[w.apex], frames[w.offset]) for w in windows]
    return Found(events, [])


def peak_mb() -> float:
    """Most resident memory so far (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
