"""The licence of everything that the base install brings along."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_licences(root: str = "merkit") -> dict[str, str]:
    """Package and version -> licence, of a package and what it needs, extras left out."""
    found: dict[str, Distribution] = {}
    waiting = [root]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # a marker of another platform may ask for it
            continue
        needs = [Requirement(text) for text in found[name].requires or ()]
        waiting += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    return {f"{name} {found[name].version}": licence_of(found[name]) for name in sorted(found)}


def licence_of(package: Distribution) -> str:
    """As its metadata name it: the SPDX expression, else the classifiers, else the first line."""
    expression = _field(package, "License-Expression")
    if expression:
        return expression[0]
    named = [c.rpartition(" :: ")[2] for c in _field(package, "Classifier") if "License ::" in c]
    if named and named != ["OSI Approved"]:
        return ", ".join(named)
    lines = "".join(_field(package, "License")).strip().splitlines()
    return lines[0] if lines else "not named: see its files"


def _field(package: Distribution, name: str) -> list[str]:
    return [str(value) for value in package.metadata.get_all(name) or []]
