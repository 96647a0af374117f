"""The folder that a reader of the documentation would have: videos, a database, a model.

All of it is generated and tiny, made once for all pages and shared with other tests.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import cv2
import pytest
from docs_study import write_study

import tiny_pipeline as tiny
from merkit.datasets import DATASETS
from merkit.errors import FaceError
from merkit.export import EXPORTERS
from merkit.face.tracker import TRACKERS
from merkit.inference.final import train_model
from merkit.inference.windows import window_samples
from merkit.methods import METHODS
from merkit.protocols import PROTOCOLS
from merkit.runs.config import FinalConfig
from merkit.samples.recipes import Recipe
from merkit.scoring.metrics import METRICS
from merkit.spotting import TrackedVideo
from merkit.types import Clip, Sample
from merkit.video.source import FrameSource, VideoSource

_VIDEO_CAPTURE = cv2.VideoCapture
_REGISTRIES = (DATASETS, EXPORTERS, METHODS, METRICS, PROTOCOLS, TRACKERS)


@pytest.fixture(scope="session")
def home(shared_folder: Path) -> Path:
    """Where pages keep samples, as in a user's cache, so that each clip is prepared once."""
    folder = shared_folder / "docs" / "home"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def docs_model(shared_folder: Path, tiny_database: Path, home: Path) -> Path:
    """``ststnet``, trained a few steps."""

    def train(out: Path) -> None:
        data = tiny.data_settings(tiny_database, home / ".cache" / "merkit")
        train_model(FinalConfig(**data, method="ststnet", training={"epochs": 3}, out=out))

    return tiny.made_once(shared_folder / "docs" / "model", train)


@pytest.fixture(scope="session")
def _made() -> dict[object, list[Sample | FaceError]]:
    return {}


@pytest.fixture
def made_once(
    tracked_once: None,
    _made: dict[object, list[Sample | FaceError]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a recipe makes of the events of a video, once for all pages, as ``tracked_once``."""

    def samples(
        wanted: Sequence[tuple[Recipe | None, Clip]], seen: TrackedVideo, source: FrameSource
    ) -> Iterator[Sample | FaceError]:
        if not isinstance(source, VideoSource):  # what is seen of a stream is not kept
            return window_samples(wanted, seen, source)
        recipes = [(recipe and recipe.key(), clip.clip_id) for recipe, clip in wanted]
        key = (id(seen), tuple(recipes))  # tracked_once keeps them, so an id is never another's
        if key not in _made:
            _made[key] = list(window_samples(wanted, seen, source))
        return iter(_made[key])

    monkeypatch.setattr("merkit.inference.recognizer.window_samples", samples)


@pytest.fixture
def folder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tiny_database: Path,
    long_database: Path,
    docs_model: Path,
    home: Path,
    made_once: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """An empty folder with what every page may count on, as the place where one is."""
    shutil.copytree(tiny_database, tmp_path / "db")
    shutil.copytree(docs_model, tmp_path / "model")
    shutil.copy2(next((tiny_database / "long").glob("*.mp4")), tmp_path / "interview.mp4")
    (tmp_path / "videos").mkdir()
    names = ("videos/day1.mp4", "videos/day2.mp4", "interview_b.mp4")
    for name, video in zip(names, sorted((long_database / "long").glob("*.mp4")), strict=True):
        shutil.copy2(video, tmp_path / name)
    _as_the_demo_leaves_it(tmp_path)
    monkeypatch.chdir(tmp_path)
    fonts = Path.home() / ".cache" / "matplotlib"  # listing them anew takes seconds
    monkeypatch.setenv("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR", str(fonts)))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MERKIT_WORKER_CORES", "1")  # folds in this process, which has torch
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.syspath_prepend(str(tmp_path))
    if "study" in request.node.callspec.params["page"].read_text(encoding="utf-8"):
        write_study(Path("study"), [Path(name) for name in ("interview.mp4", *names)])
    monkeypatch.setattr("cv2.VideoCapture", _camera)
    with _forgotten(tmp_path):
        yield tmp_path


def _camera(device: int) -> cv2.VideoCapture:
    """A camera that shows a video, and then no more."""
    assert device == 0
    return _VIDEO_CAPTURE("interview.mp4")


def _as_the_demo_leaves_it(folder: Path) -> None:
    shutil.copytree(folder / "db", folder / "demo" / "data")
    shutil.copy2(folder / "interview_b.mp4", folder / "demo" / "data" / "long" / "sub09_L01.mp4")
    shutil.copytree(folder / "model", folder / "demo" / "model")


@contextmanager
def _forgotten(folder: Path) -> Iterator[None]:
    """What a page registers, and what it imports from its own folder, ends with it."""
    scripts = [dict(registry._scripts) for registry in _REGISTRIES]
    before = set(sys.modules)
    try:
        yield
    finally:
        for registry, known in zip(_REGISTRIES, scripts, strict=True):
            registry._scripts = known  # type: ignore[assignment]
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The namespace that the Python blocks of a page share: that of a script one runs."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module.__dict__
