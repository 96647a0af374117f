"""A release: tag, version and changelog agree, and its page has what the changelog says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import merkit

ROOT = Path(__file__).resolve().parents[2]
RELEASE: dict[str, Any] = runpy.run_path(str(ROOT / ".ci" / "release.py"))
CHANGELOG = """# Changes

Some words.

## [0.3.0] - 2026-11-30

### Added

- A thing. See [0.2.0].

## [0.2.0] - 2026-01-02

- Older.

## [0.1.0] - unreleased
"""


def test_notes_are_the_section_of_a_version() -> None:
    assert RELEASE["notes"](CHANGELOG, "0.3.0") == "### Added\n\n- A thing. See [0.2.0]."
    assert RELEASE["notes"](CHANGELOG, "0.2.0") == "- Older."
    for version in ("0.1.0", "9.9.9"):  # without a text; not there
        with pytest.raises(RELEASE["ReleaseError"], match=f"nothing of {version}"):
            RELEASE["notes"](CHANGELOG, version)


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "message"),
    [
        ("v0.3.0", "0.3.0", CHANGELOG, None),
        ("0.3.0", "0.3.0", CHANGELOG, "merkit is 0.3.0"),
        ("v0.3.1", "0.3.0", CHANGELOG, "merkit is 0.3.0"),
        ("v0.4.0", "0.4.0", CHANGELOG, "begins with 0.3.0, not with 0.4.0"),
        ("v0.3.0", "0.3.0", CHANGELOG.replace("2026-11-30", "unreleased"), "put its date"),
        ("v0.3.0", "0.3.0", CHANGELOG.replace(" - 2026-11-30", ""), "put its date"),
    ],
)
def test_a_tag_is_checked(tag: str, version: str, changelog: str, message: str | None) -> None:
    package = f'"""merkit."""\n\n__version__ = "{version}"\n'
    if message is None:
        RELEASE["check"](changelog, package, tag)
    else:
        with pytest.raises(RELEASE["ReleaseError"], match=message):
            RELEASE["check"](changelog, package, tag)


def test_the_changelog_of_this_version_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert RELEASE["main"](["notes", merkit.__version__]) == 0
    assert len(capsys.readouterr().out) > 100
    assert RELEASE["main"](["check", "v0.0.0"]) == 2
    assert "tag v0.0.0" in capsys.readouterr().err
    assert RELEASE["main"]([]) == 2


def steps(workflow: str) -> list[dict[str, Any]]:
    value = yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))
    return [step for job in value["jobs"].values() for step in job["steps"]]


def test_workflows_run_what_is_there() -> None:
    """Scripts exist; whoever may publish runs nothing but publishing."""
    commands = [s["run"] for name in ("ci.yml", "release.yml") for s in steps(name) if "run" in s]
    assert ".ci/run" in commands
    called = {word for command in commands for word in command.split() if word.startswith(".ci/")}
    assert called == {".ci/run", ".ci/release.py"}
    assert all((ROOT / name).is_file() for name in called)
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert [step for step in jobs["jobs"]["publish"]["steps"] if "run" in step] == []
    assert jobs["permissions"] == {"contents": "read"}


def test_every_supported_python_is_tested() -> None:
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
