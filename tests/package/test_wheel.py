"""The wheel: whole, small, and enough by itself outside the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.metadata import Metadata
from packaging.specifiers import SpecifierSet

import merkit
from tiny_pipeline import made_once

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "merkit"
MOST_BYTES = 8_000_000
#: what a build reads beside the package
BESIDE = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "MANIFEST.in",
    "constraints.txt",
)
BUILD = "import setuptools.build_meta as b; b.build_wheel('dist'); b.build_sdist('dist')"
#: one process for all: what a user meets first, from the installed files alone
USE = """
import json, sys, merkit
from merkit.cli import main
codes = [main(words) for words in (["--help"], ["catalog"], ["models"], ["doctor"])]
print(json.dumps({"at": merkit.__file__, "codes": codes}))
"""


def plain_environment(**more: str) -> Mapping[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | more


def build(folder: Path) -> None:
    """Wheel and source distribution in ``folder``/dist, from a copy without caches."""
    shutil.copytree(SOURCE, folder / "src/merkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-c", BUILD]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def built(shared_folder: Path) -> Path:
    return made_once(shared_folder / "package", build) / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    """Templates, tables, static files, weights and experiment files, whatever is added."""
    files = (path for path in SOURCE.rglob("*") if path.is_file())
    wanted = {path.relative_to(SOURCE.parent).as_posix() for path in files if path.suffix != ".pyc"}
    about = {name for name in names(wheel) if ".dist-info/" in name}
    assert names(wheel) - about == wanted
    assert len(wanted) > 300


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES


def test_the_wheel_carries_the_licence_of_each_part(wheel: Path) -> None:
    folder = f"merkit-{merkit.__version__}.dist-info/licenses"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["license-files"]) == 3
    assert {f"{folder}/{name}" for name in project["license-files"]} <= names(wheel)


def test_metadata_are_valid_and_say_which_pythons(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"merkit-{merkit.__version__}.dist-info/METADATA")
    found = Metadata.from_email(text, validate=True)  # names, versions, licences, requirements
    assert str(found.version) == merkit.__version__
    assert found.license_expression == canonicalize_license_expression("Apache-2.0 AND MIT")
    assert found.description_content_type == "text/markdown"
    said = [c.rpartition(" :: ")[2] for c in found.classifiers or () if ":: Python :: 3." in c]
    assert said == ["3.11", "3.12", "3.13", "3.14"]
    assert all(version in (found.requires_python or SpecifierSet("<3")) for version in said)
    assert "3.10" not in (found.requires_python or SpecifierSet())


def test_the_source_distribution_can_build_the_same_wheel(built: Path, wheel: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        files = {name.partition("/")[2] for name in opened.getnames()}
    package = {name for name in names(wheel) if ".dist-info/" not in name}
    assert {f"src/{name}" for name in package} <= files
    assert set(BESIDE) <= files
    assert not [name for name in files if name.startswith("tests") or name.endswith(".pyc")]


def test_the_wheel_works_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    place, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", "--target"]
    subprocess.run([sys.executable, *install, place, wheel], check=True)
    here = plain_environment(PYTHONPATH=str(place), HOME=str(tmp_path))
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, cwd=empty, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    *shown, last = done.stdout.splitlines()
    used = json.loads(last)
    assert Path(used["at"]).is_relative_to(place)
    assert used["codes"] == [0, 0, 0, 0]
    text = "\n".join(shown)
    assert "ok       face landmarker" in text
    assert text.count("whole; trained on simulated faces alone") == 2
    assert "merkit experiment stag-ablation" in text
    assert list(empty.iterdir()) == []
    script = place / "bin" / "merkit"
    assert f"merkit {merkit.__version__}" in subprocess.check_output(
        [sys.executable, script, "--version"], env=here, text=True
    )
