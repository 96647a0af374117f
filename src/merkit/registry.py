"""The registries: a name, where the thing lives, and who brought it.

Built-in entries are ``"module:attribute"`` strings, so listing names imports nothing heavy. Other
packages add theirs by an entry point of the registry's group (``merkit.methods``,
``merkit.databases``, ``merkit.protocols``, ``merkit.trackers``, ``merkit.metrics``,
``merkit.exporters``), a script by ``register``. Everything that is registered has a ``name``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from merkit.errors import ConfigError, MerkitError, MissingPackageError

T = TypeVar("T")
R = TypeVar("R")


class Registry(Mapping[str, T], Generic[T]):
    """Names to lazily imported things.

    Args:
        kind: what is registered, for messages ("method", "database").
        entries: name -> ``"package.module:attribute"``.
        group: entry-point group through which other packages add to it; "" for none.

    Raises:
        ConfigError: on a name that is not registered (with the nearest names), that two
            packages claim, or whose thing calls itself otherwise.
        MissingPackageError: on the name of another package's thing that cannot be imported.
    """

    def __init__(self, kind: str, entries: Mapping[str, str], group: str = "") -> None:
        self.kind, self.group = kind, group
        self._built_in = dict(entries)
        self._scripts: dict[str, T] = {}
        self._loaded: dict[str, T] = {}
        self._found: dict[str, list[EntryPoint]] | None = None

    def register(self, thing: R) -> R:
        """Add a thing under its ``name``; for a class also a decorator.

        Where folds train in processes of their own, the script that registers is imported there
        again: keep the call outside ``if __name__ == "__main__"``.

        Raises:
            ConfigError: the name is taken.
        """
        name = cast(Any, thing).name
        known = self._scripts.get(name)
        if name in self and (known is None or not _same(known, thing)):
            raise ConfigError(
                f"{self.kind} '{name}' is there already, from {self.origin(name)}",
                "a name that nothing else has",
                "choose another name",
            )
        self._scripts[name] = cast(T, thing)
        return thing

    def origin(self, name: str) -> str:
        """Where an entry comes from: ``merkit``, a package with its version, or ``this script``."""
        if name in self._scripts:
            return "this script"
        packages = [_package(point) for point in self._plugins.get(name, ())]
        return " and ".join(["merkit", *packages] if name in self._built_in else packages)

    def __getitem__(self, name: str) -> T:
        if name in self._scripts:
            return self._scripts[name]
        if name not in self:
            near = get_close_matches(name, self, n=1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            raise ConfigError(f"unknown {self.kind} '{name}'", f"one of: {', '.join(self)}", hint)
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._built_in, *self._plugins, *self._scripts]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._scripts or name in self._plugins

    def load_all(self) -> tuple[dict[str, T], list[MerkitError]]:
        """Everything that can be loaded, by name, and why the rest cannot."""
        things: dict[str, T] = {}
        errors: list[MerkitError] = []
        for name in self:
            try:
                things[name] = self[name]
            except MerkitError as error:
                errors.append(error)
        return things, errors

    @property
    def _plugins(self) -> dict[str, list[EntryPoint]]:
        """Entry points of other packages by name, looked up once."""
        if self._found is None:
            self._found = {}
            for point in sorted(entry_points(group=self.group) if self.group else ()):
                self._found.setdefault(point.name, []).append(point)
        return self._found

    def _load(self, name: str) -> T:
        points = self._plugins.get(name, [])
        if len(points) + (name in self._built_in) > 1:
            raise ConfigError(
                f"{self.kind} '{name}' comes from {self.origin(name)}",
                "one name from one package",
                f"uninstall one of them, or rename its entry point in '{self.group}'",
            )
        if not points:
            module, attribute = self._built_in[name].split(":")
            return cast(T, getattr(import_module(module), attribute))
        try:
            thing = points[0].load()
        except Exception as error:  # whatever another package's import may raise
            raise MissingPackageError(
                f"{self.kind} '{name}' of {_package(points[0])} cannot be loaded: "
                f"{type(error).__name__}: {error}",
                f"an importable '{points[0].value}'",
                "mend or uninstall that package; the rest of merkit works without it",
            ) from error
        if getattr(thing, "name", None) != name:
            raise ConfigError(
                f"{self.kind} '{name}' of {_package(points[0])} calls itself "
                f"{getattr(thing, 'name', None)!r}",
                "the name of its entry point",
            )
        return cast(T, thing)


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _same(known: object, thing: object) -> bool:
    """Whether a thing is registered again: an equal object, or a class of the same place."""
    if isinstance(known, type) and isinstance(thing, type):
        return _place(known) == _place(thing)
    return known == thing


def _place(kind: type) -> tuple[str, str]:
    """Where a class was defined: a cell or module that is run again defines it anew."""
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None) or kind.__module__, kind.__qualname__
