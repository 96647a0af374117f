"""What a check found, in the words of its table: an audit's, or a diagnosis of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["broken", "differs", "note", "ok"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check.

    ``level``: ``broken``, must be mended before anything else means something; ``differs``, not
    as published, and it is for the user to judge; ``note``, worth knowing; ``ok``, as it should
    be. ``what``: the kind, in few words. ``clip``: clip id, fold or file; "" for the whole.
    ``fix``: what to do.
    """

    level: Level
    what: str
    detail: str
    clip: str = ""
    fix: str = ""
