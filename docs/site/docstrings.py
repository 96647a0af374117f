"""Our docstrings as the reference reads them; the sources stay as people read them.

Things are named as Sphinx does, :class:`Network`; here they are code. One line of a section may
stand for several names, ``points, radius: ...``; here each has it.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|exc):`~?([^`]+)`")
SEVERAL = re.compile(r"^( {4})(\w+(?:, \w+)+):( .*\n?(?: {5,}.*\n?)*)", re.MULTILINE)


class Roles(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = SEVERAL.sub(_one_each, text)


def _one_each(match: re.Match[str]) -> str:
    indent, names, said = match.groups()
    entries = [f"{indent}{name}:{said.rstrip()}" for name in names.split(", ")]
    return "\n".join(entries) + said[len(said.rstrip()) :]
