"""Where the files of a project's videos are, asked by the id of a video alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from merkit.errors import MissingDataError
from merkit.review.clock import Clock, load_clock
from merkit.review.project import Project


def there(project: Project, video_id: str) -> Path:
    """Where a video lies; what lies there now must be what was added.

    Raises:
        ConfigError: no such video.
        MissingDataError: it is gone, or another file stands in its place.
    """
    place, state = project.located(video_id)
    if state != "there":
        told = "is not there any more" if state == "missing" else "is another file by now"
        raise MissingDataError(f"{place} {told}", "the video", "put it back, or add it again")
    return place


def found(project: Project, video_id: str, name: str) -> Path:
    """A file of what was found in a video.

    Raises:
        ConfigError: no such video.
    """
    return project.folder / "videos" / project.video(video_id).id / name


def clock_of(project: Project, video_id: str) -> Clock:
    """The clock of a video; that of an hour is not read again for every frame.

    Raises:
        ConfigError: no such video.
        StoreError: it is not analysed yet, or damaged.
    """
    path = found(project, video_id, "clock.npz")
    return _clock(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=8)
def _clock(path: Path, version: int) -> Clock:
    del version  # only tells versions of the file apart
    return load_clock(path)
