"""One small registry: a name, and where the thing lives.

Entries are ``"module:attribute"`` strings, so listing names imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Generic, TypeVar, cast

from merkit.errors import ConfigError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Names to lazily imported things.

    Args:
        kind: what is registered, for messages ("method", "database").
        entries: name -> ``"package.module:attribute"``.

    Raises:
        ConfigError: on a name that is not registered, with the nearest names.
    """

    def __init__(self, kind: str, entries: dict[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            near = get_close_matches(name, self._entries, n=1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            raise ConfigError(
                f"unknown {self.kind} '{name}'", f"one of: {', '.join(self._entries)}", hint
            )
        if name not in self._loaded:
            module, attribute = self._entries[name].split(":")
            self._loaded[name] = cast(T, getattr(import_module(module), attribute))
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries
