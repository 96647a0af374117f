"""``merkit prepare``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.progress import Progress, terminal_progress
from merkit.runs.config import PrepareConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(PrepareConfig, "prepare", words)
    config.sources()
    if config.on_cluster:
        told = f"this prepares here; 'merkit evaluate --cluster {config.cluster}' has a job do it"
        print(f"merkit: {told}", file=sys.stderr)
    with terminal_progress() as progress:
        if config.task in ("spotting", "spot-recognise"):
            _spot(config, progress)
        if config.task != "spotting":
            _prepare(config, progress)
    return 0


def _prepare(config: PrepareConfig, progress: Progress) -> None:
    from merkit.runs.data import load_clips, prepare_clips
    from merkit.runs.unit_clips import load_unit_clips

    method = config.make()
    clips = load_unit_clips(config) if config.task == "au" else load_clips(config)
    samples = prepare_clips(clips, method.recipe, config, progress)[1]
    where = samples.store.folder if samples.store else "no folder (nothing is read of them)"
    print(f"{len(samples.keys)} samples in {where} ({samples.made} new)")
    for clip_id, message in samples.refused.items():
        print(f"left out {clip_id}: {message.splitlines()[0]}")


def _spot(config: PrepareConfig, progress: Progress) -> None:
    from merkit.runs.watched import load_annotations, watch

    watched, refused = watch(load_annotations(config), config, progress)
    print(f"{len(watched)} recordings are spotted")
    for name, message in refused.items():
        print(f"left out {name}: {message.splitlines()[0]}")
