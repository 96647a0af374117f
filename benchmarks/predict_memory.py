"""Peak memory and speed of ``merkit predict`` on a long 720p video, in one run.

    python benchmarks/predict_memory.py [--minutes 10] [--cores 2] [--work FOLDER] [--without-model]

The video is generated: a synthetic recording of 20 s at 1280x720 and 30 frames/s, looped. The
model is ``sfa-dgat`` with the tiny encoder and random weights, since weights change neither
memory nor speed. Prediction runs in a process of its own, on as many cores as asked for; its
resident memory, children included, is read ten times a second. Conventional: every frame held
in memory (computed). ``merkit bench predict`` compares time.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

WIDTH_PX, HEIGHT_PX, FPS_HZ = 1280, 720, 30.0
LIMIT_GB = 2.0


@dataclass(frozen=True)
class Measured:
    """What one process needed."""

    peak_gb: float
    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--without-model", action="store_true", help="spot and measure alone")
    parser.add_argument("--work", type=Path, help="keep video, model and table here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        run(work, options.minutes, options.cores, named=not options.without_model)


def run(work: Path, minutes: float, cores: int, named: bool) -> None:
    frames = round(minutes * 60 * FPS_HZ)
    video, model, table = work / f"loop{frames}.mp4", work / "model", work / "events.csv"
    # generated in a process of its own, so that its memory is not part of the measurement
    subprocess.run([sys.executable, __file__, "--make", str(work), str(frames)], check=True)
    command = ["predict", str(video), "--out", str(table), "--overwrite"]
    command += ["--model", str(model) if named else "none"]
    code = "import sys; from merkit.cli import main; sys.exit(main())"
    measured = measure([sys.executable, "-c", code, *command], cores)
    with table.open(encoding="utf-8", newline="") as handle:
        events = sum(bool(row["apex_s"]) for row in csv.DictReader(handle))
    show(measured, frames, cores, events)
    if measured.peak_gb >= LIMIT_GB:
        sys.exit(f"peak memory {measured.peak_gb:.2f} GB, wanted under {LIMIT_GB} GB")


def make(work: Path, frames: int) -> None:
    """Write the looped video and the model folder, unless they are there."""
    from merkit.datasets.synthetic import load_recordings
    from merkit.synthetic.config import SynthConfig
    from merkit.synthetic.write import write_database
    from merkit.video import write_video

    video, database = work / f"loop{frames}.mp4", work / "database"
    config = SynthConfig(
        subjects=1,
        clips_per_class=1,
        long_videos=1,
        size_px=(WIDTH_PX, HEIGHT_PX),
        face_width_px=300,
        fps_hz=FPS_HZ,
    )
    write_database(database, config)
    if not video.exists():
        source = load_recordings(database)[0].media
        write_video(video, islice(looped(source), frames), FPS_HZ, crf=23, preset="ultrafast")
    if not (work / "model").exists():
        write_model(work / "model")


def looped(video: Path) -> Iterator:
    """Frames of a video over and over."""
    from merkit.video import iter_frames

    while True:
        for frame in iter_frames(video):
            yield frame.rgb


def write_model(folder: Path) -> None:
    import torch

    from merkit.inference.modelfolder import save_model
    from merkit.methods import make_method

    torch.manual_seed(0)
    method = make_method("sfa-dgat", {"encoder": {"name": "tiny"}})
    classes = ("negative", "positive", "surprise")
    model = method.build(len(classes))
    save_model(folder, method, model, classes, {"note": "random weights"})


def measure(command: list[str], cores: int) -> Measured:
    """Run a command on ``cores`` cores; peak of the summed resident memory of its processes."""
    started, peak, cpu_s = time.perf_counter(), 0, 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    watched.cpu_affinity(sorted(watched.cpu_affinity() or [])[:cores])
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(p.memory_info().rss for p in family))
            times = watched.cpu_times()
            cpu_s = times.user + times.system
        except psutil.NoSuchProcess:
            break
        time.sleep(0.1)
    if process.wait() != 0:
        sys.exit(f"merkit predict ended with exit code {process.returncode}")
    return Measured(peak / 1e9, time.perf_counter() - started, cpu_s)


def show(measured: Measured, frames: int, cores: int, events: int) -> None:
    held_gb = frames * WIDTH_PX * HEIGHT_PX * 3 / 1e9
    minutes = frames / FPS_HZ / 60
    print(f"\n{minutes:g} min of {WIDTH_PX}x{HEIGHT_PX} at {FPS_HZ:g} frames/s, {cores} cores")
    print(f"{'':44}{'memory GB':>10}{'wall s':>9}{'CPU s':>9}{'frames/s':>10}")
    speed = frames / measured.wall_s
    whole = (measured.peak_gb, measured.wall_s, measured.cpu_s, speed)
    print(f"{'merkit predict, whole command':44}{whole[0]:10.2f}{whole[1]:9.0f}", end="")
    print(f"{whole[2]:9.0f}{whole[3]:10.0f}")
    print(f"{'every frame in memory (computed)':44}{held_gb:10.2f}")
    print(f"events in the table: {events}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
