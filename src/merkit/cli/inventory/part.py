"""One part of an installation, and what its licence lets one do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What a licence lets one do, from the freest on. ``any use``: also in a product, with the notice
#: kept. ``duties``: any use; who passes the part itself on owes its source, or must let it be
#: exchanged. ``unknown``: read its files. ``limited``: not for every use, such as research only.
Terms: TypeAlias = Literal["any use", "duties", "unknown", "limited"]
#: ``package``: installed for merkit; ``inside``: a file or library that came within merkit or a
#: package; ``model``, ``data``: what is fetched or brought by the user.
Kind: TypeAlias = Literal["package", "inside", "model", "data"]

UNKNOWN = "not named: see its files"
_RISING: tuple[Terms, ...] = ("any use", "duties", "unknown", "limited")
#: words of SPDX identifiers, classifiers and free text, the most restrictive first
_WORDS: tuple[tuple[Terms, str], ...] = (
    (
        "limited",
        r"non-?commercial|\bNC\b|proprietary|research|agreement|by its authors|\bth(at|ose) of\b",
    ),
    ("any use", r"GPL.*with (the )?(GCC|Classpath|autoconf)"),
    ("duties", r"\bA?L?GPL|General Public|\bMPL\b|Mozilla|\bEPL\b|\bCDDL\b|\bEUPL\b"),
    (
        "any use",
        r"\bMIT|\b0?BSD|Apache|\bISC\b|\bPSF|Python Software|\bZlib|\bBSL|Boost|\bHPND|\bCNRI"
        r"|\bCC0|\bCC-BY-[0-9]|Unlicense|public domain|\bfree\b",
    ),
)


@dataclass(frozen=True, slots=True)
class Part:
    """Something that merkit comes with, needs or reads.

    ``licence``: an SPDX expression where one is known, else in its owner's words. ``needed_by``:
    the part that brings it along ("merkit", "extra dlib", "av 18.1.0"); of a package that a package
    needs, what of merkit's own needs it. ``needs``: of a package, the packages that it needs.
    """

    name: str
    version: str
    kind: Kind
    licence: str
    needed_by: str
    note: str = ""
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}".strip()

    @property
    def terms(self) -> Terms:
        return terms_of(self.licence)


def terms_of(licence: str) -> Terms:
    """What a licence lets one do. Of several that hold at once (AND, commas) the strictest counts,
    of several to choose from (OR) the freest."""
    if "(" in licence and re.search(r"\bOR\b", licence):  # nested: all of them, to be safe
        return _strictest(re.split(r"\bOR\b|\bAND\b", licence))
    return min((_strictest(re.split(r"\bAND\b|, ", one)) for one in _choices(licence)), key=_rank)


def _choices(licence: str) -> list[str]:
    return re.split(r"\bOR\b", licence)


def _strictest(licences: list[str]) -> Terms:
    return max(map(_of_one, licences), key=_rank)


def _of_one(licence: str) -> Terms:
    for terms, words in _WORDS:
        if re.search(words, licence, re.IGNORECASE):
            return terms
    return "unknown"


def _rank(terms: Terms) -> int:
    return _RISING.index(terms)
