"""How small a movement each method still recognises: UF1 against motion amplitude.

For each amplitude a synthetic database is made whose every expression peaks at that many
pixels (at 256 px face width); every method of an experiment file is scored on it; one plot and
one table come out. Nothing differs between the databases but the amplitude.

    python benchmarks/detection_threshold.py --out threshold

Interrupted, the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from merkit.report.result import read_scores
from merkit.runs.experiment import run_experiment
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database

AMPLITUDES_PX = (0.3, 0.6, 1.0, 2.0, 4.0)
CONFIG = Path(__file__).parent / "detection_threshold.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--amplitudes", type=float, nargs="+", default=AMPLITUDES_PX)
    parser.add_argument("--subjects", type=int, default=6)
    parser.add_argument("--clips-per-class", type=int, default=4)
    parser.add_argument("--set", nargs="*", default=[], help="settings of every run")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for amplitude in options.amplitudes:
        rows += scores_at(amplitude, options)
        write_table(rows, options.out / "threshold.csv")
    plot(rows).savefig(options.out / "threshold.png", dpi=110)
    for row in rows:
        print(
            f"{row['amplitude_px']:5.1f} px  {row['method']:<10} UF1 {row['uf1']:.3f} "
            f"({row['low']:.3f} to {row['high']:.3f})"
        )


def scores_at(amplitude: float, options: argparse.Namespace) -> list[dict[str, Any]]:
    """UF1 with its interval of every method at one amplitude."""
    root = options.out / f"data-{amplitude:g}px"
    config = SynthConfig(
        subjects=options.subjects,
        clips_per_class=options.clips_per_class,
        amplitude_px=(amplitude, amplitude),
    )
    write_database(root, config)
    runs = options.out / f"runs-{amplitude:g}px"
    common = [f"root={json.dumps([str(root)])}", f"store={options.out / 'store'}"]
    run_experiment(options.config, runs, [*common, *options.set])
    rows = []
    for path in sorted(runs.glob("*/metrics.json")):
        scores = read_scores(path.parent)
        rows.append(
            {
                "method": path.parent.name,
                "amplitude_px": amplitude,
                "uf1": scores.main.value,
                "low": scores.main.low,
                "high": scores.main.high,
                "chance": scores.chance["uf1"],
            }
        )
    return rows


def write_table(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def plot(rows: list[dict[str, Any]]) -> Figure:
    """One line a method; bars are 95 % intervals over subjects, dashed is chance."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for place, method in enumerate(methods):
        own = [row for row in rows if row["method"] == method]
        x = [row["amplitude_px"] * 1.015 ** (place - len(methods) / 2) for row in own]
        y = [row["uf1"] for row in own]
        below = [row["uf1"] - row["low"] for row in own]
        above = [row["high"] - row["uf1"] for row in own]
        axes.errorbar(x, y, [below, above], marker="o", markersize=4, capsize=2, label=method)
    axes.axhline(rows[0]["chance"], linestyle="--", color="grey", linewidth=1)
    axes.set_xscale("log")
    ticks = sorted({row["amplitude_px"] for row in rows})
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("peak skin motion, px at 256 px face width")
    axes.set_ylabel("UF1")
    axes.set_ylim(0, 1.02)
    axes.set_title("The smallest movement each method recognises", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


if __name__ == "__main__":
    main()
