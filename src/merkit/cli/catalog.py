"""``merkit catalog``: everything that can be chosen by name, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from merkit.cli.options import listed, parse
from merkit.errors import ConfigError
from merkit.registry import Registry


@dataclass(frozen=True)
class Options:
    """List everything that can be chosen by name, and where it comes from."""

    kind: Annotated[str, tyro.conf.Positional] = ""
    """method, database, protocol, face tracker, metric or exporter; empty: all"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "catalog", words)
    registries = {registry.kind: registry for registry in _registries()}
    if options.kind and options.kind not in registries:
        raise ConfigError(f"no kind '{options.kind}'", f"one of: {', '.join(registries)}")
    for kind, registry in registries.items():
        if not options.kind or kind == options.kind:
            print(f"{kind}:")
            for name, thing in listed(registry).items():
                origin = registry.origin(name)
                own = "" if origin == "merkit" else f"  (from {origin})"
                print(f"  {name:<18} {thing.title}{own}")
    return 0


def _registries() -> list[Registry[Any]]:
    from merkit.datasets import DATASETS
    from merkit.export import EXPORTERS
    from merkit.face.tracker import TRACKERS
    from merkit.methods import METHODS
    from merkit.protocols import PROTOCOLS
    from merkit.scoring.metrics import METRICS

    return [METHODS, DATASETS, PROTOCOLS, TRACKERS, METRICS, EXPORTERS]
