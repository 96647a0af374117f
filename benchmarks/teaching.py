"""What of the simulator and of the training carries a recogniser to faces it never saw.

    python benchmarks/teaching.py --face-model FILE --real FOLDER --photo FOLDER [--only all head]

Each row is a recogniser that is made without one thing, from as few clips and steps as show it; it
is asked about simulated people whom no training saw, about published flow maps of real faces
(``--real``: a folder that ``--data flow-maps`` reads, any variant) and about the photo-warped
database (``--photo``: a folder that ``merkit synth`` wrote). Rows whose networks differ by less
than two seeds of the first row do are not told apart. Real maps are asked, never trained on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from merkit.methods.bundled import CLASSES, UNITS
from merkit.methods.sim_flow import SimFlow
from merkit.runs.config import DataConfig
from merkit.runs.data import load_clips
from merkit.samples.batch import Inputs
from merkit.samples.recipes import FlowMapRecipe
from merkit.scoring.metrics import confusion_matrix, uar, uf1
from merkit.teaching.calibrate import f1_of_units
from merkit.teaching.config import FitConfig, TeachConfig
from merkit.teaching.held_out import mark
from merkit.teaching.lessons import Lessons
from merkit.teaching.make import learned, simulated
from merkit.training.network import Network

#: dials that belong together
WITHOUT: Mapping[str, tuple[str, ...]] = {
    "people and pose": ("identity", "pose"),
    "crop": ("crop", "landmarks"),
    "head": ("head",),
    "blink gaze talk": ("blink", "gaze", "talk"),
    "sides and heights": ("one_sided", "asymmetry", "heights"),
    "others and apex": ("co_occurring", "wrong_apex"),
    "light": ("illumination",),
    "noise": ("noise",),
    "class shares": ("classes",),
}
FIT: Mapping[str, Mapping[str, Any]] = {
    "jitter": {"jitter": False},
    "average": {"average": 0.0},
    "units": {"unit_weight": 0.0},
    "smoothing": {"label_smoothing": 0.0},
}


@dataclass(frozen=True)
class Asked:
    """Clips of real or photo-warped faces: inputs, classes, and the units of those that have
    codes."""

    inputs: Inputs
    classes: np.ndarray
    coded: np.ndarray
    units: np.ndarray


def asked(database: str, root: Path) -> Asked:
    """The maps of a database's clips, by the recipe that a user's videos get."""
    recipe = SimFlow(start="random").recipe
    assert isinstance(recipe, FlowMapRecipe)
    data = load_clips(DataConfig(data=(database,), root=(root,), classes="3"))
    named = {row.clip_id: data.classes[row.label] for row in data.rows}
    maps = [recipe.sample(clip).arrays["flow_map"] for clip in data.clips]
    units = [[any(a.number == u for a in c.action_units or ()) for u in UNITS] for c in data.clips]
    return Asked(
        {"flow_map": torch.from_numpy(np.stack(maps))},
        np.array([CLASSES.index(named[clip.clip_id]) for clip in data.clips]),
        np.array([clip.action_units is not None for clip in data.clips]),
        np.array(units),
    )


@torch.no_grad()
def answers_of(network: Network, clips: Asked, thresholds: Sequence[float]) -> str:
    """UF1, UAR and mean F1 of the units."""
    said = network(clips.inputs)
    calls = said.logits.argmax(1).numpy()
    matrix = confusion_matrix(clips.classes, calls, len(CLASSES))
    shares = said.aux["units"].sigmoid().amax(-1).numpy()[clips.coded]
    truth = clips.units[clips.coded]
    each = f1_of_units(shares, truth, thresholds)
    return f"{float(uf1(matrix)):.3f} {float(uar(matrix)):.3f} {np.mean(each):.3f}"


def emotion_tables(folder: Path) -> dict[str, Path]:
    """Title -> a table of emotions that knows less than merkit's: every published variant as often
    as any other, and what EMFACS expects alone, without what was counted."""
    table = pd.read_csv(str(files("merkit.simulate") / "data" / "emotions.csv"), dtype=str)
    expected = table[table.source.str.startswith("EMFACS")]
    made = {"every variant alike": table.assign(weight="1"), "EMFACS alone": expected}
    paths = {}
    for title, less in made.items():
        paths[title] = folder / f"{title.replace(' ', '_')}.csv"
        less.to_csv(paths[title], index=False)
    return paths


def rows(base: TeachConfig, folder: Path) -> dict[str, TeachConfig]:
    """Title -> settings; tables of their own are written to the folder."""
    made = {"all": base, "all, another seed": replace(base, seed=base.seed + 1)}
    made["exact flow alone"] = replace(base, count=0, geometric=base.count)
    half = base.count // 2
    made["exact and estimated"] = replace(base, count=half, geometric=half)
    made["exact flow, four times as many"] = replace(base, count=0, geometric=4 * base.count)
    for title, change in FIT.items():
        made[f"without {title}"] = replace(base, fit=replace(base.fit, **change))
    made["four times as long"] = replace(base, fit=replace(base.fit, steps=4 * base.fit.steps))
    made["three teachers, distilled"] = replace(base, teachers=3)
    for title, dials in WITHOUT.items():
        made[f"without {title}"] = replace(base, without=dials)
    for title, path in emotion_tables(folder).items():
        made[f"tables: {title}"] = replace(base, emotions=path)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", nargs="*", help="words that the titles of rows hold")
    words = parser.parse_args()
    places = {"real": ("flow-maps", words.real), "photo": ("synthetic", words.photo)}
    others = {name: asked(data, root) for name, (data, root) in places.items() if root}
    base = TeachConfig(
        face_model=words.face_model,
        count=words.count,
        held_out=1000,
        teachers=1,
        unit_teachers=0,
        fit=FitConfig(steps=words.steps, class_steps=0),
    )
    titles = " ".join(f"{f'{name} UF1 UAR AUs':>22}" for name in others)
    print(f"{'':32} {'simulated UF1 AUs':>20} {titles}", flush=True)
    held_out = simulated(base, "held out")
    known: dict[object, Lessons] = {}  # rows that differ in the training alone share their clips
    folder = Path(tempfile.mkdtemp())
    for title, config in rows(base, folder).items():
        if words.only and not any(word in title for word in words.only):
            continue
        drawn = (config.count, config.geometric, config.seed, config.without, config.emotions)
        if drawn not in known:
            known[drawn] = simulated(config, "learn")
        network = learned(SimFlow(start="random"), known[drawn], config)
        marks = mark(network, held_out)
        line = f"{marks.uf1:.3f} {marks.mean_unit_f1:.3f}"
        told = [answers_of(network, clips, marks.unit_thresholds) for clips in others.values()]
        print(f"{title:32} {line:>20} {' '.join(f'{t:>22}' for t in told)}", flush=True)


if __name__ == "__main__":
    main()
