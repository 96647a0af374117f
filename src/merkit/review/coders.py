"""Names of coders, and the folders that they become."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from merkit.errors import ConfigError

_LONGEST = 60


def coder_name(text: str) -> str:
    """A name as it is shown: in one Unicode form, without spaces around.

    Raises:
        ConfigError: it is empty, too long, or holds what cannot be printed.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise ConfigError(
            f"{text[:100]!r} as the name of a coder", f"1 to {_LONGEST} characters, such as anna"
        )
    return name


def coder_folder(name: str) -> str:
    """Name of the folder of a coder: plain letters on every system. Names that differ only in case
    or width of letters, or in spaces, are one coder's; a digest keeps all others apart.

    Raises:
        ConfigError: as ``coder_name``.
    """
    key = unicodedata.normalize("NFKC", coder_name(name)).casefold()
    plain = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30] or "coder"
    return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
