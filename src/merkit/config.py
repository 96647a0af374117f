"""One way from YAML, command-line overrides and Python into the same frozen dataclasses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from merkit.errors import ConfigError, MissingDataError

T = TypeVar("T")


def from_mapping(
    config: type[T], values: Mapping[str, Any], where: str = "", without: Sequence[str] = ()
) -> T:
    """Build a configuration dataclass from nested plain values.

    Args:
        where: name of the group, for messages.
        without: fields that may not be given.

    Raises:
        ConfigError: an unknown field (with the nearest known one) or an impossible value.
    """
    _refuse_unknown(config, values, where, without)
    try:
        return TypeAdapter(config).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        full = f"{where}.{name}" if where else name
        raise ConfigError(
            f"setting '{full}' is {first['input']!r}", first["msg"].lower(), "change that setting"
        ) from None


def _refuse_unknown(
    config: type[Any], values: Mapping[str, Any], where: str, without: Sequence[str] = ()
) -> None:
    hints = get_type_hints(config)
    known = {f.name for f in fields(config) if f.init} - set(without)
    for name, value in values.items():
        full = f"{where}.{name}" if where else name
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            raise ConfigError(
                f"unknown setting '{full}'", f"one of: {', '.join(sorted(known))}", hint
            )
        nested = _dataclass_in(hints[name])
        if nested is not None and isinstance(value, Mapping):
            _refuse_unknown(nested, value, full)


def _dataclass_in(hint: Any) -> type[Any] | None:
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and is_dataclass(candidate):
            return candidate
    return None


def check_settings(config: object, group: str, wanted: Mapping[str, tuple[bool, str]]) -> None:
    """Refuse the first setting that is out of its range.

    Args:
        group: for the message, such as ``training``; "" for none.
        wanted: name -> whether its value holds, and what would.

    Raises:
        ConfigError: names the setting and its value.
    """
    for name, (holds, text) in wanted.items():
        if not holds:
            full = f"{group}.{name}" if group else name
            raise ConfigError(f"{full} is {getattr(config, name)!r}", text)


def to_mapping(config: Any) -> dict[str, Any]:
    """The plain nested values of a configuration, ready for YAML or JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    return {name: plain(value) for name, value in asdict(config).items()}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name, as ``--set`` takes them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        full = f"{prefix}.{name}" if prefix else name
        found |= flat(value, full) if isinstance(value, Mapping) else {full: value}
    return found


def told_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Nested settings that are not alike, with both values; "" where all are."""
    there, here = flat(before), flat(now)
    different = sorted(k for k in there.keys() | here.keys() if there.get(k) != here.get(k))
    return "; ".join(f"{k}: {there.get(k)!r} there, {here.get(k)!r} now" for k in different)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds one mapping of settings.

    Raises:
        MissingDataError: no such file.
        ConfigError: not YAML, or not a mapping.
    """
    if not path.is_file():
        raise MissingDataError(f"there is no configuration file {path}", "a YAML file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"{path} is not YAML: {detail}", "a mapping of settings") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds a {type(values).__name__}", "a mapping of settings")
    return values


def apply_overrides(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Lay ``a.b=value`` settings over nested values; values are read as YAML.

    Raises:
        ConfigError: an override without ``=``, or one that enters a plain value.
    """
    result: dict[str, Any] = deepcopy(dict(values))
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"override '{text}'", "name=value, such as model.encoder.name=tiny")
        *parents, last = name.strip().split(".")
        target = result
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigError(f"override '{text}': '{parent}' is no group of settings")
        try:
            target[last] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"override '{text}' has an unreadable value") from None
    return result
