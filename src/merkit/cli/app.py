"""``merkit app``: the local page, on which videos are analysed and their events are judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError, MissingPackageError
from merkit.media import is_video

if TYPE_CHECKING:
    from merkit.review.project import Project


@dataclass(frozen=True)
class Options:
    """Open a page in the browser: drop videos, see what was found, accept, reject, correct, export.

    The page is of this machine alone, and nothing leaves it. Every change is on the disk when the
    page says so. Ctrl-C ends it; the same command goes on where it stopped.
    """

    folder: Annotated[Path, tyro.conf.Positional] = Path("merkit-review")
    """a new folder, or one that this command made; of a folder of videos, they are taken up, and
    what is written goes into its subfolder merkit-review"""
    port: int = 0
    """port on the loopback address; 0: a free one"""
    browser: bool = True
    """open the page in the browser; its address is printed in any case"""
    coder: str = ""
    """who codes; empty: the page asks"""
    model: str = ""
    """as of 'merkit predict', for videos that are yet to be analysed; a new project keeps it"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "app", words)
    _check_installed()
    if not 0 <= options.port < 2**16:
        raise ConfigError(f"--port {options.port}", "0 to 65535")
    from merkit.app.desk import Desk
    from merkit.app.serve import serve
    from merkit.review.coders import coder_name

    coder = coder_name(options.coder) if options.coder else ""
    project, videos = _project(options.folder, options.model)
    desk = Desk(project, coder)
    with project.writing():
        for folder in videos:
            for problem in desk.intake.add(folder)[1]:
                print(f"merkit: {problem}\n  the other videos are taken up", file=sys.stderr)
        print(f"project: {project.folder}")
        serve(desk, options.port, options.browser, _tell)
    print("merkit app has ended; the same command goes on where it stopped")
    return 0


def _tell(address: str) -> None:
    print(f"page: {address}\nit is for a browser of this machine; Ctrl-C ends it", flush=True)


def _check_installed() -> None:
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            "the packages of the local page",
            "pip install 'merkit[app]'",
        )


def _project(folder: Path, model: str) -> tuple[Project, list[Path]]:
    """The project of a folder, made where there is none, and folders whose videos it takes up."""
    from merkit.review.project import Project, ProjectConfig

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file", "a folder", "merkit app FOLDER")
    holds_videos = folder.is_dir() and any(is_video(path) for path in folder.iterdir())
    videos = []
    if holds_videos and not (folder / "project.json").exists():
        folder, videos = folder / "merkit-review", [folder]
    if (folder / "project.json").exists():
        project = Project.open(folder)
        if model and model != project.config.model:
            project.configure(replace(project.config, model=model))
    else:
        named = folder.absolute().parent.name if videos else folder.absolute().name
        project = Project.create(folder, ProjectConfig(name=named, model=model))
    return project, videos
