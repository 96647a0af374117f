"""``merkit simulate``: flow maps or sequences whose labels are known, from a face model."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.simulate.config import SimulateConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(SimulateConfig, "simulate", words)
    config.model_file()  # a usage error must not wait for heavy imports
    from merkit.simulate.make import write_simulated
    from merkit.simulate.tables import CLASSES

    with terminal_progress() as progress:
        made = write_simulated(config, progress)
    counts = [int((made.classes == label).sum()) for label in range(len(CLASSES) + 1)]
    told = zip((*CLASSES, "nothing"), counts, strict=True)
    name = "sequences" if config.kind == "sequences" else "maps"
    print(f"{config.out}: {len(made)} {name} ({', '.join(f'{n} {name}' for name, n in told)})")
    return 0
