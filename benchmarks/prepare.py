"""Cost of ``merkit prepare``, against an earlier commit in the same run.

    git worktree add ../before 95aedea
    python benchmarks/prepare.py --before ../before [--subjects 17] [--work FOLDER] \\
        [--media frames mp4] [--tracker dlib68]

Databases of ``merkit synth``: 15 clips of 640x480 a subject, 17 subjects are 255 clips. Each step
runs with both editions, one after the other, as the command that a user types, in processes as many
as there are cores:

- ``ststnet`` into an empty store, then, into the same store, ``ststnet`` with other flow settings
  and ``sfa-dgat`` (tiny encoder), whose faces are then known in part;
- ``sfa-dgat`` into an empty store;
- either again, where nothing is left to do: that is start-up and looking the clips up.

Processor time counts the command and its workers. A clip's share is what is above start-up, and
``255 clips`` the sum for as many. ``decoding alone`` is what this edition takes, in one process, to
list the media and to decode the frames that the recipe reads, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MERKIT = "import sys; from merkit.cli import main; sys.exit(main())"
SIZE = ("--clips-per-class", "5", "--size-px", "640", "480", "--face-width-px", "300")
TINY = ("model.encoder.name=tiny",)
#: name -> (method, settings, store); the steps of one store build on each other
STEPS = {
    "ststnet": ("ststnet", (), "a"),
    "ststnet, other flow": ("ststnet", ("model.flow.estimator=farneback",), "a"),
    "sfa-dgat after it": ("sfa-dgat", TINY, "a"),
    "sfa-dgat": ("sfa-dgat", TINY, "b"),
}
CLIPS = 255
DECODE = """
import sys, time
from pathlib import Path
from merkit.datasets import load_dataset
from merkit.methods import METHODS
from merkit.config import from_mapping
from merkit.video import read_frames
tiny = {"encoder": {"name": "tiny"}} if sys.argv[1] == "sfa-dgat" else {}
recipe = from_mapping(METHODS[sys.argv[1]], tiny, "model").recipe
clips = load_dataset("synthetic", Path(sys.argv[2]))
begun = time.process_time()
for clip in clips:
    read_frames(clip.media, numbers=recipe.choose(clip), fps_hz=clip.fps_hz)
print((time.process_time() - begun) / len(clips))
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one command, by the clock and of all processors."""

    wall_s: float
    cpu_s: float

    def a_clip(self, start: Cost, clips: int) -> Cost:
        """What a clip adds to start-up."""
        wall_s, cpu_s = self.wall_s - start.wall_s, self.cpu_s - start.cpu_s
        return Cost(wall_s / clips, cpu_s / clips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="a checkout of 95aedea")
    parser.add_argument("--subjects", type=int, default=17)
    parser.add_argument("--media", nargs="+", default=["frames", "mp4"])
    parser.add_argument("--tracker", default="", help="for both; else each has its default")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    editions = {"before": given.before.resolve(), "now": Path(__file__).parents[1]}
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        for media in given.media:
            root = work / f"{media}-{given.subjects}"
            if not root.exists():
                words = ["--subjects", str(given.subjects), "--media", media]
                run(editions["now"], ["synth", str(root), *SIZE, *words])
            clips = 15 * given.subjects
            print(f"\n{clips} clips as {media}, {os.cpu_count()} cores\n\n{HEAD}", flush=True)
            for row in rows(editions, root, given.tracker, clips):
                print(row, flush=True)


HEAD = (
    "| step | edition | ms a clip, CPU | ms a clip, wall | clips a second | start-up, s CPU "
    "| 255 clips, s CPU | ratio | decoding alone, ms CPU |\n|---|---|--:|--:|--:|--:|--:|--:|--:|"
)


def rows(editions: dict[str, Path], root: Path, tracker: str, clips: int) -> Iterator[str]:
    """One row a step and edition."""
    with tempfile.TemporaryDirectory() as stores:
        for step, (method, settings, store) in STEPS.items():
            chosen = [*settings, *([f"recipe.track.tracker={tracker}"] if tracker else [])]
            commands = {
                name: prepare_words(method, chosen, root, Path(stores) / f"{name}-{store}")
                for name in editions
            }
            worked = {name: run(editions[name], commands[name]) for name in editions}
            started = {name: run(editions[name], commands[name]) for name in editions}
            decoding_s = float(script(editions["now"], DECODE, method, str(root)))
            sums = {}
            for name in editions:
                each = worked[name].a_clip(started[name], clips)
                sums[name] = started[name].cpu_s + CLIPS * each.cpu_s
                yield (
                    f"| {step} | {name} | {each.cpu_s * 1e3:.0f} | {each.wall_s * 1e3:.0f} "
                    f"| {1 / each.wall_s:.1f} | {started[name].cpu_s:.1f} | {sums[name]:.1f} "
                    f"| {sums['before'] / sums[name]:.2f} "
                    f"| {decoding_s * 1e3:.1f} ({decoding_s / each.cpu_s:.0%}) |"
                )


def prepare_words(method: str, settings: Sequence[str], root: Path, store: Path) -> list[str]:
    words = ["prepare", "--data", "synthetic", "--root", str(root), "--store", str(store)]
    words += ["--method", method, "--device", "cpu"]
    return [*words, *(["--set", *settings] if settings else [])]


def run(source: Path, words: Sequence[str]) -> Cost:
    """Run merkit of a checkout; an error ends this."""
    begun = time.perf_counter()
    before = os.times()
    script(source, MERKIT, *words)
    after = os.times()
    cpu_s = sum(after[2:4]) - sum(before[2:4])  # of children that have ended, and of theirs
    return Cost(time.perf_counter() - begun, cpu_s)


def script(source: Path, program: str, *words: str) -> str:
    made = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(source / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return made.stdout


if __name__ == "__main__":
    main()
