"""The parts of an installation as text and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from merkit.cli.inventory.enclosed import from_elsewhere, inside_merkit, inside_packages
from merkit.cli.inventory.installed import installed_packages
from merkit.cli.inventory.part import Kind, Part

_HEADINGS: dict[Kind, str] = {
    "package": "packages",
    "inside": "inside merkit and these packages",
    "model": "models from elsewhere",
    "data": "databases: none comes with merkit, each has its own agreement",
}
_TERMS = """\
any use: also in a product, with its notice kept
duties:  any use; who passes it on owes its source, or must let it be exchanged (GPL, LGPL, MPL)
limited: not for every use; read its terms
unknown: its metadata do not say; read its files"""


def all_parts() -> list[Part]:
    """Everything, packages first."""
    packages = installed_packages()
    return [*packages, *inside_merkit(), *inside_packages(packages), *from_elsewhere()]


def as_text(parts: Sequence[Part]) -> str:
    """Lines of terms, name and version, licence, and what needs it; a part of the text a kind."""
    width = max(len(part.title) for part in parts)
    lines = []
    for kind, heading in _HEADINGS.items():
        lines += [heading, *(_line(part, width) for part in parts if part.kind == kind), ""]
    return "\n".join([*lines, _TERMS, "", _count(parts)])


def _line(part: Part, width: int) -> str:
    origin = "" if part.needed_by == "merkit" else f"  [{part.needed_by}]"
    note = f"; {part.note}" if part.note else ""
    return f"  {part.terms:<8} {part.title:<{width}}  {part.licence}{note}{origin}"


def _count(parts: Iterable[Part]) -> str:
    """How many of what comes with an installation are of which terms."""
    here = Counter(part.terms for part in parts if part.kind in ("package", "inside"))
    return "installed: " + ", ".join(f"{count} {terms}" for terms, count in here.most_common())


def as_values(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [
        {
            "name": part.name,
            "version": part.version,
            "kind": part.kind,
            "licence": part.licence,
            "terms": part.terms,
            "needed_by": part.needed_by,
            "note": part.note,
        }
        for part in parts
    ]
