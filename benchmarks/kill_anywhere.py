"""Kill -9 at random moments: is the result the same, is anything left alive or behind?

    python benchmarks/kill_anywhere.py [--moments 102] [--seed 0] [--only prepare predict]

Each command runs twice undisturbed on a small synthetic database: files that differ between the two
hold times, and only their presence is compared. Then it is killed at random moments of its
duration, run again in the same folder, and compared with the undisturbed run: every file and its
bytes. Prints one row a command; the exit code is 1 when anything differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from face_models import write_face

CODE = "import sys; from merkit.cli import main; sys.exit(main())"
SYNTH = "--subjects 3 --clips-per-class 1 --size-px 160 160 --face-width-px 120 --long-videos 1"
EXPERIMENT = "method: hoof\nruns:\n  one: {model.svm.c: 1.0}\n  two: {model.svm.c: 2.0}\n"
DATA = "--data synthetic --root ../db --store store --device cpu"
FAST = "--method ststnet --set training.epochs=2"
SIMULATED = "--face-model ../face.npz --workers 2"
QUICK = "--held-out 48 --set fit.steps=20 --set fit.class_steps=10 --set fit.pupil_steps=10"
#: files that differ by rounded times, so may be alike by chance
TIMED = (".html", "flow/config.json", "flow/CARD.md")

COMMANDS = {
    "prepare": f"prepare {DATA} --workers 2 --method ststnet",
    "evaluate": f"evaluate {DATA} --workers 2 --resamples 100 --out run {FAST}",
    "train": f"train {DATA} --workers 1 --out trained {FAST}",
    "synth": f"synth faces {SYNTH}",
    "experiment": f"experiment ../two.yaml --out both {DATA} --workers 2 --set resamples=100",
    "simulate": f"simulate {SIMULATED} --out maps.npz --count 96",
    "teach": f"teach {SIMULATED} --out flow --count 48 --geometric 480 --teachers 2 {QUICK}",
    "predict": "predict {video} --model ../model --device cpu --out events.csv --overwrite",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=102)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    options = parser.parse_args()
    draw, bad = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        video = _make(work)
        print("| command | moments | equal | orphans | leftovers |\n|---|--:|--:|--:|--:|")
        for name in options.only:
            moments = -(-options.moments // len(options.only))
            words = COMMANDS[name].format(video=video).split()
            equal, orphans, leftovers = _try(work, words, moments, draw)
            bad += (equal != moments) + orphans + leftovers
            print(f"| {name} | {moments} | {equal} | {orphans} | {leftovers} |", flush=True)
    return bool(bad)


def _make(work: Path) -> str:
    """The database, the experiment, the model and the face model; returns the path of a
    recording."""
    write_face(work / "face.npz")
    (work / "two.yaml").write_text(EXPERIMENT, encoding="utf-8")
    (work / "here").mkdir()
    _run(work / "here", f"synth ../db {SYNTH}".split())
    _run(work / "here", COMMANDS["train"].split())
    shutil.move(work / "here" / "trained", work / "model")
    return f"../db/long/{next((work / 'db' / 'long').iterdir()).name}"


def _try(work: Path, words: list[str], moments: int, draw: random.Random) -> tuple[int, int, int]:
    begun = time.monotonic()
    wanted = _run(_fresh(work), words)
    duration_s = time.monotonic() - begun
    again = _run(_fresh(work), words)
    timeless = {
        name: content
        for name, content in wanted.items()
        if again[name] == content and not name.endswith(TIMED)
    }
    equal = orphans = leftovers = 0
    for _ in range(moments):
        place = _fresh(work)
        orphans += _kill(place, words, draw.uniform(0.0, duration_s))
        found = _run(place, words)
        leftovers += len(found.keys() - wanted.keys())
        differing = [name for name in wanted if name not in found]
        differing += [n for n, content in timeless.items() if found.get(n) != content]
        if differing:
            print(f"  {words[0]}: {sorted(set(differing))[:3]}", file=sys.stderr)
        equal += not differing
    return equal, orphans, leftovers


def _fresh(work: Path) -> Path:
    shutil.rmtree(work / "here", ignore_errors=True)
    (work / "here").mkdir()
    return work / "here"


def _run(place: Path, words: list[str]) -> dict[str, bytes]:
    """Run to the end; the files there are then, by name."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], cwd=place, capture_output=True, text=True, check=False
    )
    finished = done.returncode == 2 and " exists" in done.stderr  # killed in its last moment
    if done.returncode and not finished:
        raise SystemExit(f"merkit {' '.join(words)} ended with {done.returncode}\n{done.stderr}")
    files = [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


def _kill(place: Path, words: list[str], after_s: float) -> int:
    """Kill -9 after some time; how many of its processes live 5 s later."""
    parent = subprocess.Popen(
        [sys.executable, "-c", CODE, *words],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_s)
    try:
        family = psutil.Process(parent.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    parent.kill()
    parent.wait()
    alive = psutil.wait_procs(family, timeout=5)[1]
    for process in alive:
        process.kill()
    return len(alive)


if __name__ == "__main__":
    sys.exit(main())
