"""``merkit simulate``: flow maps whose labels are known, from a face model."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.simulate.config import SimulateConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(SimulateConfig, "simulate", words)
    model_file = config.model_file()
    from merkit.simulate.make import write_flow_maps
    from merkit.simulate.tables import CLASSES

    with terminal_progress() as progress:
        maps = write_flow_maps(config, model_file, progress)
    counts = [int((maps.classes == label).sum()) for label in range(len(CLASSES) + 1)]
    told = zip((*CLASSES, "nothing"), counts, strict=True)
    print(f"{config.out}: {len(maps)} maps ({', '.join(f'{n} {name}' for name, n in told)})")
    return 0
