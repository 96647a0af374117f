"""``from merkit.methods import SfaDgat``: every built-in class by its name, none before it is asked
for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import merkit.methods
from merkit.methods import METHODS, SfaDgat


def test_every_class_is_there_by_its_name() -> None:
    for name in METHODS:
        if METHODS.origin(name) == "merkit":
            assert getattr(merkit.methods, METHODS[name].__name__) is METHODS[name]
    assert SfaDgat(frames=4).frames == 4
    with pytest.raises(AttributeError, match="its methods: SfaDgat"):
        _ = merkit.methods.SfaDgad


def test_editors_and_type_checkers_are_told_of_the_same() -> None:
    source = Path(merkit.methods.__file__).read_text(encoding="utf-8")
    branch = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    told = {
        f"{line.module}:{alias.name}"
        for line in branch.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert told - {"merkit.methods.base:Method"} == set(merkit.methods._METHODS.values())


def test_the_doors_are_light() -> None:
    heavy = "import sys, merkit.methods, merkit.protocols, merkit.metrics; print([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"torch", "sklearn", "cv2"}
