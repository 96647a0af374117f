"""``merkit models``: the methods and the recognisers that come trained, or every setting of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from merkit.cli.options import listed, parse
from merkit.errors import MerkitError
from merkit.methods.bundled import BUNDLED, CARD, MODEL, read_recogniser


@dataclass(frozen=True)
class Options:
    """List the methods and the recognisers that come trained, or the settings of one with their
    defaults."""

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
    print("\ntrained on simulated faces alone, to start from with --init:")
    for name in BUNDLED:
        print(f"{name:<{width}}  {_recogniser(name)}")
    print("\nsettings of one: merkit models NAME")
    return 0


def _recogniser(name: str) -> str:
    """What a recogniser tells apart, and where its card lies; or why it does not serve."""
    try:
        found = read_recogniser(name)
        found.check()
    except MerkitError as error:
        return error.found
    size = (found.folder / MODEL).stat().st_size / 1e6
    says = f"{', '.join(found.classes)}; {len(found.units)} action units; {size:.1f} MB"
    return f"{says}; card: {found.folder / CARD}"


def _show(options: Options) -> None:
    from merkit.config import flat
    from merkit.methods import METHODS, make_method
    from merkit.overrides import apply_overrides

    method = make_method(options.name, apply_overrides({}, options.set))
    print(f"{method.name}: {method.title}\n{method.citation}")
    print(f"from: {METHODS.origin(method.name)}\n")
    for name, value in flat(method.settings()).items():
        print(f"{name} = {value}")
    print("\nits network reads:", *(f"  {wanted}" for wanted in method.inputs()), sep="\n")
    print("\nchange one: merkit evaluate ... --set model.NAME=VALUE")
