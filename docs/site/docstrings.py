"""Our docstrings as the reference reads them; the sources stay as people read them.

Things are named as Sphinx does, :class:`Network`; here they are code. One line of a section may
stand for several names, ``points, radius: ...``; here each has it. An ``Example:`` is a section. A
setting that is made anew for each object shows what is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|exc):`~?([^`]+)`")
SEVERAL = re.compile(r"^( {4})(\w+(?:, \w+)+):( .*\n?(?: {5,}.*\n?)*)", re.MULTILINE)


class Roles(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            text = text.replace("\nExample:\n", "\nExamples:\n")
            obj.docstring.value = SEVERAL.sub(_one_each, text)

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for made in _classes(pkg):
            for parameter in made.parameters:
                parameter.default = _made(parameter.default)


def _classes(module: griffe.Module) -> Iterator[griffe.Class]:
    yield from module.classes.values() if not module.is_alias else ()
    for below in module.modules.values():
        yield from _classes(below)


def _made(default: str | griffe.Expr | None) -> str | griffe.Expr | None:
    """``X(a=1)`` of ``(lambda: X(a=1))()``."""
    function = default.function if isinstance(default, griffe.ExprCall) else None
    return function.body if isinstance(function, griffe.ExprLambda) else default


def _one_each(match: re.Match[str]) -> str:
    indent, names, said = match.groups()
    entries = [f"{indent}{name}:{said.rstrip()}" for name in names.split(", ")]
    return "\n".join(entries) + said[len(said.rstrip()) :]
