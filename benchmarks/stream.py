"""Delay and memory of ``merkit.stream``, and whether its events are those of a file.

    python benchmarks/stream.py [--minutes 30] [--rates 30 200] [--file-minutes 2] [--without-model]

Frames of 640x480 are those of a generated recording of six seconds, over and over, at each rate in
a process of its own. They are pushed as fast as they are taken. Resident memory is that of the
whole process, libraries and decoder included; frames that are kept in a temporary file are none of
it. Then the first ``--file-minutes`` of the same frames are analysed as a file is, and the events
that had ended in both are compared to the last digit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import psutil

import merkit
from merkit.types import I64, Event, Frame, VideoInfo
from merkit.video import iter_frames, probe
from merkit.workers import in_a_process

LIMIT_GB = 1.0
#: Shares of the whole after which memory is read.
READ_AT = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Measured:
    """Of one rate: memory at ``READ_AT`` and the most, wall time, and what was told when."""

    rss_gb: tuple[float, ...]
    peak_gb: float
    wall_s: float
    delay_s: float
    promised_s: float
    events: int
    compared: int
    equal: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[30.0, 200.0])
    parser.add_argument("--file-minutes", type=float, default=2.0)
    parser.add_argument("--without-model", action="store_true", help="spot and measure alone")
    parser.add_argument("--work", type=Path, help="keep the recordings here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        rows = [in_a_process(measure, work, rate, options) for rate in options.rates]
    show(dict(zip(options.rates, rows, strict=True)), options.minutes)
    if not all(row.equal and row.delay_s <= row.promised_s for row in rows):
        sys.exit("events differ from those of the file, or came later than promised")
    if max(row.peak_gb for row in rows) >= LIMIT_GB:
        sys.exit(f"more than {LIMIT_GB:g} GB")


def measure(work: Path, rate_hz: float, options: argparse.Namespace) -> Measured:
    recording = in_a_process(make, work / f"rate{rate_hz:g}", rate_hz)
    looped = Looped(recording, rate_hz, round(options.minutes * 60 * rate_hz))
    namer = None if options.without_model else "bundled"
    told: list[tuple[Event, float]] = []
    rss: list[float] = []
    peak, began = 0.0, time.perf_counter()
    read_at = {max(1, round(share * looped.length)) for share in READ_AT}
    with merkit.stream(rate_hz, namer) as stream:
        for done, frame in enumerate(looped.frames(), 1):
            told += [(event, frame.time_s) for event in stream.push(frame)]
            if done % round(rate_hz) == 0 or done in read_at:
                now = psutil.Process().memory_info().rss / 1e9
                peak = max(peak, now)
                rss += [now] if done in read_at else []
        wall_s = time.perf_counter() - began
        late = max((at_s - event.offset_s for event, at_s in told), default=np.nan)
        shorter = round(min(options.file_minutes, options.minutes) * 60 * rate_hz)
        until_s = shorter / rate_hz - stream.delay_s
        of_file = merkit.analyse(replace(looped, length=shorter), namer).events
        wanted = [repr(event) for event in of_file if event.offset_s < until_s]
        found = [repr(event) for event, _ in told if event.offset_s < until_s]
        equal = sorted(wanted) == sorted(found)
        return Measured(
            tuple(rss), peak, wall_s, late, stream.delay_s, len(told), len(wanted), equal
        )


@dataclass(frozen=True)
class Looped:
    """A recording over and over, as a source of so many frames."""

    recording: Path
    rate_hz: float
    length: int

    def info(self) -> VideoInfo:
        duration_s = self.length / self.rate_hz
        return replace(probe(self.recording), n_frames=self.length, duration_s=duration_s)

    def numbers(self) -> I64:
        return np.arange(self.length)

    def frames(
        self, first: int | None = None, last: int | None = None, step: int = 1
    ) -> Iterator[Frame]:
        stop = self.length if last is None else last + 1
        return islice(self._all(), first or 0, stop, step)

    def _all(self) -> Iterator[Frame]:
        number = 0
        for _ in count():
            for frame in iter_frames(self.recording):
                yield Frame(number, number / self.rate_hz, frame.rgb)
                number += 1


def make(folder: Path, rate_hz: float) -> Path:
    """A recording of six seconds with two movements, unless it is there."""
    from merkit.datasets.synthetic import load_recordings
    from merkit.synthetic.config import SynthConfig
    from merkit.synthetic.write import write_database

    config = SynthConfig(
        subjects=1,
        clips_per_class=1,
        long_videos=1,
        long_duration_s=6.0,
        events_per_video=2,
        size_px=(640, 480),
        face_width_px=240,
        fps_hz=rate_hz,
    )
    if not folder.exists():
        write_database(folder, config)
    return load_recordings(folder)[0].media


def show(rows: dict[float, Measured], minutes: float) -> None:
    print(f"\n{minutes:g} minutes of 640x480")
    shares = "".join(f"{f'{share:.0%}':>8}" for share in READ_AT)
    print(f"{'':>10}{'':>10}  memory in GB after")
    print(
        f"{'rate':>10}{'frames/s':>10}{shares}{'peak':>8}{'delay s':>9}{'promised':>10}"
        f"{'events':>8}  as of a file"
    )
    for rate_hz, row in rows.items():
        speed = minutes * 60 * rate_hz / row.wall_s
        memory = "".join(f"{gb:8.2f}" for gb in row.rss_gb)
        same = f"{'yes' if row.equal else 'NO'}, of {row.compared}"
        print(
            f"{rate_hz:10g}{speed:10.0f}{memory}{row.peak_gb:8.2f}{row.delay_s:9.2f}"
            f"{row.promised_s:10.2f}{row.events:8d}  {same}"
        )


if __name__ == "__main__":
    main()
