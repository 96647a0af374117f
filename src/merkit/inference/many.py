"""Several videos, one after another; one that cannot be read does not stop the others."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from merkit.errors import ConfigError, MerkitError, VideoError
from merkit.face import TrackConfig
from merkit.inference.analysis import Analysis, Namer, analyse, namer_or_bundled
from merkit.media import is_video
from merkit.progress import Progress, silent
from merkit.spotting import SpotConfig

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Analyses(Sequence[Analysis]):
    """What was found in each of several videos, in their order. ``classes``: those of the model."""

    each: tuple[Analysis, ...]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.each)

    @overload
    def __getitem__(self, place: int) -> Analysis: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Analysis, ...]: ...
    def __getitem__(self, place: int | slice) -> Analysis | tuple[Analysis, ...]:
        return self.each[place]

    def __iter__(self) -> Iterator[Analysis]:
        return iter(self.each)

    @property
    def problems(self) -> Mapping[Path, str]:
        """Why there are no events of a video: it cannot be read, or shows no face."""
        return {analysis.video: analysis.problem for analysis in self.each if analysis.problem}

    def to_frame(self, all_rows: bool = False) -> pd.DataFrame:
        """One table of all videos; see ``Analysis.to_frame``."""
        from merkit.inference.table import frame_of

        return frame_of(self.each, self.classes, all_rows)


def analyse_many(
    videos: Path | str | Iterable[Path | str],
    recognizer: Namer | Literal["bundled"] | None = "bundled",
    spot: SpotConfig | None = None,
    track: TrackConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Analyses:
    """``analyse`` of several videos in this process, one after another. Nothing is kept of one but
    what was found; one that cannot be read does not stop the others (``Analyses.problems``).

    Args:
        videos: files, folders of videos, folders of numbered images, or patterns such as
            ``day1/*.mp4``; one of these or several.
        progress: is told the frames of each video, and as the stage ``videos`` how many are done.

    Raises:
        MissingDataError: one is not there at all, which is told before the first is read.
        ConfigError: no video, or settings that are not possible.
    """
    named = [videos] if isinstance(videos, (str, Path)) else videos
    namer, found = namer_or_bundled(recognizer), []
    paths = videos_in([Path(name) for name in named])
    broken = unreadable(paths, fps_hz)
    for done, path in enumerate(paths, 1):
        try:
            if path in broken:
                raise broken[path]
            found.append(analyse(path, namer, spot, track, fps_hz, progress))
        except MerkitError as error:
            found.append(Analysis.of_error(path, error))
        progress("videos", done, len(paths))
    return Analyses(tuple(found), () if namer is None else namer.vocabulary.classes)


def videos_in(named: Sequence[Path]) -> tuple[Path, ...]:
    """The videos of files, folders and patterns, each once, in order.

    Raises:
        ConfigError: there are none.
    """
    found: list[Path] = []
    for path in named:
        # os.path takes a name that is too long for one that is not there, which is told later
        inside = sorted(p for p in path.iterdir() if is_video(p)) if os.path.isdir(path) else []
        if glob.has_magic(str(path)) and not os.path.exists(path):
            inside = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
            if not inside:
                raise ConfigError(
                    f"no file fits '{path}'", "a pattern that fits some videos", "check the folder"
                )
        found += inside or [path]
    if not found:
        raise ConfigError("no video was named", "one or more videos", "merkit predict VIDEO ...")
    return tuple(dict.fromkeys(found))


def unreadable(videos: Sequence[Path], fps_hz: float | None = None) -> dict[Path, VideoError]:
    """Those that cannot be opened, and why; each is opened, before the first is analysed, which may
    take long.

    Raises:
        MissingDataError: one is not there at all, which is a slip.
    """
    from merkit.video import probe

    broken: dict[Path, VideoError] = {}
    for video in videos:
        try:
            probe(video, fps_hz)
        except VideoError as error:
            broken[video] = error
    return broken
