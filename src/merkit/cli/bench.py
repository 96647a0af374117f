"""``merkit bench``."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.files import write_json
from merkit.progress import terminal_progress
from merkit.workers import cores

_KINDS = ("loso",)


def run(words: Sequence[str]) -> int:
    """``merkit bench loso``: the conventional way and merkit's, in one run."""
    kind = words[0] if words and not words[0].startswith("-") else ""
    if kind not in _KINDS and not {"-h", "--help"} & set(words):
        raise ConfigError(f"merkit bench {kind}".strip(), f"merkit bench {', '.join(_KINDS)}")
    from merkit.bench.loso import BenchLosoConfig, bench_loso, document

    config = parse_config(BenchLosoConfig, "bench loso", words[1:] if kind else words)
    with terminal_progress() as progress:
        found = bench_loso(config, cores(), progress)
    print("\n".join(found.lines(cores())))
    if config.out is not None:
        write_json(config.out, document(config, found))
        print(f"result: {config.out}")
    return 0
