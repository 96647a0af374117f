"""``merkit catalog``: everything that can be chosen by name, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from merkit.cli.options import listed, parse
from merkit.errors import ConfigError
from merkit.overrides import read_yaml, shipped_files
from merkit.registry import Registry

#: the one kind that is no registry: experiment files that come with merkit
EXPERIMENT = "experiment"


@dataclass(frozen=True)
class Options:
    """List everything that can be chosen by name, and where it comes from."""

    kind: Annotated[str, tyro.conf.Positional] = ""
    """method, database, protocol, face tracker, metric, exporter or experiment; empty: all"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "catalog", words)
    registries = {registry.kind: registry for registry in _registries()}
    kinds = [*registries, EXPERIMENT]
    if options.kind and options.kind not in kinds:
        raise ConfigError(f"no kind '{options.kind}'", f"one of: {', '.join(kinds)}")
    for kind in [options.kind] if options.kind else kinds:
        print(f"{kind}:")
        if kind == EXPERIMENT:
            _experiments()
        else:
            _registered(registries[kind])
    return 0


def _registered(registry: Registry[Any]) -> None:
    for name, thing in listed(registry).items():
        origin = registry.origin(name)
        own = "" if origin == "merkit" else f"  (from {origin})"
        print(f"  {name:<18} {thing.title}{own}")


def _experiments() -> None:
    """The files of settings that come with merkit, each with how it is run."""
    for name, path in shipped_files().items():
        several = "runs" in read_yaml(path)
        print(f"  merkit {'experiment' if several else 'evaluate --config'} {name}")


def _registries() -> list[Registry[Any]]:
    from merkit.datasets import DATASETS
    from merkit.export import EXPORTERS
    from merkit.face.tracker import TRACKERS
    from merkit.methods import METHODS
    from merkit.protocols import PROTOCOLS
    from merkit.scoring.metrics import METRICS

    return [METHODS, DATASETS, PROTOCOLS, TRACKERS, METRICS, EXPORTERS]
