"""An evaluation that is interrupted or killed goes on by fold and ends with the same result."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tiny_pipeline as tiny
from merkit.cli import main
from merkit.runs import together

#: kills its own process when the third fold begins
KILLED = """
import os, signal
from merkit.cli import main
from merkit.runs import together
real, begun = together.run_fold, []
def dying(job):
    begun.append(job)
    if len(begun) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(job)
together.run_fold = dying
main({words!r})
"""


def words(database: Path, store: Path, out: Path) -> list[str]:
    options = ["--out", str(out), "--resamples", "100"]
    return ["evaluate", *options, *tiny.command_words(database, store)]


def check_resumes(
    run: Path, command: list[str], expected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not (run / "predictions.parquet").exists()
    assert not (run / "metrics.json").exists()
    kept = {p: p.stat().st_mtime_ns for p in (run / "folds").glob("*/summary.json")}
    assert len(kept) == 2
    assert main(command) == 0
    assert "UF1" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())  # not done again
    found = pd.read_parquet(run / "predictions.parquet")
    pd.testing.assert_frame_equal(found, pd.read_parquet(expected / "predictions.parquet"))
    assert not list(run.rglob(".tmp-*"))


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Interrupts arrive, also where the tests themselves run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_interrupted_from_the_keyboard(
    tiny_database: Path,
    tiny_store: Path,
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = words(tiny_database, tiny_store, tmp_path / "run")
    begun: list[Any] = []

    def interrupted(job: Any) -> Any:
        begun.append(job)
        if len(begun) == 3:
            signal.raise_signal(signal.SIGINT)
        return real(job)

    real = together.run_fold
    with monkeypatch.context() as patch:
        patch.setattr(together, "run_fold", interrupted)
        assert main(command) == 130
    said = capsys.readouterr().err
    assert "goes on where it stopped" in said
    assert "Traceback" not in said
    check_resumes(tmp_path / "run", command, tiny_run, capsys)


@pytest.mark.thorough
def test_killed(
    tiny_database: Path,
    tiny_store: Path,
    tiny_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = words(tiny_database, tiny_store, tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(words=command)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    check_resumes(tmp_path / "run", command, tiny_run, capsys)
