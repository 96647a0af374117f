"""Commands of the documentation: what a shell makes of their words, and what merkit makes of these.

``merkit`` runs in this process, which has imported torch once; anything else runs in bash.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from merkit.cli import COMMANDS, experiment, main
from merkit.datasets import DATASETS
from merkit.protocols import PROTOCOLS
from merkit.runs.config import DataConfig, EvaluateConfig, MethodConfig
from merkit.runs.experiment import read_experiment, run_configs

_ASSIGNMENT = re.compile(r"^[A-Z_]+=")
#: a block with one of these is a script, whose lines are not commands by themselves
_SCRIPT = re.compile(r"<<|^\s*(?:for|while|if|cd|export|set) ", re.MULTILINE)


def commands(code: str) -> Iterator[str]:
    """The commands of a block, a script as a whole. Variables that a block sets stand before each
    command after them."""
    if _SCRIPT.search(code):
        yield code
        return
    setting = ""
    for line in _whole_lines(code):
        if _ASSIGNMENT.match(line):
            setting += f"{line}\n"
        else:
            yield setting + line


def _whole_lines(code: str) -> Iterator[str]:
    """Lines joined where they end in a backslash or within quotes, without those that only say
    something."""
    held = ""
    for line in code.splitlines():
        held = f"{held} {line.strip()}".strip()
        if held.endswith("\\"):
            held = held[:-1]
        elif _signs(held) is not None:
            if not held.startswith("#"):
                yield held
            held = ""


def _signs(line: str) -> list[str] | None:
    """The words of a line, signs of the shell apart; None within quotes."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    try:
        return list(words)
    except ValueError:
        return None


def is_ours(command: str) -> bool:
    """Whether it is one plain ``merkit`` command, which needs no shell once its words are split."""
    line = command.splitlines()[-1]
    signs = [word for word in _signs(line) or () if not word.strip("|<>;&()")]
    return line.startswith("merkit ") and not signs


def words_of(command: str) -> list[str]:
    """The words after ``merkit``, as bash hands them on: quotes, patterns and variables."""
    *before, line = command.splitlines()
    printed = "\n".join([*before, "printf '%s\\0' " + line.removeprefix("merkit ")])
    done = subprocess.run(["bash", "-c", printed], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


def named(command: str) -> tuple[str, list[str]]:
    """The name of a ``merkit`` command, and its words."""
    name, *words = words_of(command)
    assert name in COMMANDS, f"there is no command '{name}'"
    return name, words


def run(command: str) -> int:
    if is_ours(command):
        return main(words_of(command))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", command], env=os.environ | {"PATH": path}, timeout=120, check=False
    ).returncode


def check(command: str) -> None:
    """Without doing it: bash can read the line, and the parser of the command its options.

    Raises:
        SystemExit, MerkitError: it cannot.
    """
    subprocess.run(["bash", "-nc", command], check=True)
    if is_ours(command):
        _check_settings(parsed(*named(command)))


class _Parsed(BaseException):
    def __init__(self, options: Any) -> None:
        self.options = options


def parsed(name: str, words: list[str]) -> Any:
    """The options of a command, by its own parser, which is stopped before anything is done."""
    module = import_module(f"merkit.cli.{name}")
    with pytest.MonkeyPatch.context() as patch:
        for parser in ("parse", "parse_config"):
            if hasattr(module, parser):
                patch.setattr(module, parser, _stopping(getattr(module, parser)))
        try:
            code = module.run(words)
        except _Parsed as stopped:
            return stopped.options
        raise AssertionError(f"merkit {name} ended with {code} before it read its options")


def _stopping(parse: Any) -> Any:
    def stop(*given: Any, **named: Any) -> Any:
        raise _Parsed(parse(*given, **named))

    return stop


def _check_settings(options: Any) -> None:
    """Names within the options: databases, methods, protocols, and the settings of a method."""
    configs = [options]
    if isinstance(options, experiment.Options):
        given = experiment._overrides(options)
        file = read_experiment(options.config)
        configs = list(run_configs(file, options.out, given, options.only).values())
    for config in configs:
        if isinstance(config, DataConfig):
            assert [name for name in config.data if name not in DATASETS] == []
        if isinstance(config, EvaluateConfig):
            assert config.protocol.name in PROTOCOLS
        if isinstance(config, MethodConfig):
            config.make()
