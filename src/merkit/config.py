"""Between plain nested values and the frozen dataclasses of settings; what may stand in them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from merkit.errors import ConfigError, StoreError

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
        made: T = _adapter(cast(Hashable, config)).validate_python(dict(values))
        refuse_not_finite(made, where)
        return made
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        full = f"{where}.{name}" if where else name
        raise ConfigError(
            f"setting '{full}' is {first['input']!r}", first["msg"].lower(), "change that setting"
        ) from None


def validated(kind: type[T], content: Any, path: Path, wanted: str, fix: str = "") -> T:
    """What a file holds, as the dataclass that it was written from.

    Args:
        content: plain nested values, read from ``path``.
        wanted, fix: for the message.

    Raises:
        StoreError: a field that is missing, or of another kind; names the first.
    """
    try:
        made: T = _adapter(cast(Hashable, kind)).validate_python(content)
        return made
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path}: {place}: {first['msg'].lower()}", wanted, fix) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def refuse_not_finite(config: Any, where: str = "") -> None:
    """Refuse NaN and infinity in any setting: no range that is checked by comparing keeps them out.

    Raises:
        ConfigError: names the setting.
    """
    if is_dataclass(config):
        inner = {f.name: getattr(config, f.name) for f in fields(config)}
    elif isinstance(config, Mapping):
        inner = dict(config)
    elif isinstance(config, (list, tuple)):
        inner = {str(i): item for i, item in enumerate(config)}
    elif isinstance(config, float) and not math.isfinite(config):
        raise ConfigError(f"setting '{where}' is {config}", "a finite number")
    else:
        return
    for name, value in inner.items():
        refuse_not_finite(value, f"{where}.{name}" if where else str(name))


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


def hash_of(value: object) -> str:
    """16 hex digits that a plain nested value is known by."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def told_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Nested settings that are not alike, with both values; "" where all are."""
    there, here = flat(before), flat(now)
    different = sorted(k for k in there.keys() | here.keys() if there.get(k) != here.get(k))
    return "; ".join(f"{k}: {there.get(k)!r} there, {here.get(k)!r} now" for k in different)
