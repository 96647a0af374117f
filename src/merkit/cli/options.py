"""From the words of a command to its frozen dataclass."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import tyro

from merkit.config import from_mapping, refuse_not_finite
from merkit.errors import ConfigError
from merkit.overrides import apply_overrides, read_yaml
from merkit.registry import Registry
from merkit.runs.config import as_seeds

T = TypeVar("T")

CONFIG_HELP = """
Also: --config FILE  settings from a YAML file, which options then override; or the name of one
      that comes with merkit ('merkit catalog experiment');
      --set NAME=VALUE [NAME=VALUE ...]  any setting by its dotted name, such as
      model.encoder.name=dinov2-small, training.epochs=20, recipe.frames=16."""
CLUSTER_HELP = """
      --cluster-option NAME=VALUE [NAME=VALUE ...]  parameters of the jobs of --cluster, by the
      names of submitit, such as partition=gpu, timeout_min=240, gpus_per_node=1."""


def parse(
    options: type[T],
    command: str,
    words: Sequence[str],
    default: T | None = None,
    more_help: str = "",
) -> T:
    """Parse plain options into a dataclass; the parser prints its own usage errors."""
    about = (options.__doc__ or "").partition("Args:")[0].strip()
    parsed = tyro.cli(
        options,
        prog=f"merkit {command}",
        description=f"{about}\n{more_help}",
        args=list(words),
        default=default,
        config=(tyro.conf.SuppressFixed, tyro.conf.HelptextFromCommentsOff),
    )
    refuse_not_finite(parsed)
    return cast(T, parsed)


def parse_config(options: type[T], command: str, words: Sequence[str]) -> T:
    """Parse a configuration from ``--config``, ``--set`` and options, in rising order.

    Free-form groups (``model``, ``training``, ``recipe``) come from the first two only.

    Raises:
        ConfigError: an unreadable or unknown setting.
    """
    words, asked = cluster_options(words)
    if asked and "cluster_option" not in _free_groups(options):
        raise ConfigError(f"merkit {command} --cluster-option", "merkit evaluate or experiment")
    rest, files, overrides = _split(words)
    overrides += asked
    values: dict[str, Any] = {}
    for file in files:
        values |= read_yaml(Path(file))
        if "runs" in values:
            raise ConfigError(
                f"{file} holds several runs",
                "the settings of one",
                f"merkit experiment {file} --out FOLDER",
            )
    values = apply_overrides(values, overrides)
    given = from_mapping(options, values)
    groups = _free_groups(options)
    plain = replace(given, **{name: {} for name in groups})  # type: ignore[type-var]
    if get_type_hints(options).get("seeds") is not int:
        rest = _counted(rest)
    more_help = CONFIG_HELP + (CLUSTER_HELP if "cluster_option" in groups else "")
    parsed = parse(options, command, rest, plain, more_help)
    if asked and getattr(parsed, "cluster", "none") == "none":
        raise ConfigError("--cluster-option without --cluster", "--cluster slurm, or local")
    return replace(parsed, **{n: getattr(given, n) for n in groups})  # type: ignore[type-var]


def listed(registry: Registry[T]) -> dict[str, T]:
    """What a registry holds, by name; what cannot be loaded is told on standard error."""
    things, errors = registry.load_all()
    for error in errors:
        print(f"merkit: {error.found}", file=sys.stderr)
    return things


def _split(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Take ``--config FILE`` and ``--set A=1 B=2`` out of the words."""
    rest: list[str] = []
    taken: dict[str, list[str]] = {"--config": [], "--set": []}
    target = rest
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in taken:
            target = taken[flag]
            if equals:
                target.append(value)
        elif word.startswith("--"):
            target = rest
            rest.append(word)
        else:
            target.append(word)
    for flag, values in taken.items():
        if flag in words and not values:
            raise ConfigError(f"{flag} stands without a value", f"{flag} VALUE")
    return rest, taken["--config"], taken["--set"]


def cluster_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without every ``--cluster-option A=1 B=2``, and these as settings for ``--set``. A
    time such as 1:30:00 stays as it is written: YAML would read a number in base 60."""
    rest, given, taken = [], [], False
    parts = [part for word in words for part in _flag_and_value(word, "--cluster-option")]
    for word in parts:
        if word.startswith("--"):
            taken = word == "--cluster-option"
        if not taken:
            rest.append(word)
        elif not word.startswith("--"):
            name, equals, value = word.partition("=")
            quoted = json.dumps(value) if re.fullmatch(r"[\d:-]+:[\d:]+", value) else value
            given.append(f"cluster_option.{name}{equals}{quoted}")
    if "--cluster-option" in parts and not given:
        raise ConfigError("--cluster-option stands without a value", "--cluster-option NAME=VALUE")
    return rest, given


def _counted(words: Sequence[str]) -> list[str]:
    """The words with ``--seeds N``, a number of seeds, written out as the seeds themselves."""
    rest = [part for word in words for part in _flag_and_value(word, "--seeds")]
    for place, word in enumerate(rest):
        values = rest[place + 1 : place + 3]
        alone = len(values) == 1 or (len(values) == 2 and values[1].startswith("--"))
        if word == "--seeds" and alone and values[0].isdecimal() and len(values[0]) < 10:
            seeds = as_seeds(int(values[0]))
            return [*rest[: place + 1], *map(str, seeds), *rest[place + 2 :]]
    return list(words)


def _flag_and_value(word: str, flag: str) -> list[str]:
    return word.split("=", 1) if word.startswith(f"{flag}=") else [word]


def _free_groups(options: type[Any]) -> list[str]:
    hints = get_type_hints(options)
    return [f.name for f in fields(options) if hints[f.name] == Mapping[str, Any]]
