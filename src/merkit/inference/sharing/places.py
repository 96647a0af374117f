"""Places of this machine in settings, which are nobody else's affair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from merkit.errors import ConfigError
from merkit.samples.recipes import FILE_SETTINGS


def without_files(settings: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Settings without the files of this machine that they name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        full = f"{where}.{name}" if where else name
        if isinstance(value, Mapping):
            found[name] = without_files(value, full)
        else:
            named = any(full == f or full.endswith(f".{f}") for f in FILE_SETTINGS)
            found[name] = "" if value and (named or _is_place(value)) else value
    return found


def refuse_places(config: Mapping[str, Any]) -> None:
    """Raises ConfigError where a setting names a path from the root of a machine or a home."""
    for name, value in _strings(config):
        if _is_place(value):
            raise ConfigError(
                f"setting {name} names a place of this machine: {value}",
                "a model whose settings name no file but those that go along with it",
                "train it with the file's content in the settings, or without it",
            )


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _strings(item, f"{where}.{name}" if where else str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item, where)
    elif isinstance(value, (str, Path)):
        yield where, str(value)


def _is_place(value: object) -> bool:
    """Whether it is a path from the root of a machine or from somebody's home."""
    if not isinstance(value, (str, Path)):
        return False
    text = str(value)
    rooted = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return rooted or text.startswith("~")
