"""``merkit bench``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from merkit.bench.config import (
    BenchFlowConfig,
    BenchLosoConfig,
    BenchPredictConfig,
    BenchPrepareConfig,
)
from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.files import write_json
from merkit.progress import terminal_progress

#: kind -> its settings and what it measures; ``merkit.bench.<kind>.bench_<kind>`` does
_KINDS: dict[str, tuple[type[Any], str]] = {
    "loso": (BenchLosoConfig, "trainings of a leave-one-subject-out run"),
    "prepare": (BenchPrepareConfig, "the samples of a method"),
    "predict": (BenchPredictConfig, "events of a recording, stage by stage"),
    "flow": (BenchFlowConfig, "optical flow estimators"),
}


def run(words: Sequence[str]) -> int:
    """``merkit bench KIND``: the conventional way and merkit's, in one run.

    Raises:
        ConfigError: no such kind.
    """
    kind, options = (words[0], words[1:]) if words else ("", words)
    if kind in ("-h", "--help"):
        print("\n".join(f"merkit bench {name:<8}  {about}" for name, (_, about) in _KINDS.items()))
        return 0
    if kind not in _KINDS:
        raise ConfigError(
            f"merkit bench {kind}".strip(),
            f"one of: {', '.join(f'merkit bench {name}' for name in _KINDS)}",
            "name what to measure, then its options",
        )
    config = parse_config(_KINDS[kind][0], f"bench {kind}", options)
    bench = getattr(import_module(f"merkit.bench.{kind}"), f"bench_{kind}")
    with terminal_progress() as progress:
        found = bench(config, progress)
    print("\n".join(found.lines()))
    if config.out is not None:
        from merkit.bench.machine import document

        write_json(config.out, document(config, found))
        print(f"result: {config.out}")
    return 0
