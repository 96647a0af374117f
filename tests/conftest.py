"""What several folders of tests share: one tiny database, its samples, one run, one model.

With several test processes each is made once, by the first that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import tiny_pipeline as tiny
from merkit.types import Recording

if TYPE_CHECKING:
    from merkit.face import TrackConfig
    from merkit.progress import Progress
    from merkit.spotting import SpotConfig
    from merkit.spotting.tracked import TrackedVideo
    from merkit.video.source import VideoSource

# No deadline: a busy machine is no failure. In CI the same examples every time.
settings.register_profile("merkit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("merkit")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def tiny_database(shared_folder: Path) -> Path:
    """A synthetic database of 4 subjects x 3 classes x 1 clip, and one recording."""
    from merkit.synthetic.write import write_database

    return tiny.made_once(
        shared_folder / "tiny" / "db", lambda out: write_database(out, tiny.SYNTH)
    )


@pytest.fixture(scope="session")
def tiny_recording(tiny_database: Path) -> Recording:
    """The recording of ``tiny_database``: six seconds with two events."""
    from merkit.datasets.synthetic import load_recordings

    return load_recordings(tiny_database)[0]


@pytest.fixture(scope="session")
def tiny_images(tiny_recording: Recording, shared_folder: Path) -> Path:
    """The part of that recording around its first event, as a folder of images from 100."""
    from merkit.video import iter_frames, write_frames

    event = tiny_recording.events[0]
    first = max((event.onset_frame or 0) - 15, 0)
    frames = iter_frames(tiny_recording.media, first, (event.offset_frame or 0) + 15)
    return tiny.made_once(
        shared_folder / "tiny" / "images",
        lambda out: write_frames(out, (f.rgb for f in frames), start=100),
    )


@pytest.fixture(scope="session")
def long_database(shared_folder: Path) -> Path:
    """The same with three recordings of people who are in clips too, and an event in each."""
    from merkit.synthetic.write import write_database

    return tiny.made_once(
        shared_folder / "tiny" / "long-db", lambda out: write_database(out, tiny.LONG_SYNTH)
    )


@pytest.fixture(scope="session")
def long_store(shared_folder: Path, long_database: Path) -> Path:
    """A sample store in which the recordings of ``long_database`` are spotted."""
    from merkit.runs.watched import load_annotations, watch

    def fill(store: Path) -> None:
        config = tiny.evaluation(long_database, store, store, task="spotting")
        watch(load_annotations(config), config)

    return tiny.made_once(shared_folder / "tiny" / "long-store", fill)


@pytest.fixture(scope="session")
def tiny_store(shared_folder: Path, tiny_database: Path) -> Path:
    """A sample store that holds the clips of ``tiny_database`` under the small settings."""
    from merkit.runs.data import load_clips, prepare_clips

    def fill(store: Path) -> None:
        config = tiny.evaluation(tiny_database, store, store)
        prepare_clips(load_clips(config), config.make().recipe, config)

    return tiny.made_once(shared_folder / "tiny" / "store", fill)


@pytest.fixture(scope="session")
def tiny_run(shared_folder: Path, tiny_database: Path, tiny_store: Path) -> Path:
    """A finished LOSO run with the oracle epochs recorded. Copy it before changing it."""
    from merkit.runs.evaluate import evaluate

    return tiny.made_once(
        shared_folder / "tiny" / "run",
        lambda out: evaluate(tiny.evaluation(tiny_database, tiny_store, out, oracle_epoch=True)),
    )


@pytest.fixture(scope="session")
def tiny_model(shared_folder: Path, tiny_database: Path, tiny_store: Path) -> Path:
    """A model folder. Copy it before changing it."""
    from merkit.inference.final import train_model

    return tiny.made_once(
        shared_folder / "tiny" / "model",
        lambda out: train_model(tiny.final(tiny_database, tiny_store, out)),
    )


@pytest.fixture(scope="session")
def _tracked() -> dict[object, TrackedVideo]:
    return {}


@pytest.fixture(scope="module")
def tracked_once(_tracked: dict[object, TrackedVideo]) -> Iterator[None]:
    """A video is read and its face followed once, whatever is asked about it and how often, for
    tests of what becomes of that; again where the file or a setting changed."""
    from merkit.spotting import video as spotting

    def tracked(
        video: Path | VideoSource,
        track: TrackConfig,
        spot: SpotConfig,
        fps_hz: float | None,
        progress: Progress,
    ) -> TrackedVideo:
        path = video if isinstance(video, Path) else video.path
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        versions = tuple((f.name, f.stat().st_mtime_ns) for f in files if f.exists())
        key = (path, versions, track, spot, fps_hz)
        if key not in _tracked:
            _tracked[key] = track_video(video, track, spot, fps_hz, progress)
        return _tracked[key]

    track_video = spotting.track_video
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spotting, "track_video", tracked)
        yield


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """Clips of real faces, where the folder of assets stands beside the checkout."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "assets" / "videos"
    if not folder.is_dir():
        pytest.skip("the folder shared/assets is not beside the checkout")
    return folder
