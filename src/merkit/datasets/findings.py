"""What an audit finds, in the words of its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Level = Literal["broken", "differs", "note"]

#: Key of an image, equal where the pixels are equal.
ContentKey: TypeAlias = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an audit.

    ``level``: ``broken``, must be mended before a score means anything; ``differs``, not as
    published, and it is for the user to judge; ``note``, worth knowing. ``what``: the kind, in
    few words. ``clip``: clip id, fold or file; "" for the whole database. ``fix``: what to do.
    """

    level: Level
    what: str
    clip: str
    detail: str
    fix: str = ""
