"""``merkit bench``."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.bench.config import BenchLosoConfig
from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.files import write_json
from merkit.progress import terminal_progress
from merkit.workers import cores

_KINDS = ("loso",)


def run(words: Sequence[str]) -> int:
    """``merkit bench loso``: the conventional way and merkit's, in one run."""
    kind, options = (words[0], words[1:]) if words else ("", words)
    if kind.startswith("-"):  # help, or a flag whose kind was forgotten
        kind, options = _KINDS[0], words
    if kind not in _KINDS:
        raise ConfigError(f"merkit bench {kind}".strip(), f"merkit bench {', '.join(_KINDS)}")
    config = parse_config(BenchLosoConfig, f"bench {kind}", options)
    from merkit.bench.loso import bench_loso, document

    with terminal_progress() as progress:
        found = bench_loso(config, cores(), progress)
    print("\n".join(found.lines(cores())))
    if config.out is not None:
        write_json(config.out, document(config, found))
        print(f"result: {config.out}")
    return 0
