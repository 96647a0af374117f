"""What a run was made of: ``run.json``, and whether a folder holds the same run."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from merkit.config import told_differences
from merkit.errors import ConfigError
from merkit.files import write_json
from merkit.report.result import FORMAT, read_document
from merkit.runs.config import Task

_PACKAGES = (
    "merkit",
    "torch",
    "transformers",
    "peft",
    "numpy",
    "scikit-learn",
    "opencv-python-headless",
    "av",
    "ai-edge-litert",
    "dlib-bin",
)
#: settings that do not change the result, so a resumed run may have others
FREE = {
    "out", "workers", "store", "resamples", "metric_pooling", "device", "plain", "memory_gb",
    "token_memory_gb",
}  # fmt: skip


def begin_run(
    path: Path, task: Task, identity: Mapping[str, Any], document: Mapping[str, Any]
) -> None:
    """Write ``run.json``, or check that the one there is of this same run.

    Args:
        identity: what decides the result, beside the code.
        document: what else ``run.json`` holds, beside what holds for every run.

    Raises:
        ConfigError: the folder holds another run.
    """
    own = {"task": task, **identity, "code": code_hash()}
    if (path / "run.json").exists():
        begun = read_document(path, task)["identity"]
        different = told_differences(begun, json.loads(json.dumps(own, default=str)))
        if different:
            raise ConfigError(
                f"{path} holds another run ({different})",
                "the same settings, data and code to resume it",
                "choose another --out",
            )
        return
    common = {
        "format": FORMAT,
        "task": task,
        "identity": own,
        "versions": versions(),
        "platform": f"{platform.platform()}, Python {platform.python_version()}",
        "git_commit": git_commit(),
    }
    write_json(path / "run.json", common | dict(document))


@cache
def code_hash(*packages: str) -> str:
    """Hash of merkit's own source, so that a run is not resumed by another version of it; or of
    some of its packages."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    places = [root / name for name in packages] or [root]
    for path in sorted(path for place in places for path in place.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Installed versions of what decides a result."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def git_commit() -> str:
    """Commit of the checkout merkit runs from, "" where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
