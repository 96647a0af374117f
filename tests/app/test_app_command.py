"""``merkit app``: what its words mean, and what they must not be."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_work import write_tiny

from merkit.app import serve as serving
from merkit.app.desk import Desk
from merkit.cli import main


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Desk, int, bool]]:
    """What would be served."""
    asked: list[tuple[Desk, int, bool]] = []

    def serve(desk: Desk, port: int, browser: bool, tell: Any) -> None:
        tell("http://127.0.0.1:1/?token=x")
        asked.append((desk, port, browser))

    monkeypatch.setattr(serving, "serve", serve)
    return asked


def test_a_new_folder_becomes_a_project_and_is_found_again(
    served: list[tuple[Desk, int, bool]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "study")
    assert main(["app", folder, "--coder", "anna", "--model", "none", "--no-browser"]) == 0
    assert main(["app", folder, "--port", "8123"]) == 0
    first, second = served
    assert (first[0].coder, first[1:]) == ("anna", (0, False))
    assert (second[0].coder, second[1:]) == ("", (8123, True))
    assert second[0].project.config.model == "none"  # as it was begun
    assert second[0].project.config.name == "study"
    assert "?token=" in capsys.readouterr().out


def test_a_folder_of_videos_is_taken_up_and_left_alone(
    served: list[tuple[Desk, int, bool]], tmp_path: Path
) -> None:
    for n_frames in (20, 25):
        write_tiny(tmp_path / f"{n_frames}.mp4", n_frames)
    for _ in range(2):
        assert main(["app", str(tmp_path)]) == 0
    project = served[1][0].project
    assert project.folder == tmp_path / "merkit-review"
    assert [video.name for video in project.videos()] == ["20.mp4", "25.mp4"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["20.mp4", "25.mp4", "merkit-review"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["file.txt"], "file.txt is a file"),
        ([".", "--port", "70000"], "--port 70000"),
        (["p", "--coder", " "], "name of a coder"),
        (["full"], "is not empty"),
    ],
)
def test_other_words_are_refused(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.docx").touch()
    assert main(["app", *words]) == 2
    assert told in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.txt", "full"]


def test_a_taken_port_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving._listening(0) as listener:
        port = listener.getsockname()[1]
        assert main(["app", str(tmp_path / "p"), "--no-browser", "--port", str(port)]) == 2
    assert f"--port {port} cannot be used" in capsys.readouterr().err


def test_the_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    missing = ("starlette", "uvicorn")
    monkeypatch.setattr(
        "merkit.cli.app.find_spec", lambda name: None if name in missing else find_spec(name)
    )
    assert main(["app", str(tmp_path / "p")]) == 3
    told = capsys.readouterr().err
    assert "starlette and uvicorn are not installed" in told
    assert "pip install 'merkit[app]'" in told
    assert not (tmp_path / "p").exists()


def test_help_loads_no_server() -> None:
    code = (
        "import sys; from merkit.cli import main; main(['app', '--help']); "
        "assert not {'starlette', 'uvicorn', 'torch', 'cv2'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_file_of_the_page_is_packed() -> None:
    """What the page loads is there, under a licence that is there too."""
    static = Path(serving.__file__).parent / "static"
    page = (static / "index.html").read_text()
    for name in ("main.js", "app.css", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"):
        assert f"/static/{name}" in page
        assert (static / name).is_file()
    assert "MIT" in (static / "vendor" / "uPlot.LICENSE.txt").read_text()
    assert "http" not in page  # nothing of another place
    assert " style=" not in page  # the policy would drop it
