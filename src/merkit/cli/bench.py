"""``merkit bench``."""

from __future__ import annotations

import os
from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.files import write_json
from merkit.progress import terminal_progress

_KINDS = ("loso",)


def run(words: Sequence[str]) -> int:
    """``merkit bench loso``: the conventional way and merkit's, in one run."""
    from merkit.bench.loso import BenchLosoConfig, bench_loso, document

    kind = words[0] if words and not words[0].startswith("-") else ""
    if kind not in _KINDS and not {"-h", "--help"} & set(words):
        raise ConfigError(f"'merkit bench {kind}'".replace(" '", "'"), "merkit bench loso")
    config = parse_config(BenchLosoConfig, "bench loso", words[1:] if kind else words)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with terminal_progress() as progress:
        found = bench_loso(config, cores or 1, progress)
    print("\n".join(found.lines(cores or 1)))
    if config.out is not None:
        write_json(config.out, document(config, found))
        print(f"result: {config.out}")
    return 0
