"""The container's recipe, read as its builder would read it. No builder runs here."""

from __future__ import annotations

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from test_wheel import BESIDE

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {
    "FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """Name and words of each instruction, continued lines joined, comments left out."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    return [(a, b) for a, _, b in (line.partition(" ") for line in joined.splitlines()) if a]


def words(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file out; its last matching line decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#"):
            places = [path, *(str(parent) for parent in Path(path).parents)][:-1]
            if any(fnmatch(place, pattern) for place in places):
                out = not line.startswith("!")
    return out


def test_every_instruction_is_one() -> None:
    assert {name for name, _ in instructions()} == KNOWN


def test_bases_are_pinned_and_small() -> None:
    for base in words("FROM"):
        image, _, tag = base.split()[0].partition(":")
        assert image == "python"
        assert re.fullmatch(r"3\.1[1-4](\.\d+)?-slim-\w+", tag)


def test_what_is_copied_is_there_and_is_all_that_a_build_reads() -> None:
    from_here = [value.split() for value in words("COPY") if not value.startswith("--from")]
    sources = {source for *group, _ in from_here for source in group}
    assert sources == {*BESIDE, "src"}
    assert all((ROOT / source).exists() for source in sources)
    assert not [source for source in sources if ignored(source)]
    assert ignored("tests/conftest.py")
    assert ignored(".git/config")
    assert ignored("src/merkit/__pycache__/errors.pyc")
    assert not ignored("src/merkit/errors.py")


def test_it_runs_merkit_as_nobody_in_particular() -> None:
    assert json.loads(words("ENTRYPOINT")[0]) == ["merkit"]
    assert json.loads(words("CMD")[0]) == ["--help"]
    (user,) = words("USER")
    assert f"--home-dir /cache {user}" in " ".join(words("RUN"))
    assert user not in ("root", "0")
    last = [name for name, _ in instructions()]
    assert "RUN" not in last[last.index("USER") :]
    assert "HF_HUB_OFFLINE=1" in words("ENV")[0]


@pytest.mark.parametrize("command", words("RUN"))
def test_commands_are_of_the_shell(command: str) -> None:
    subprocess.run(["sh", "-n"], input=command, text=True, check=True)
