"""``merkit models``: the methods, or every setting of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from merkit.cli.options import parse


@dataclass(frozen=True)
class Options:
    """List the methods, or the settings of one with their defaults."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """a method; empty lists all"""
    set: tuple[str, ...] = field(default=())
    """model settings to try, such as encoder.name=tiny"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "models", words)
    from merkit.methods import METHODS

    if not options.name:
        width = max(map(len, METHODS))
        for name, method in METHODS.items():
            print(f"{name:<{width}}  {method.title}\n{'':<{width}}  {method.citation}")
        print("\nsettings of one: merkit models NAME")
        return 0
    _show(options)
    return 0


def _show(options: Options) -> None:
    from merkit.config import apply_overrides, flat, to_mapping
    from merkit.training.setup import make_setup

    setup = make_setup(options.name, apply_overrides({}, options.set), {}, {})
    print(f"{setup.method.name}: {setup.method.title}\n{setup.method.citation}\n")
    groups = {"model": setup.model_config, "training": setup.settings, "recipe": setup.recipe}
    for group, config in groups.items():
        for name, value in flat(to_mapping(config), group).items():
            print(f"{name} = {value}")
    print("\nchange one: merkit evaluate ... --set model.NAME=VALUE")
