"""What the worker does with one video: as ``merkit predict``, into a folder of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from merkit.app.curves import curves_of, save_curves
from merkit.app.jumps import save_jumps
from merkit.app.queue import Job
from merkit.errors import MissingWeightsError
from merkit.face import TrackConfig
from merkit.inference.analysis import analysis_of
from merkit.inference.namer import namer_of
from merkit.progress import Progress
from merkit.review.analysis_file import load_analysis, save_analysis
from merkit.review.clock import Clock, load_clock, save_clock
from merkit.review.project import Project, ProjectConfig
from merkit.spotting import spot_video

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis, Namer
    from merkit.spotting import TrackedVideo


@dataclass(frozen=True)
class Found:
    """The folder of what was found in a video, until the project has it."""

    folder: Path

    def save(self, analysis: Analysis, seen: TrackedVideo) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        save_jumps(self.folder / "jumps.npz", analysis.video)
        save_curves(self.folder / "curves.npz", curves_of(seen))
        save_clock(self.folder / "clock.npz", Clock.of(seen))
        save_analysis(self.folder / "analysis.json", analysis)

    def move_to(self, project: Project, video_id: str) -> None:
        """Store it in the project.

        Raises:
            StoreError: it is damaged.
            ConfigError: as ``Project.store``.
        """
        analysis = load_analysis(self.folder / "analysis.json")
        for name in ("curves.npz", "jumps.npz"):
            if (self.folder / name).exists():
                (self.folder / name).replace(project.folder / "videos" / video_id / name)
        project.store(video_id, analysis, load_clock(self.folder / "clock.npz"))
        shutil.rmtree(self.folder, ignore_errors=True)


def analyse_job(job: Job, progress: Progress) -> None:
    """Spot, name and write.

    Raises:
        MerkitError: the video cannot be read, or a model that was named cannot be had.
    """
    config = job.config
    namer = _namer(config)
    track = TrackConfig() if namer is None else namer.track
    track = replace(track, face=config.face)
    spotted = spot_video(job.video, config.spot, track, None, progress)
    analysis = analysis_of(job.video, spotted, namer, None, progress)
    Found(job.out).save(analysis, spotted.seen)


def _namer(config: ProjectConfig) -> Namer | None:
    """What names the micro-expressions: the recognisers that come with merkit, where they are made,
    or a model that was named; ``none``: nothing.

    Raises:
        MissingDataError, MissingWeightsError, StoreError: a model that was named cannot be loaded.
    """
    if config.model == "none":
        return None
    try:
        return namer_of(config.model, min_score=config.min_score)
    except MissingWeightsError:
        if config.model:
            raise
        return None  # nothing was asked for by name
