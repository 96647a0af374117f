"""The packages that an installation of merkit consists of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from merkit.cli.inventory.part import UNKNOWN, Part
from merkit.errors import MissingPackageError

#: extras that serve those who change merkit, not those who use it
DEVELOPERS = ("dev", "docs")
#: characters of a licence field that holds a name; above, it holds the whole text
_SHORT = 60


def installed_packages(root: str = "merkit") -> list[Part]:
    """A package, all that it needs, and what its extras need where it is installed; by name.

    Raises:
        MissingPackageError: the package runs from its source and was never installed.
    """
    if not _installed(root):
        raise MissingPackageError(
            f"{root} runs from a folder and is not installed",
            "an installation, which knows what it needs",
            "pip install . in that folder",
        )
    starts = {root: Requirement(root)}
    for extra in _all(distribution(root), "Provides-Extra"):
        if extra not in DEVELOPERS:
            starts[f"extra {extra}"] = Requirement(f"{root}[{extra}]")
    needed_by: dict[str, str] = {canonicalize_name(root): root}
    needs: dict[str, set[str]] = defaultdict(set)
    seen: set[tuple[str, str]] = set()
    for owner, start in starts.items():
        for package, needed in _walk(start, seen):
            needed_by.setdefault(needed, owner)
            needs[package].add(needed)
    return [_part(name, needed_by[name], sorted(needs[name])) for name in sorted(needed_by)]


def _part(name: str, needed_by: str, needs: list[str]) -> Part:
    package = distribution(name)
    return Part(
        name, package.version, "package", licence_of(package), needed_by, needs=tuple(needs)
    )


def _walk(start: Requirement, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each package that is reached and each installed one that it needs; none that was ``seen``,
    with the same extra, before."""
    waiting = [start]
    while waiting:
        need = waiting.pop()
        name = canonicalize_name(need.name)
        for extra in ("", *need.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                further = [n for n in _needs(distribution(name), extra) if _installed(n.name)]
                waiting += further
                yield from ((name, canonicalize_name(n.name)) for n in further)


def _needs(package: Distribution, extra: str) -> Iterator[Requirement]:
    """What a package needs on this machine: always (""), or for one of its extras."""
    for text in package.requires or ():
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            yield need


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:  # of an extra that was left out
        return False
    return True


def licence_of(package: Distribution) -> str:
    """As its metadata name it: the SPDX expression, else the field of free text where that is a
    name and no whole text, else the classifiers, else the first line of the text."""
    expression = _all(package, "License-Expression")
    if expression:
        return expression[0]
    lines = "".join(_all(package, "License")).strip().splitlines()
    if len(lines) == 1 and len(lines[0]) <= _SHORT and lines[0].upper() != "UNKNOWN":
        return lines[0]
    named = [c.rpartition(" :: ")[2] for c in _all(package, "Classifier") if "License ::" in c]
    if named and named != ["OSI Approved"]:
        return ", ".join(named)
    return lines[0] if lines else UNKNOWN


def _all(package: Distribution, field: str) -> list[str]:
    return [str(value) for value in package.metadata.get_all(field) or []]
