"""People behind the spellings of their names: ``SUB01``, ``sub-1`` and ``sub1`` are one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import pairwise

#: what people write before a number and leave out again
_PREFIXES = {
    "s",
    "sub",
    "subj",
    "subject",
    "p",
    "part",
    "participant",
    "person",
    "id",
    "no",
    "spno",
}


def subject_identity(name: str) -> str:
    """What all spellings of one subject have in common.

    Compatible characters (full-width digits), case, invisible characters, separators and leading
    zeros do not tell people apart. ``s1-2`` and ``s12`` stay two, since no digits are joined.
    """
    return " ".join(_words(name)) or name


def one_spelling(names: Iterable[str]) -> dict[str, str]:
    """Spelling -> the one to use, for those that are spelled in several ways: the commonest, and of
    equally common ones the first in order."""
    count = Counter(names)
    ways: dict[str, list[str]] = {}
    for name in sorted(count, key=lambda n: (-count[n], n)):
        ways.setdefault(subject_identity(name), []).append(name)
    return {name: same[0] for same in ways.values() if len(same) > 1 for name in same}


def likely_aliases(names: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of names of different identity that may well be one person, sorted: equal but for
    accents or the word before the number (``sub1`` and ``1``), or one with more in front of it
    (``casme2_sub01``)."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(names):
        groups.setdefault(_core(name), []).append(name)
    found = {pair for same in groups.values() for pair in pairwise(same)}
    for core, same in groups.items():
        for cut in range(1, len(core)):
            shorter = groups.get(core[cut:])
            if shorter and any(not word.isdigit() for word in core[:cut]):
                found.add((shorter[0], same[0]))
    differing = (p for p in found if subject_identity(p[0]) != subject_identity(p[1]))
    return sorted(differing)


def _words(name: str) -> list[str]:
    """Runs of digits, without leading zeros, and of what else is neither space nor separator."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(map(_plain, text))
    return [w.lstrip("0") or "0" if w.isdigit() else w for w in re.findall(r"\d+|[^\d\s]+", plain)]


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Cf", "Cc") and not character.isspace():
        return ""  # a zero-width space, a byte order mark
    if kind in ("Pd", "Pc", "Zs", "Zl", "Zp") or character in ".,":
        return " "
    return str(unicodedata.decimal(character)) if kind == "Nd" else character


def _core(name: str) -> tuple[str, ...]:
    """The words without accents, and without the word that only says that a subject follows."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = _words(bare)
    return tuple(words[1:] if len(words) > 1 and words[0] in _PREFIXES else words)
