"""``merkit data list`` and ``merkit data check``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import listed, parse
from merkit.errors import ConfigError
from merkit.progress import terminal_progress


@dataclass(frozen=True)
class ListOptions:
    """List the databases, their label maps and published counts, and where to ask for them."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """one database; empty lists all"""


def run(words: Sequence[str]) -> int:
    actions = {"list": _list, "check": _check}
    if not words or words[0] in ("-h", "--help"):
        print("usage: merkit data list [NAME]\n       merkit data check NAME --root FOLDER")
        return 0
    if words[0] not in actions:
        raise ConfigError(f"unknown action 'data {words[0]}'", "data list, or data check")
    return actions[words[0]](words[1:])


def _list(words: Sequence[str]) -> int:
    options = parse(ListOptions, "data list", words)
    from merkit.datasets import DATASETS

    names = [options.name] if options.name else list(listed(DATASETS))
    for name in names:
        print(_card(name, whole=bool(options.name)))
    return 0


def _card(name: str, whole: bool) -> str:
    from merkit.datasets import DATASETS
    from merkit.datasets.label_maps import TaskMap

    database = DATASETS[name]
    lines = [f"{name}: {database.title}", f"  {database.citation}"]
    for variant, expected in database.expected.items():
        total_text = f"{expected.clips or '?'} clips, {expected.subjects or '?'} subjects"
        lines.append(f"  {variant}: {total_text}" + (f" ({expected.source})" if whole else ""))
    for label_map in database.label_maps:
        counts = dict(zip(label_map.classes, label_map.counts, strict=False))
        shown = ", ".join(f"{c} {n}" for c, n in counts.items()) or ", ".join(label_map.classes)
        told = f" = {sum(label_map.counts)}" if label_map.counts else ""
        if isinstance(label_map, TaskMap):  # others belong to no publication
            told = f" = {label_map.total}" if label_map.total else " (no counts published)"
        lines.append(f"  classes {label_map.name}: {shown}{told}")
        if whole and label_map.citation:
            lines.append(f"    {label_map.citation}")
    if DATASETS.origin(name) != "merkit":
        lines.append(f"  from: {DATASETS.origin(name)}")
    lines.append(f"  licence: {database.licence}")
    lines.append(f"  ask: {database.request}\n")
    return "\n".join(lines)


@dataclass(frozen=True)
class CheckOptions:
    """Audit a database's folder: published counts, missing frames, order, duplicates.

    Exit code 2 when something breaks.
    """

    name: Annotated[str, tyro.conf.Positional]
    """a database of 'merkit data list'"""
    root: Path
    """its folder, as it was distributed"""
    variant: str = ""
    """tree or part; empty: the first"""
    json: Path | None = None
    """also write the audit to this file"""
    pixels: bool = True
    """also open every image, to find unreadable ones and clips under two names"""


def _check(words: Sequence[str]) -> int:
    options = parse(CheckOptions, "data check", words)
    from merkit.datasets.audit import check_database, print_audit

    with terminal_progress() as progress:
        audit = check_database(
            options.name, options.root, options.variant, options.pixels, progress=progress
        )
    print_audit(audit, options.json)
    return 2 if audit.broken else 0
