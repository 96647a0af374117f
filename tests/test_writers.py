"""What is written is written by one, appears whole, and is safe to open."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import tiny_pipeline as tiny
from face_models import write_face
from merkit.cli import main
from merkit.errors import ConfigError
from merkit.files import (
    atomic_file,
    atomic_folder,
    remove_folder,
    remove_leftovers,
    sole_writer,
    write_text,
)
from merkit.report.plots import confusion_plot
from merkit.report.result import read_result
from merkit.runs.evaluate import evaluate
from merkit.tables import read_parquet, safe_cells, write_parquet

HOLDER = """
import sys, time
from pathlib import Path
from merkit.files import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path: Path):
    """A place that another process is writing."""
    path = tmp_path / "out.csv"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    yield path, holder
    holder.kill()
    holder.wait()


def test_the_second_writer_is_refused_until_the_first_is_gone(held) -> None:
    path, holder = held
    again = pytest.raises(ConfigError, match=r"another merkit is writing .*out\.csv")
    with again, sole_writer(path):
        pass
    with sole_writer(path.with_name("other")):
        pass
    holder.kill()
    holder.wait()
    with sole_writer(path):  # a killed process leaves nothing locked
        assert list(path.parent.iterdir()) == []


def test_every_command_that_writes_is_a_sole_writer(
    held, tiny_database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = held
    data = ["--data", "synthetic", "--root", str(tiny_database), "--store", str(tmp_path / "s")]
    face = ["--face-model", str(write_face(tmp_path / "face.npz"))]
    config = tmp_path / "e.yaml"
    config.write_text(
        f"data: [synthetic]\nroot: [{tiny_database}]\nruns: {{a: {{method: majority}}}}"
    )
    for words in (
        ["evaluate", *data, "--method", "majority", "--out", str(path)],
        ["train", *data, "--method", "majority", "--out", str(path)],
        ["synth", str(path), "--subjects", "1"],
        ["simulate", *face, "--out", str(path)],
        ["teach", *face, "--out", str(path)],
        ["experiment", str(config), "--out", str(path)],
        ["predict", str(tmp_path), "--out", f"{path}.csv", str(path), "--format", "csv", "elan"],
        ["explain", str(tmp_path), "--model", "m", "--out", str(path)],
    ):
        assert main(words) == 2, words
        assert "another merkit is writing" in capsys.readouterr().err
        assert not path.exists()


def test_leftovers_of_a_dead_process_go_at_once_and_those_of_a_live_one_stay(
    tmp_path: Path,
) -> None:
    program = (
        "import os\nfrom pathlib import Path\nfrom merkit.files import atomic_folder\n"
        f"with atomic_folder(Path({str(tmp_path / 'db')!r})):\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    (dead,) = tmp_path.iterdir()
    with atomic_folder(tmp_path / "mine") as mine, atomic_file(tmp_path / "file") as file:
        remove_leftovers(tmp_path)
        assert mine.exists()
        assert file.exists()
        assert not dead.exists()
    (tmp_path / ".tmp-elsewhere-1-abc").touch()
    remove_leftovers(tmp_path)
    assert (tmp_path / ".tmp-elsewhere-1-abc").exists()
    os.utime(tmp_path / ".tmp-elsewhere-1-abc", (1, 1))
    remove_leftovers(tmp_path)
    assert not (tmp_path / ".tmp-elsewhere-1-abc").exists()


def test_what_a_kill_leaves_of_a_folder_that_is_taken_away_is_a_leftover(tmp_path: Path) -> None:
    program = (
        "import os, shutil\nfrom pathlib import Path\nfrom merkit.files import remove_folder\n"
        "shutil.rmtree = lambda *a, **k: os._exit(9)\n"
        f"remove_folder(Path({str(tmp_path / 'parts')!r}))\n"
    )
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.npz").touch()
    subprocess.run([sys.executable, "-c", program], check=False)
    assert [path.name.startswith(".tmp-") for path in tmp_path.iterdir()] == [True]
    remove_leftovers(tmp_path)
    assert not any(tmp_path.iterdir())
    remove_folder(tmp_path / "parts")  # that is not there


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device"),
    ],
)
def test_a_full_disk_names_the_path_and_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    for opened in (atomic_file(tmp_path / "a"), atomic_folder(tmp_path / "a")):
        told = pytest.raises(ConfigError, match=r"cannot write .*a: No space left on device")
        with told, opened:
            raise error
        assert list(tmp_path.iterdir()) == []


def test_a_run_in_a_folder_with_a_colon(
    tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    config = tiny.evaluation(
        tiny_database, tiny_store, tmp_path / "s3:run 1", method="majority", model={}, training={}
    )
    scores = evaluate(config).scores
    assert read_result(tmp_path / "s3:run 1").scores.confusion == scores.confusion
    write_parquet(tmp_path / "a:b.parquet", pd.DataFrame({"x": [1]}))
    assert read_parquet(tmp_path / "a:b.parquet").x.tolist() == [1]


def test_cells_that_a_spreadsheet_would_run() -> None:
    table = pd.DataFrame(
        {"=v": ["=HYPERLINK(1).mp4", "@a", "\tb", "+1", "-0.5", "-x", "plain"], "n": -1.0}
    )
    safe = safe_cells(table)
    assert safe["'=v"].tolist() == [
        "'=HYPERLINK(1).mp4",
        "'@a",
        "'\tb",
        "+1",
        "-0.5",
        "'-x",
        "plain",
    ]
    assert safe.n.tolist() == [-1.0] * 7


def test_names_that_have_no_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(tmp_path / "a", "x\udc80")
    assert (tmp_path / "a").read_text() == "x\\udc80"
    assert main(["predict", "x\udc80.mp4", "--model", "m"]) in (2, 3)


def test_a_class_with_dollar_signs_is_drawn_as_it_is() -> None:
    assert r"$\bad$" in confusion_plot([[1, 0], [0, 1]], [r"$\bad$", "b"])
    plt.close("all")
