"""Settings as files and command lines give them: YAML, and dotted names with values over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from merkit.errors import ConfigError, MissingDataError


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
