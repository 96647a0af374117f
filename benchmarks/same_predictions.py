"""Whether two versions of merkit predict the same: every method, one and two processes.

    git worktree add ../before 95aedea
    python benchmarks/same_predictions.py run --source ../before --out runs/before
    python benchmarks/same_predictions.py run --source . --out runs/after
    python benchmarks/same_predictions.py compare runs/before runs/after

``run`` evaluates on a database of ``merkit synth`` (seed 0) and keeps the ``predictions.parquet``
of each run; ``compare`` wants every column of the first version bit-equal in the second, and the
folds of two processes equal to those of one. Methods with an encoder run twice: with ``tiny``,
trained from scratch, and with a small DINOv2 of random weights, whose tokens are cached.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

SHORT = ("training.epochs=3",)
DINO = ("model.encoder.name=dinov2-small", "model.encoder.path={encoder}", "model.frames=4")
#: name of the run -> (method, settings)
RUNS = {
    "majority": ("majority", ()),
    "lbp-top": ("lbp-top", ()),
    "hoof": ("hoof", ()),
    "ststnet": ("ststnet", ("training.epochs=20", "training.mirror_at_test=true")),
    "evodyn": ("evodyn", SHORT),
    "stag": ("stag", (*SHORT, "model.au.source=predicted")),
    "hlora-mer": ("hlora-mer", (*SHORT, "model.encoder.name=tiny")),
    "sfa-dgat": ("sfa-dgat", (*SHORT, "model.encoder.name=tiny")),
    "linear-probe": ("linear-probe", (*SHORT, *DINO)),
    "hlora-mer-cached": ("hlora-mer", (*SHORT, *DINO)),
    "sfa-dgat-cached": ("sfa-dgat", (*SHORT, *DINO)),
}
WORKERS = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run")
    run.add_argument("--source", type=Path, required=True, help="a checkout of merkit")
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--only", nargs="*", default=list(RUNS), choices=list(RUNS))
    compare = parts.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.part == "run":
        evaluate_all(given.source.resolve(), given.out.resolve(), given.only)
    else:
        sys.exit(compare_all(given.before, given.after))


def evaluate_all(source: Path, out: Path, only: list[str]) -> None:
    """One run folder a method and number of processes below ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    encoder = small_encoder(out / "encoder")
    if not (out / "db").exists():
        merkit(source, "synth", str(out / "db"))
    for name in only:
        method, settings = RUNS[name]
        chosen = [f"--set={text.format(encoder=encoder)}" for text in settings]
        for workers in WORKERS:
            merkit(
                source, "evaluate", "--data", "synthetic", "--root", str(out / "db"),
                "--method", method, "--store", str(out / "store"), "--workers", str(workers),
                "--resamples", "200", "--out", str(out / f"{name}-{workers}"), *chosen,
            )  # fmt: skip
            print(f"{name}, {workers} process(es): done", flush=True)


def merkit(source: Path, *arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(source / "src")}
    program = "if __name__ == '__main__': from merkit.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, *arguments]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def small_encoder(folder: Path) -> Path:
    """A DINOv2 of width 384 with random weights, the same every time."""
    if not folder.exists():
        import torch
        from transformers import Dinov2Config, Dinov2Model

        torch.manual_seed(0)
        config = Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6)
        Dinov2Model(config).save_pretrained(folder)
    return folder


def compare_all(before: Path, after: Path) -> int:
    """Print one line a run; 1 where anything differs."""
    wrong = 0
    for name in RUNS:
        tables = {w: read(after / f"{name}-{w}") for w in WORKERS}
        for workers in WORKERS:
            differs = difference(read(before / f"{name}-{workers}"), tables[workers])
            wrong += bool(differs)
            rows = len(tables[workers])
            print(f"{name:<18} {workers} process(es)  {rows} rows  {differs or 'bit-equal'}")
        if difference(tables[1], tables[2]):
            wrong += 1
            print(f"{name}: one and two processes differ: {difference(tables[1], tables[2])}")
    return int(wrong > 0)


def read(run: Path) -> pd.DataFrame:
    table = pd.read_parquet(run / "predictions.parquet")
    return table.sort_values(["seed", "fold", "clip_id"], ignore_index=True)


def difference(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """What differs in the columns of the first table, "" where nothing does."""
    lost = sorted(set(first) - set(second))
    if lost:
        return f"columns {lost} are gone"
    if len(first) != len(second):
        return f"{len(first)} and {len(second)} rows"
    other = [name for name in first if not first[name].equals(second[name])]
    if not other:
        return ""
    gaps = [(first[n] - second[n]).abs().max() for n in other if n.startswith("p_")]
    return f"{other} differ, probabilities by up to {max(gaps, default=0):.3g}"


if __name__ == "__main__":
    main()
