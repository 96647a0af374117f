"""What is held against a block that is not run: it could be."""

from __future__ import annotations

import ast
import csv
import io
import json
import tomllib
from dataclasses import fields
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import docs_commands
import yaml
from docs_blocks import Block

from merkit.config import from_mapping
from merkit.runs.config import EvaluateConfig, FinalConfig

#: what programs of others read; a block of it is read by people only
OF_OTHERS = ("dockerfile", "html", "ini", "js", "powershell", "r", "matlab", "cpp", "c")


def check(block: Block) -> None:
    """Python compiles and names what there is; commands are read by their own parsers; data loads
    as what they claim to be."""
    match block.language:
        case "bash":
            for command in docs_commands.commands(block.code):
                docs_commands.check(command)
        case "python":
            _check_python(block)
        case "yaml":
            _check_yaml(yaml.safe_load(block.code))
        case "json":
            json.loads(block.code)
        case "toml":
            tomllib.loads(block.code)
        case "xml":
            ElementTree.fromstring(block.code)
        case "csv":
            rows = list(csv.reader(io.StringIO(block.code)))
            assert len({len(row) for row in rows}) == 1, "rows of one length"
        case "" | "text":
            commands = [line for line in block.code.splitlines() if line.startswith("merkit ")]
            assert not commands, "commands stand in a block of 'bash', and what they print below it"
        case language:
            assert language in OF_OTHERS, f"no way to check a block of '{language}'"


def _check_python(block: Block) -> None:
    tree = ast.parse(block.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "merkit":
            for name in node.names:
                _find(str(node.module), name.name)
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "merkit":
                    import_module(name.name)


def _find(module: str, name: str) -> None:
    if not hasattr(import_module(module), name):
        import_module(f"{module}.{name}")


def _check_yaml(values: Any) -> None:
    """Settings of an evaluation, a training or an experiment are read as such."""
    assert isinstance(values, dict)
    evaluation = {field.name for field in fields(EvaluateConfig)}
    runs = values.pop("runs", None)
    if runs is None and values.keys() <= {field.name for field in fields(FinalConfig)}:
        from_mapping(FinalConfig, values)
    elif values.keys() <= evaluation:
        from_mapping(EvaluateConfig, values)
    for name, changes in (runs or {}).items():
        assert isinstance(changes, dict), name
