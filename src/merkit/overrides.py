"""Settings as files and command lines give them: YAML, and dotted names with values over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from merkit.errors import ConfigError, MissingDataError

#: of a file of settings, and how deep settings are nested
MAX_BYTES, MAX_DEPTH = 2**20, 20
#: the experiment files that come with merkit, which are named without their folder
SHIPPED = Path(__file__).parent / "configs"


def shipped_files() -> dict[str, Path]:
    """The experiment files that come with merkit, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def settings_file(path: Path) -> Path:
    """A file of settings as it was named: where it lies, or one that comes with merkit by its name,
    as ``stag-samm-3`` or ``configs/stag-samm-3.yaml``.

    Raises:
        MissingDataError: there is neither.
    """
    if path.is_file():
        return path
    bare = path.suffix in ("", ".yaml") and str(path.parent) in (".", "configs")
    found = shipped_files().get(path.stem) if bare else None
    if found is None:
        raise MissingDataError(
            f"there is no configuration file {path}",
            "a YAML file, or the name of one that comes with merkit",
            "'merkit catalog experiment' lists those",
        )
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds one mapping of settings; one that comes with merkit by its name.

    Raises:
        MissingDataError: no such file.
        ConfigError: not YAML, or not a mapping.
    """
    path = settings_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} has {path.stat().st_size} bytes", f"{MAX_BYTES} or fewer")
    try:
        values = _parsed(path.read_text(encoding="utf-8"))
    except ValueError as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"{path} is not YAML: {detail}", "a mapping of settings") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds a {type(values).__name__}", "a mapping of settings")
    return values


def _parsed(text: str) -> Any:
    """YAML as plain values.

    Raises:
        ValueError: no YAML, an integer too long for Python, or nested too deeply, as by an alias
            within itself.
    """
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if isinstance(values, (dict, list)):
        _refuse_deep(values, MAX_DEPTH)
    return values


def _refuse_deep(value: Any, levels: int) -> None:
    if levels == 0:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            _refuse_deep(item, levels - 1)


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
            target[last] = _parsed(value)
        except ValueError as error:
            detail = " ".join(str(error).split())
            raise ConfigError(f"override '{text[:80]}' has an unreadable value: {detail}") from None
    return result
