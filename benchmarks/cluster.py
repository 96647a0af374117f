"""Kill jobs of ``--cluster`` at random moments: is the run the same?

    python benchmarks/cluster.py [--jobs 8] [--kills 0 2 5] [--seed 0] [--epochs 4]
    python benchmarks/cluster.py --cluster slurm --work FOLDER [--option partition=gpu ...]

Each row is one evaluation of ``ststnet`` on generated flow maps in a fresh run folder. Jobs are
killed one after the other, at random moments while they run; ``preempted`` is one more that is told
that its place is wanted (SIGUSR2, as SLURM does before it takes a node away), which submitit hands
over again by itself. On a real SLURM, from a login node and in a folder that all nodes see, jobs
are cancelled by ``scancel``, and one is given back to the queue by ``scontrol requeue``. Compared
with the plain run are the bytes of ``predictions.parquet``, and of each fold's. ``alive``: jobs
that live when the command is over. The exit code is 1 when any table differs, or a job lives.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

CODE = "import sys; from merkit.cli import main; sys.exit(main())"
PEOPLE, EACH = 12, 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cluster", choices=("local", "slurm"), default="local")
    parser.add_argument("--work", type=Path, help="keep the runs here")
    parser.add_argument("--option", nargs="*", default=[], help="as merkit's --cluster-option")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--kills", type=int, nargs="*", default=[0, 2, 5])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, bad = random.Random(options.seed), False
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        _make(work / "maps")
        begun = time.monotonic()
        _wait(_begin(work, "plain", options.epochs))
        wanted = _tables(work / "plain")
        print("| kills | preempted | jobs | folds | equal | alive | seconds |")
        print("|--:|--:|--:|--:|---|--:|--:|")
        print(f"| plain run | | | {len(wanted) - 1} | | | {time.monotonic() - begun:.0f} |")
        for kills in options.kills:
            name, begun = f"killed-{kills}", time.monotonic()
            more = ["--cluster", options.cluster, "--jobs", str(options.jobs), "--tries", "20"]
            more += ["--cluster-option", *options.option] if options.option else []
            head = _begin(work, name, options.epochs, *more)
            if options.cluster == "slurm":
                _disturb_slurm(head, work / name, kills, draw)
            else:
                _disturb(head, kills, draw)
            _wait(head)
            seconds = time.monotonic() - begun
            equal = _tables(work / name) == wanted
            told = json.loads((work / name / "cluster/jobs.json").read_text())
            names = [job["job"] for job in told["jobs"]]
            lives = _in_slurm if options.cluster == "slurm" else _is_process
            alive = sum(map(lives, names))
            bad |= not equal or alive > 0
            print(
                f"| {kills} | {int(kills > 0)} | {len(told['jobs'])} | {len(wanted) - 1} | {equal} "
                f"| {alive} | {seconds:.0f} |",
                flush=True,
            )
    return bad


def _make(root: Path) -> None:
    """Flow maps with a class each, and the sheet that lists them."""
    root.mkdir(parents=True)
    noise = np.random.default_rng(0)
    rows = [["dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename"]]
    for n in range(PEOPLE * EACH):
        subject, clip = f"s{n // EACH + 1:02d}", f"clip{n % EACH}"
        picture = noise.integers(0, 256, (28, 28, 3), dtype=np.uint8)
        cv2.imwrite(str(root / f"{subject}_{clip} .png"), picture)
        rows.append(["smic", subject, clip, str(n % 3), "", f"{subject}_{clip}.jpg", ""])
    sheet = root / "combined_3_class2_for_optical_flow.csv"
    with sheet.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def _begin(work: Path, out: str, epochs: int, *more: str) -> subprocess.Popen[bytes]:
    words = f"""evaluate --out {out} --data flow-maps --root maps --variant flat --method ststnet
        --store store --device cpu --plain --seeds 2 --set training.epochs={epochs} resamples=100"""
    command = [sys.executable, "-c", CODE, *words.split(), *more]
    return subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL)


def _wait(head: subprocess.Popen[bytes]) -> None:
    if head.wait():
        raise SystemExit(f"merkit evaluate ended with {head.returncode}")


def _disturb(head: subprocess.Popen[bytes], kills: int, draw: random.Random) -> None:
    """Kill jobs that train, and preempt one."""
    signals = [*(["kill"] * kills), *(["preempt"] if kills else [])]
    while signals and head.poll() is None:
        time.sleep(draw.uniform(0.5, 3.0))
        jobs = _jobs(head)
        if jobs:
            job = draw.choice(jobs)
            try:
                job.kill() if signals.pop() == "kill" else job.send_signal(signal.SIGUSR2)
            except psutil.NoSuchProcess:
                continue


def _jobs(head: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes in which submitit runs a job of folds that has begun to train."""
    found = []
    for process in psutil.Process(head.pid).children(recursive=True):
        try:
            trains = process.cpu_times().user > 2.5  # before that it loads torch
            if trains and "submitit.core._submit" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _disturb_slurm(
    head: subprocess.Popen[bytes], run: Path, kills: int, draw: random.Random
) -> None:
    """Cancel jobs that train, and give one back to the queue."""
    orders = [*([["scancel"]] * kills), *([["scontrol", "requeue"]] if kills else [])]
    while orders and head.poll() is None:
        time.sleep(draw.uniform(3.0, 12.0))
        ledger = run / "cluster/jobs.json"
        told = json.loads(ledger.read_text())["jobs"] if ledger.is_file() else []
        jobs = [job["job"] for job in told if job["stage"] == "train"]
        running = [job for job in jobs if _in_slurm(job, "--states=RUNNING")]
        if running:
            subprocess.run([*orders.pop(), draw.choice(running)], check=False)


def _in_slurm(job: str, *more: str) -> bool:
    asked = ["squeue", "--noheader", "--array", "--format=%i", *more]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return job in said.split()


def _is_process(job: str) -> bool:
    return psutil.pid_exists(int(job))


def _tables(run: Path) -> dict[str, bytes]:
    tables = [run / "predictions.parquet", *run.glob("folds/*/predictions.parquet")]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in tables}


if __name__ == "__main__":
    sys.exit(main())
