"""``merkit prepare``."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import terminal_progress
from merkit.runs.config import PrepareConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(PrepareConfig, "prepare", words)
    config.sources()
    from merkit.runs.data import open_task
    from merkit.training.setup import make_setup

    setup = make_setup(config.method, config.model, config.training, config.recipe)
    with terminal_progress() as progress:
        prepared = open_task(config, setup.recipe, progress).prepared
    print(f"{len(prepared.keys)} samples in {prepared.store.folder} ({prepared.made} new)")
    for clip_id, message in prepared.refused.items():
        print(f"left out {clip_id}: {message.splitlines()[0]}")
    return 0
