"""``merkit models``: the methods, or every setting of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from merkit.cli.options import listed, parse


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

    if options.name:
        _show(options)
        return 0
    methods = listed(METHODS)
    width = max(map(len, methods))
    for name, method in methods.items():
        print(f"{name:<{width}}  {method.title}\n{'':<{width}}  {method.citation}")
        if METHODS.origin(name) != "merkit":
            print(f"{'':<{width}}  from {METHODS.origin(name)}")
    print("\nsettings of one: merkit models NAME")
    return 0


def _show(options: Options) -> None:
    from merkit.config import flat
    from merkit.methods import METHODS, make_method
    from merkit.overrides import apply_overrides

    method = make_method(options.name, apply_overrides({}, options.set))
    print(f"{method.name}: {method.title}\n{method.citation}")
    print(f"from: {METHODS.origin(method.name)}\n")
    for name, value in flat(method.settings()).items():
        print(f"{name} = {value}")
    print("\nchange one: merkit evaluate ... --set model.NAME=VALUE")
